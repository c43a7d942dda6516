"""Which Twitch scope each action needs: asked for at login, and checked before the first call of an action."""

from collections.abc import Iterable
from typing import Any, Final

from clawcraft.actions.catalogue import ACTIONS

REQUIRED_SCOPES: Final = {action.name: action.scope for action in ACTIONS if action.scope is not None}

LOGIN_SCOPES: Final = tuple(dict.fromkeys(REQUIRED_SCOPES.values()))

BOT_SCOPES: Final = (REQUIRED_SCOPES["twitch.post_chat_message"],)
"""Twitch asks for ``user:bot`` and ``channel:bot`` only where an app token speaks; the bot speaks with its own."""


def missing_scopes(present: Iterable[str], needed_ones: Iterable[str] = LOGIN_SCOPES) -> list[dict[str, Any]]:
    """``[{"scope", "blocks": [action, …]}]`` for each scope of ``needed_ones`` that is not there."""
    have = set(present)
    return [
        {"scope": scope, "blocks": [name for name, needed in REQUIRED_SCOPES.items() if needed == scope]}
        for scope in needed_ones
        if scope not in have
    ]
