"""api.twitch.tv/helix, what is read of a channel beside its metadata: videos, the newest clips, the schedule of ads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from twitch_sim.answers import Answer, Asked, helix_error, rows

if TYPE_CHECKING:
    from twitch_sim.world import Token, World

ADS_SCOPE = "channel:read:ads"


@dataclass
class Shelf:
    """What is there to be read, each row as Twitch gives it. ``clips`` are in Twitch's order, by views; ``page`` is how
    many of them come at once. Without ``ads`` the next one is the show's; without that, too, the channel has none, as
    one that is no affiliate."""

    videos: list[dict[str, Any]] = field(default_factory=list)
    clips: list[dict[str, Any]] = field(default_factory=list)
    ads: dict[str, Any] | None = None
    page: int = 100

    def add_video(self, video_id: str, created_at_s: float, **fields: Any) -> None:
        """The newest one, of the first user."""
        row: dict[str, Any] = {
            "id": video_id,
            "user_id": "1001",
            "stream_id": "401001",
            "title": "A show",
            "duration": "3h8m33s",
        }
        row |= {"url": f"https://www.twitch.tv/videos/{video_id}", "view_count": 12, "type": "archive"}
        self.videos.insert(0, {**row, "created_at": timestamp(created_at_s), **fields})

    def add_clip(self, clip_id: str, created_at_s: float, **fields: Any) -> None:
        """One that was seen less than those before, of the first user."""
        row: dict[str, Any] = {"id": clip_id, "broadcaster_id": "1001", "creator_name": "Viewer", "title": "A moment"}
        row |= {"url": f"https://clips.twitch.tv/{clip_id}", "view_count": 3, "duration": 12.9}
        self.clips.append({**row, "created_at": timestamp(created_at_s), **fields})


def timestamp(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def clips_of(world: World, asked: Asked, made: list[dict[str, Any]]) -> Answer:
    """``GET /clips?broadcaster_id=``, page by page; ``made`` are those that were made here, which nobody has seen."""
    shelf, since = world.shelf, asked.query.get("started_at", "")
    wanted = asked.query["broadcaster_id"]
    found = [row for row in (*shelf.clips, *made) if row["broadcaster_id"] == wanted and row["created_at"] >= since]
    begin = int(asked.query.get("after") or 0)
    end = begin + min(shelf.page, int(asked.query.get("first", "20")))
    pagination = {"cursor": str(end)} if end < len(found) else {}
    return Answer(200, {"data": found[begin:end], "pagination": pagination})


def _get_videos(world: World, asked: Asked, _: Token) -> Answer:
    user_id, kind = asked.query.get("user_id"), asked.query.get("type", "all")
    if user_id is None:
        return helix_error(400, 'Missing required parameter "id", "game_id", or "user_id"')
    found = [row for row in world.shelf.videos if row["user_id"] == user_id and kind in ("all", row["type"])]
    return rows(found[: int(asked.query.get("first", "20"))])


def _get_ads(world: World, asked: Asked, token: Token) -> Answer:
    if asked.query.get("broadcaster_id") != token.user_id:
        return helix_error(401, "The ID in broadcaster_id must match the user ID found in the request's OAuth token.")
    if ADS_SCOPE not in token.scopes:
        return helix_error(401, f"Missing scope: {ADS_SCOPE}")
    show = world.show
    if world.shelf.ads is not None:
        return rows([world.shelf.ads])
    if show.next_ad_at is None:
        return helix_error(400, "The broadcaster is not an affiliate or partner.")
    row = {"next_ad_at": int(show.next_ad_at), "last_ad_at": 0, "duration": 60, "preroll_free_time": 0}
    return rows([{**row, "snooze_count": show.snoozes, "snooze_refresh_at": 0}])


ENDPOINTS: dict[tuple[str, str], Callable[[World, Asked, Token], Answer]] = {
    ("GET", "/helix/videos"): _get_videos,
    ("GET", "/helix/channels/ads"): _get_ads,
}
