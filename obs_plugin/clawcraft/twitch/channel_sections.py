"""What ``GET /channel`` is made of: for each section how it is read from Helix, how long that counts, and how it is
shown later. Read on the page's thread, shown on any. No state.

A section's data is JSON-safe. What starts with ``_`` is not shown: the moments that ages are reckoned from.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from clawcraft.clock import rfc3339
from clawcraft.twitch.foreign import foreign
from clawcraft.twitch.helix import Helix, Row

Data = dict[str, Any]

LIVE_S: Final = 10.0
STILL_S: Final = 60.0
ADS_SCOPE: Final = "channel:read:ads"
"""Asked for at login, and missed by no action."""
CLIP_DAYS: Final = (1, 7)
"""Clips are listed by their views, not their age: a short span first, in which few are before the newest."""
MAX_CLIP_PAGES: Final = 3


class NotPermitted(Exception):
    """The section needs what the streamer's token does not have: ``{"scope", "message"}``."""

    def __init__(self, scope: str, message: str) -> None:
        super().__init__(message)
        self.missing = {"scope": scope, "message": message}


@dataclass(frozen=True, slots=True)
class Section:
    """``read`` takes Helix, the channel's id and the time now (Unix seconds); None: there is none. ``show`` adds to the
    data what depends on the time now. ``counts_s``: how long it is not read again."""

    name: str
    counts_s: float
    read: Callable[[Helix, str, float], Data | None]
    show: Callable[[Data, float], Data] = lambda data, _now_s: data


def _channel(helix: Helix, broadcaster_id: str, _now_s: float) -> Data:
    channel = helix.channel(broadcaster_id)
    return {**channel.to_json(), "tags": channel.tags}


def _stream(helix: Helix, broadcaster_id: str, _now_s: float) -> Data:
    rows, _ = helix.read("streams", {"user_id": broadcaster_id})
    row = rows[0] if rows else None
    if row is None:
        return {"live": False, "stream_id": None, "started_at": None, "viewers": None, "_started_s": None}
    return {
        "live": True,
        "stream_id": foreign(row, "id", "id"),
        "started_at": foreign(row, "started_at", "time"),
        "viewers": _count(row.get("viewer_count")),
        "_started_s": _moment_s(row.get("started_at")),
    }


def _with_uptime(data: Data, now_s: float) -> Data:
    started_s = data["_started_s"]
    return {**data, "uptime_s": None if started_s is None else round(max(0.0, now_s - started_s))}


def _next_ad(helix: Helix, broadcaster_id: str, _now_s: float) -> Data | None:
    identity = helix.identity
    if ADS_SCOPE not in identity.scopes:
        raise NotPermitted(ADS_SCOPE, f"the Twitch token lacks {ADS_SCOPE}: the streamer can connect Twitch again")
    if identity.user_id != broadcaster_id:
        raise NotPermitted(ADS_SCOPE, "Twitch tells the ads of a channel to its own account only")
    rows, _ = helix.read("channels/ads", {"broadcaster_id": broadcaster_id})
    if not rows:
        return None
    row = rows[0]
    next_s, last_s = _moment_s(row.get("next_ad_at")), _moment_s(row.get("last_ad_at"))
    return {
        "next_ad_at": _shown(next_s),
        "duration_s": _count(row.get("duration")),
        "last_ad_at": _shown(last_s),
        "preroll_free_s": _count(row.get("preroll_free_time")),
        "snoozes_left": _count(row.get("snooze_count")),
        "_next_s": next_s,
    }


def _with_time_left(data: Data, now_s: float) -> Data:
    next_s = data["_next_s"]
    return {**data, "next_ad_in_s": None if next_s is None else round(max(0.0, next_s - now_s))}


def _latest_vod(helix: Helix, broadcaster_id: str, _now_s: float) -> Data | None:
    rows, _ = helix.read("videos", {"user_id": broadcaster_id, "type": "archive", "first": "1"})
    if not rows:
        return None
    row = rows[0]
    return {
        "id": foreign(row, "id", "id"),
        "stream_id": foreign(row, "stream_id", "id"),
        "title": foreign(row, "title", "title"),
        "url": foreign(row, "url", "url"),
        "created_at": foreign(row, "created_at", "time"),
        "duration_s": _duration_s(row.get("duration")),
        "views": _count(row.get("view_count")),
    }


def _latest_clip(helix: Helix, broadcaster_id: str, now_s: float) -> Data | None:
    for days in CLIP_DAYS:
        since = datetime.fromtimestamp(now_s, UTC) - timedelta(days=days)
        if rows := _clips_since(helix, broadcaster_id, since):
            row = max(rows, key=lambda each: _moment_s(each.get("created_at")) or 0.0)
            return {
                "id": foreign(row, "id", "id"),
                "title": foreign(row, "title", "title"),
                "url": foreign(row, "url", "url"),
                "creator": foreign(row, "creator_name", "login"),
                "created_at": foreign(row, "created_at", "time"),
                "duration_s": _number(row.get("duration")),
                "views": _count(row.get("view_count")),
            }
    return None


def _clips_since(helix: Helix, broadcaster_id: str, since: datetime) -> list[Row]:
    found: list[Row] = []
    started_at = since.strftime("%Y-%m-%dT%H:%M:%SZ")
    asked = {"broadcaster_id": broadcaster_id, "started_at": started_at, "first": "100"}
    for _ in range(MAX_CLIP_PAGES):
        rows, cursor = helix.read("clips", asked)
        found += rows
        if not cursor:
            break
        asked["after"] = cursor
    return found


SECTIONS: Final = (
    Section("channel", LIVE_S, _channel),
    Section("stream", LIVE_S, _stream, _with_uptime),
    Section("next_ad", LIVE_S, _next_ad, _with_time_left),
    Section("latest_vod", STILL_S, _latest_vod),
    Section("latest_clip", STILL_S, _latest_clip),
)
"""In the order in which they are read."""


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if 0 <= value < 1e12 else None


def _count(value: object) -> int | None:
    # The reference calls them whole numbers; some have come as texts.
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value):
        return int(value)
    found = _number(value)
    return None if found is None else int(found)


def _moment_s(value: object) -> float | None:
    """Unix seconds of a moment: of the ads a number, 0 for none, elsewhere a text; and the ads have come as texts."""
    if isinstance(value, str) and not value.isdigit():
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        return moment.timestamp() if moment.tzinfo and 1970 < moment.year < 9999 else None
    found = _count(value)
    return float(found) if found and found < 1e11 else None


def _shown(moment_s: float | None) -> str | None:
    return None if moment_s is None else rfc3339(moment_s)


def _duration_s(value: object) -> int | None:
    """``3h8m33s`` in seconds."""
    if not isinstance(value, str) or not value:
        return None
    found = re.fullmatch(r"(?:([0-9]{1,4})h)?(?:([0-9]{1,2})m)?(?:([0-9]{1,2})s)?", value)
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def public(data: Mapping[str, Any]) -> Data:
    """Without what is not shown."""
    return {name: value for name, value in data.items() if not name.startswith("_")}
