"""Which Twitch scope each action needs: asked for at login, and checked before the first call of an action."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

REQUIRED_SCOPES: Final[Mapping[str, str]] = {
    "twitch.start_stream": "channel:manage:broadcast",
    "twitch.set_title": "channel:manage:broadcast",
    "twitch.set_game": "channel:manage:broadcast",
    "twitch.post_chat_message": "user:write:chat",
    "twitch.create_clip": "clips:edit",
}
"""``start_stream`` needs its scope for title and game only; it starts without."""

LOGIN_SCOPES: Final = tuple(dict.fromkeys(REQUIRED_SCOPES.values()))


def missing_scopes(present: Iterable[str]) -> list[dict[str, Any]]:
    """``[{"scope", "blocks": [action, …]}]`` for each scope that is not there."""
    have = set(present)
    return [
        {"scope": scope, "blocks": [name for name, needed in REQUIRED_SCOPES.items() if needed == scope]}
        for scope in LOGIN_SCOPES
        if scope not in have
    ]
