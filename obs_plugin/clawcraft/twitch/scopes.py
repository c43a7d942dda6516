"""Which Twitch scope each action needs: asked for at login if the action is on, checked before its first call."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from clawcraft.actions.catalogue import ACTIONS, Policy
from clawcraft.heard import event_scopes

REQUIRED_SCOPES: Final = {action.name: action.scope for action in ACTIONS if action.scope is not None}


def login_scopes(policies: Mapping[str, Policy], events: Iterable[str] = ()) -> tuple[str, ...]:
    """What to ask for at login: the scopes of the actions that are not off, and of the ``events`` that an agent may
    hear. ``policies`` by the name of the action."""
    return (*_blocked_without(policies), *event_scopes(events))


def missing_scopes(present: Iterable[str], policies: Mapping[str, Policy]) -> list[dict[str, Any]]:
    """``[{"scope", "blocks": [action, …]}]`` for each scope that is not there and that an action needs which is on."""
    have = set(present)
    return [
        {"scope": scope, "blocks": blocks} for scope, blocks in _blocked_without(policies).items() if scope not in have
    ]


def _blocked_without(policies: Mapping[str, Policy]) -> dict[str, list[str]]:
    blocked: dict[str, list[str]] = {}
    for name, scope in REQUIRED_SCOPES.items():
        if policies[name] is not Policy.OFF:
            blocked.setdefault(scope, []).append(name)
    return blocked
