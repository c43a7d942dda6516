"""What an agent may hear of the channel, each kind one row: the streamer's choice, the scope and the subscriptions of
EventSub follow from it. No state."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Topic:
    """One subscription type of EventSub. ``condition`` names its fields: each is the channel's id, but for ``user_id``
    and ``moderator_user_id``, which are the token's own."""

    type: str
    version: str
    condition: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event. ``name`` is what TWITCH_EVENTS lists, ``label`` ends the sentence "the agent hears"."""

    name: str
    label: str
    scope: str | None
    topics: tuple[Topic, ...]


_CHANNEL: Final = ("broadcaster_user_id",)
KINDS: Final = (
    Kind(
        "chat",
        "what is said in chat",
        "user:read:chat",
        (Topic("channel.chat.message", "1", ("broadcaster_user_id", "user_id")),),
    ),
    Kind(
        "stream",
        "when Twitch shows the stream begin and end",
        None,
        (Topic("stream.online", "1", _CHANNEL), Topic("stream.offline", "1", _CHANNEL)),
    ),
    Kind(
        "follows",
        "who follows",
        "moderator:read:followers",
        (Topic("channel.follow", "2", ("broadcaster_user_id", "moderator_user_id")),),
    ),
    Kind(
        "subscriptions",
        "who subscribes",
        "channel:read:subscriptions",
        (
            Topic("channel.subscribe", "1", _CHANNEL),
            Topic("channel.subscription.gift", "1", _CHANNEL),
            Topic("channel.subscription.message", "1", _CHANNEL),
        ),
    ),
    Kind("raids", "who raids the channel", None, (Topic("channel.raid", "1", ("to_broadcaster_user_id",)),)),
)
KINDS_BY_NAME: Final = {kind.name: kind for kind in KINDS}


def event_scopes(chosen: Iterable[str]) -> tuple[str, ...]:
    """The scopes that the chosen kinds need."""
    return tuple(kind.scope for kind in _kinds(chosen) if kind.scope is not None)


def missing_event_scopes(present: Iterable[str], chosen: Iterable[str]) -> list[dict[str, Any]]:
    """``[{"scope", "blocks": ["hearing chat"]}]`` for each scope that is not there."""
    have = set(present)
    kinds = [kind for kind in _kinds(chosen) if kind.scope is not None and kind.scope not in have]
    return [{"scope": kind.scope, "blocks": [f"hearing {kind.name}"]} for kind in kinds]


def _kinds(chosen: Iterable[str]) -> list[Kind]:
    return [KINDS_BY_NAME[name] for name in chosen]
