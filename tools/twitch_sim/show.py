"""api.twitch.tv/helix, what a show needs beside title, chat and clips: markers, announcements, shoutouts, raids, ads,
polls, and the tags and labels of a channel. Each with its checks in Twitch's order.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from twitch_sim.answers import Answer, Asked, helix_error, rows

if TYPE_CHECKING:
    from twitch_sim.world import Token, World

SCOPES = (
    *("moderator:manage:announcements", "moderator:manage:shoutouts", "channel:manage:raids"),
    *("channel:edit:commercial", "channel:manage:ads", "channel:manage:polls"),
)
LABELS = (
    *("DebatedSocialIssuesAndPolitics", "DrugsIntoxication", "Gambling"),
    *("ProfanityVulgarity", "SexualThemes", "ViolentGraphic"),
)
AD_LENGTHS = (30, 60, 90, 120, 150, 180)
AD_PAUSE_S = 480
RAID_S = 90.0
SHOUTOUT_S = 120.0
SAME_SHOUTOUT_S = 3600.0


@dataclass
class Poll:
    id: str
    broadcaster_id: str
    title: str
    choices: dict[str, int]
    duration: int
    started_at: float
    ended: str = ""

    def status(self, now_s: float) -> str:
        return self.ended or ("ACTIVE" if now_s < self.started_at + self.duration else "COMPLETED")


@dataclass
class Show:
    """What has happened. ``affiliate``: has ads and polls; ``keeps_vods``: can have markers; ``no_raids``: the logins
    that take none; ``snoozes``: how many are left; ``votes``: what the choices of the next poll get."""

    affiliate: bool = True
    keeps_vods: bool = True
    no_raids: tuple[str, ...] = ()
    snoozes: int = 3
    next_ad_at: float | None = None
    votes: tuple[int, ...] = ()
    tags: dict[str, list[str]] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    markers: list[dict[str, Any]] = field(default_factory=list)
    announcements: list[dict[str, Any]] = field(default_factory=list)
    shoutouts: list[tuple[float, str]] = field(default_factory=list)
    raids: list[dict[str, Any]] = field(default_factory=list)
    ads: list[tuple[float, int]] = field(default_factory=list)
    polls: list[Poll] = field(default_factory=list)

    def pending_raid(self, now_s: float) -> dict[str, Any] | None:
        found = [raid for raid in self.raids if not raid["cancelled"] and now_s < raid["at_s"] + RAID_S]
        return found[-1] if found else None


# --- tags and labels: a part of PATCH and GET /channels -----------------------------------------------------------


def changes_lists(body: Mapping[str, Any]) -> bool:
    return "tags" in body or "content_classification_labels" in body


def refuse_lists(body: Mapping[str, Any]) -> Answer | None:
    tags, labels = body.get("tags"), body.get("content_classification_labels")
    if tags is not None:
        if len(tags) > 10:
            return helix_error(400, "The maximum number of tags is 10.")
        if any(not re.fullmatch(r"[^\W_]{1,25}", tag) for tag in tags):
            return helix_error(400, "One or more tags contain invalid characters or are too long.")
        if len({tag.casefold() for tag in tags}) < len(tags):
            return helix_error(400, "Duplicate tags are not allowed.")
    if labels is not None and any(label.get("id") not in LABELS for label in labels):
        return helix_error(400, "The ID in content_classification_labels is not valid.")
    return None


def apply_lists(world: World, broadcaster_id: str, body: Mapping[str, Any]) -> None:
    show = world.show
    if body.get("tags") is not None:
        show.tags[broadcaster_id] = list(body["tags"])
    for label in body.get("content_classification_labels") or ():
        kept = [each for each in show.labels.get(broadcaster_id, []) if each != label["id"]]
        show.labels[broadcaster_id] = [*kept, *([label["id"]] if label["is_enabled"] else [])]


def shown_lists(world: World, broadcaster_id: str) -> dict[str, Any]:
    show = world.show
    return {
        "tags": show.tags.get(broadcaster_id, []),
        "content_classification_labels": show.labels.get(broadcaster_id, []),
    }


# --- the stream ---------------------------------------------------------------------------------------------------


def _post_markers(world: World, asked: Asked, token: Token) -> Answer:
    user_id, description = asked.body.get("user_id"), asked.body.get("description", "")
    if not user_id:
        return helix_error(400, 'Missing required parameter "user_id"')
    if refusal := _refused(token, "channel:manage:broadcast"):
        return refusal
    if len(description) > 140:
        return helix_error(400, "The description is too long.")
    channel = world.channels.get(user_id)
    if channel is None:
        return helix_error(404, "The user was not found.")
    if user_id != token.user_id:
        return helix_error(403, "The user is not authorized to create markers for this channel.")
    if channel.live_since is None or not world.show.keeps_vods:
        return helix_error(404, "Unable to create a stream marker: the channel is not live or keeps no VODs.")
    now_s = world.clock.time()
    marker = {
        "id": uuid.uuid4().hex,
        "created_at": _timestamp(now_s),
        "description": description,
        "position_seconds": int(now_s - channel.live_since),
    }
    world.show.markers.append(marker)
    return rows([marker])


def _post_commercial(world: World, asked: Asked, token: Token) -> Answer:
    length = asked.body.get("length")
    if refusal := _own(asked.body.get("broadcaster_id"), token, "channel:edit:commercial"):
        return refusal
    if not isinstance(length, int) or length <= 0:
        return helix_error(400, "The length is not valid.")
    show, now_s = world.show, world.clock.time()
    if not show.affiliate:
        return helix_error(400, "The broadcaster is not a Partner or an Affiliate.")
    if world.channels[token.user_id].live_since is None:
        return helix_error(400, "To start a commercial, the broadcaster must be streaming live.")
    if show.ads and now_s < show.ads[-1][0] + AD_PAUSE_S:
        return helix_error(400, "The broadcaster may not run another commercial until the cooldown period expires.")
    run = max((each for each in AD_LENGTHS if each <= length), default=AD_LENGTHS[0])
    show.ads.append((now_s, run))
    return rows([{"length": run, "message": "", "retry_after": AD_PAUSE_S}])


def _post_snooze(world: World, asked: Asked, token: Token) -> Answer:
    if refusal := _own(asked.query.get("broadcaster_id"), token, "channel:manage:ads"):
        return refusal
    show = world.show
    if world.channels[token.user_id].live_since is None:
        return helix_error(400, "The channel is not currently live.")
    if show.next_ad_at is None:
        return helix_error(400, "The broadcaster does not have an upcoming ad scheduled.")
    if show.snoozes == 0:
        return helix_error(429, "The broadcaster does not have any available snoozes.")
    show.snoozes -= 1
    show.next_ad_at += 300
    refresh_at = world.clock.time() + 3600
    # The reference says RFC 3339; Twitch sends Unix seconds.
    row = {"snooze_count": show.snoozes, "snooze_refresh_at": int(refresh_at), "next_ad_at": int(show.next_ad_at)}
    return rows([row])


# --- chat and other channels ----------------------------------------------------------------------------------------


def _post_announcements(world: World, asked: Asked, token: Token) -> Answer:
    if refusal := _moderates(asked.query.get("broadcaster_id"), asked, token, "moderator:manage:announcements"):
        return refusal
    message, colour = str(asked.body.get("message") or ""), asked.body.get("color", "primary")
    if not message.strip():
        return helix_error(400, "The message field in the request's body is required.")
    if colour not in ("blue", "green", "orange", "purple", "primary"):
        return helix_error(400, "The value in the color field is not valid.")
    # A longer one is cut, without a word.
    world.show.announcements.append({"message": message[:500], "color": colour})
    return Answer(204)


def _post_shoutouts(world: World, asked: Asked, token: Token) -> Answer:
    from_id, to_id = asked.query.get("from_broadcaster_id"), asked.query.get("to_broadcaster_id", "")
    if refusal := _moderates(from_id, asked, token, "moderator:manage:shoutouts"):
        return refusal
    if from_id == to_id:
        return helix_error(400, "The broadcaster may not give themselves a Shoutout.")
    if world.user(to_id) is None:
        return helix_error(400, "The ID in to_broadcaster_id is not valid.")
    if world.channels[str(from_id)].live_since is None:
        return helix_error(400, "The broadcaster is not streaming live or does not have one or more viewers.")
    given, now_s = world.show.shoutouts, world.clock.time()
    if given and now_s < given[-1][0] + SHOUTOUT_S:
        return helix_error(429, "The broadcaster exceeded the number of Shoutouts they may send within a given window.")
    if any(each == to_id and now_s < at_s + SAME_SHOUTOUT_S for at_s, each in given):
        return helix_error(429, "The broadcaster exceeded the number of Shoutouts for the specified broadcaster.")
    given.append((now_s, to_id))
    return Answer(204)


def _post_raids(world: World, asked: Asked, token: Token) -> Answer:
    from_id, to_id = asked.query.get("from_broadcaster_id"), asked.query.get("to_broadcaster_id", "")
    if refusal := _own(from_id, token, "channel:manage:raids"):
        return refusal
    target = world.user(to_id)
    if target is None:
        return helix_error(404, "The targeted channel was not found.")
    if from_id == to_id:
        return helix_error(400, "The raiding broadcaster and the targeted channel cannot be the same.")
    if target.login in world.show.no_raids:
        return helix_error(400, "The targeted channel's settings do not allow you to raid it.")
    now_s = world.clock.time()
    if world.show.pending_raid(now_s) is not None:
        return helix_error(409, "The broadcaster is already in the process of raiding another channel.")
    world.show.raids.append({"target": target.login, "at_s": now_s, "cancelled": False})
    return rows([{"created_at": _timestamp(now_s), "is_mature": False}])


def _delete_raids(world: World, asked: Asked, token: Token) -> Answer:
    if refusal := _own(asked.query.get("broadcaster_id"), token, "channel:manage:raids"):
        return refusal
    pending = world.show.pending_raid(world.clock.time())
    if pending is None:
        return helix_error(404, "The broadcaster does not have a pending raid to cancel.")
    pending["cancelled"] = True
    return Answer(204)


# --- polls ----------------------------------------------------------------------------------------------------------


def _post_polls(world: World, asked: Asked, token: Token) -> Answer:
    body, show, now_s = asked.body, world.show, world.clock.time()
    if refusal := _own(body.get("broadcaster_id"), token, "channel:manage:polls"):
        return refusal
    if not show.affiliate:
        return helix_error(403, "The broadcaster is not a Partner or an Affiliate.")
    titles = [str(choice.get("title", "")) for choice in body.get("choices", [])]
    if not 1 <= len(str(body.get("title", ""))) <= 60:
        return helix_error(400, "The title field must have 1 to 60 characters.")
    if not 2 <= len(titles) <= 5 or any(not 1 <= len(title) <= 25 for title in titles):
        return helix_error(400, "The choices field must have 2 to 5 choices of 1 to 25 characters.")
    if not 15 <= int(body.get("duration", 0)) <= 1800:
        return helix_error(400, "The duration field must be from 15 to 1800.")
    if any(poll.status(now_s) == "ACTIVE" for poll in show.polls):
        return helix_error(400, "The broadcaster already has a poll that's running.")
    votes = [*show.votes, *([0] * len(titles))]
    choices = dict(zip(titles, votes, strict=False))
    show.polls.append(Poll(str(uuid.uuid4()), token.user_id, str(body["title"]), choices, body["duration"], now_s))
    return rows([_poll(show.polls[-1], now_s, counted=False)])


def _get_polls(world: World, asked: Asked, token: Token) -> Answer:
    if refusal := _own(asked.query.get("broadcaster_id"), token, "channel:manage:polls"):
        return refusal
    wanted = asked.query.get("id")
    found = [poll for poll in reversed(world.show.polls) if wanted in (None, poll.id)]
    if wanted is not None and not found:
        return helix_error(404, "The poll was not found.")
    return rows([_poll(poll, world.clock.time()) for poll in found[: int(asked.query.get("first", "20"))]])


def _patch_polls(world: World, asked: Asked, token: Token) -> Answer:
    body, now_s = asked.body, world.clock.time()
    if refusal := _own(body.get("broadcaster_id"), token, "channel:manage:polls"):
        return refusal
    if body.get("status") not in ("TERMINATED", "ARCHIVED"):
        return helix_error(400, "The value in the status field is not valid.")
    poll = next((each for each in world.show.polls if each.id == body.get("id")), None)
    if poll is None:
        return helix_error(404, "The poll was not found.")
    if poll.status(now_s) != "ACTIVE":
        return helix_error(400, "The poll must be active to terminate or archive it.")
    poll.ended = body["status"]
    return rows([_poll(poll, now_s)])


def _poll(poll: Poll, now_s: float, *, counted: bool = True) -> dict[str, Any]:
    choices = [
        {"id": str(number), "title": title, "votes": votes if counted else 0, "channel_points_votes": 0}
        for number, (title, votes) in enumerate(poll.choices.items())
    ]
    return {
        "id": poll.id,
        "broadcaster_id": poll.broadcaster_id,
        "title": poll.title,
        "choices": choices,
        "status": poll.status(now_s),
        "duration": poll.duration,
        "started_at": _timestamp(poll.started_at),
    }


# --- who may --------------------------------------------------------------------------------------------------------


def _refused(token: Token, scope: str) -> Answer | None:
    return None if scope in token.scopes else helix_error(401, f"Missing scope: {scope}")


def _own(broadcaster_id: object, token: Token, scope: str) -> Answer | None:
    if not broadcaster_id:
        return helix_error(400, 'Missing required parameter "broadcaster_id"')
    if broadcaster_id != token.user_id:
        return helix_error(401, "The ID in broadcaster_id must match the user ID found in the request's OAuth token.")
    return _refused(token, scope)


def _moderates(broadcaster_id: object, asked: Asked, token: Token, scope: str) -> Answer | None:
    if not broadcaster_id:
        return helix_error(400, 'Missing required parameter "broadcaster_id"')
    if asked.query.get("moderator_id") != token.user_id:
        return helix_error(401, "The ID in moderator_id must match the user ID found in the request's OAuth token.")
    if refusal := _refused(token, scope):
        return refusal
    return None if broadcaster_id == token.user_id else helix_error(403, "The user is not one of the moderators.")


def _timestamp(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


ENDPOINTS: dict[tuple[str, str], Callable[[World, Asked, Token], Answer]] = {
    ("POST", "/helix/streams/markers"): _post_markers,
    ("POST", "/helix/channels/commercial"): _post_commercial,
    ("POST", "/helix/channels/ads/schedule/snooze"): _post_snooze,
    ("POST", "/helix/chat/announcements"): _post_announcements,
    ("POST", "/helix/chat/shoutouts"): _post_shoutouts,
    ("POST", "/helix/raids"): _post_raids,
    ("DELETE", "/helix/raids"): _delete_raids,
    ("POST", "/helix/polls"): _post_polls,
    ("GET", "/helix/polls"): _get_polls,
    ("PATCH", "/helix/polls"): _patch_polls,
}
