"""Which Twitch scope each action needs: asked for at login, and checked before the first call of an action."""

from collections.abc import Iterable
from typing import Any, Final

from clawcraft.actions.catalogue import ACTIONS

REQUIRED_SCOPES: Final = {action.name: action.scope for action in ACTIONS if action.scope is not None}

LOGIN_SCOPES: Final = tuple(dict.fromkeys(REQUIRED_SCOPES.values()))


def missing_scopes(present: Iterable[str]) -> list[dict[str, Any]]:
    """``[{"scope", "blocks": [action, …]}]`` for each scope that is not there."""
    have = set(present)
    return [
        {"scope": scope, "blocks": [name for name, needed in REQUIRED_SCOPES.items() if needed == scope]}
        for scope in LOGIN_SCOPES
        if scope not in have
    ]
