"""What EventSub notifies, as an agent gets it: few fields, cleaned and cut, whatever was sent. No state."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from clawcraft.twitch.foreign import foreign, foreign_row

ROLES: Final = ("broadcaster", "moderator", "vip", "subscriber")
EVENT_TYPES: Final = ("chat", "stream_online", "stream_offline", "follow", "subscription", "raid")
"""The types of entries, besides ``gap``."""
_MAX_COUNT: Final = 1_000_000_000
_MAX_BADGES: Final = 50

Row = Mapping[str, Any]


def entry(topic: str, event: Row, own_ids: Collection[str]) -> dict[str, Any] | None:
    """The entry for one notification; None for a type nobody subscribed to. ``own_ids`` are those of the
    service's own accounts."""
    read = _READERS.get(topic)
    return None if read is None else read(event, own_ids)


def _chat(event: Row, own_ids: Collection[str]) -> dict[str, Any]:
    reply = foreign_row(event, "reply")
    user = _user(event, "chatter_user")
    return {
        "type": "chat",
        "message_id": foreign(event, "message_id", "id"),
        "user": user,
        "roles": _roles(event.get("badges")),
        "own": user["id"] in own_ids,
        "text": foreign(foreign_row(event, "message"), "text", "chat"),
        "reply_to": foreign(reply, "parent_message_id", "id") or None,
    }


def _online(event: Row, _own_ids: Collection[str]) -> dict[str, Any]:
    started = foreign(event, "started_at", "time")
    return {"type": "stream_online", "stream_id": foreign(event, "id", "id"), "started_at": started}


def _offline(_event: Row, _own_ids: Collection[str]) -> dict[str, Any]:
    return {"type": "stream_offline"}


def _follow(event: Row, _own_ids: Collection[str]) -> dict[str, Any]:
    return {"type": "follow", "user": _user(event, "user")}


def _subscribe(event: Row, _own_ids: Collection[str]) -> dict[str, Any]:
    gifted = event.get("is_gift") is True
    return {"type": "subscription", "how": "gifted" if gifted else "new", **_subscriber(event)}


def _gift(event: Row, _own_ids: Collection[str]) -> dict[str, Any]:
    anonymous = event.get("is_anonymous") is True
    found = {"type": "subscription", "how": "gift", **_subscriber(event), "count": _count(event, "total")}
    return {**found, "user": None} if anonymous else found


def _resubscribe(event: Row, _own_ids: Collection[str]) -> dict[str, Any]:
    text = foreign(foreign_row(event, "message"), "text", "chat")
    months = _count(event, "cumulative_months")
    return {"type": "subscription", "how": "again", **_subscriber(event), "months": months, "text": text}


def _raid(event: Row, _own_ids: Collection[str]) -> dict[str, Any]:
    return {"type": "raid", "user": _user(event, "from_broadcaster_user"), "viewers": _count(event, "viewers")}


_READERS: Final[Mapping[str, Callable[[Row, Collection[str]], dict[str, Any]]]] = {
    "channel.chat.message": _chat,
    "stream.online": _online,
    "stream.offline": _offline,
    "channel.follow": _follow,
    "channel.subscribe": _subscribe,
    "channel.subscription.gift": _gift,
    "channel.subscription.message": _resubscribe,
    "channel.raid": _raid,
}


def _subscriber(event: Row) -> dict[str, Any]:
    return {"user": _user(event, "user"), "tier": foreign(event, "tier", "code")}


def _user(event: Row, prefix: str) -> dict[str, str]:
    return {
        "id": foreign(event, f"{prefix}_id", "id"),
        "login": foreign(event, f"{prefix}_login", "login"),
        "name": foreign(event, f"{prefix}_name", "name"),
    }


def _roles(badges: object) -> list[str]:
    """What Twitch says a chatter is, which no chatter can write; nothing else of the badges."""
    rows = badges[:_MAX_BADGES] if isinstance(badges, list) else []
    worn = [row.get("set_id") for row in rows if isinstance(row, dict)]
    return [role for role in ROLES if role in worn]


def _count(event: Row, name: str) -> int:
    value = event.get(name)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return min(max(0, value), _MAX_COUNT) if whole and isinstance(value, int) else 0
