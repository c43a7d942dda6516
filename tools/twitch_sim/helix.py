"""api.twitch.tv/helix: the endpoints the service uses, with their checks in Twitch's order."""

import math
import re
import secrets
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from twitch_sim import shelf, show
from twitch_sim.answers import Answer, Asked, helix_error, rows
from twitch_sim.world import POINTS_PER_MIN, Channel, Clip, Stream, Token, User, World

Endpoint = Callable[[World, Asked, Token], Answer]


def answer(world: World, asked: Asked) -> Answer:
    """Authenticate, count the points, run the endpoint."""
    endpoint = ENDPOINTS.get((asked.method, asked.path))
    if endpoint is None:
        return helix_error(404, "")
    scheme, _, access = asked.headers.get("authorization", "").partition(" ")
    if not access or scheme.lower() != "bearer":
        return helix_error(401, "OAuth token is missing")
    client_id = asked.headers.get("client-id", "")
    if not client_id:
        return helix_error(401, "Client ID is missing")
    token = world.valid(access)
    if token is None:
        return helix_error(401, "Invalid OAuth token")
    if token.client_id != client_id:
        return helix_error(401, "Client ID and OAuth token do not match")
    limits, exceeded = _points(world)
    if exceeded:
        return replace(helix_error(429, "Too Many Requests"), headers=limits)
    found = endpoint(world, asked, token)
    return replace(found, headers={**limits, **found.headers})


def _points(world: World) -> tuple[dict[str, str], bool]:
    now = world.clock.time()
    if now >= world.points_reset_at:
        world.points_used, world.points_reset_at = 0, now + 60
    exceeded = world.points_used >= POINTS_PER_MIN
    if not exceeded:
        world.points_used += 1
    headers = {
        "Ratelimit-Limit": str(POINTS_PER_MIN),
        "Ratelimit-Remaining": str(POINTS_PER_MIN - world.points_used),
        "Ratelimit-Reset": str(math.ceil(world.points_reset_at)),
    }
    return headers, exceeded


def _require_scope(token: Token, scope: str) -> Answer | None:
    return None if scope in token.scopes else helix_error(401, f"Missing scope: {scope}")


def _get_users(world: World, asked: Asked, token: Token) -> Answer:
    wanted_id, login = asked.query.get("id"), asked.query.get("login", "").lower()
    if wanted_id is None and not login:
        wanted_id = token.user_id
    found = [user for user in world.users if user.id == wanted_id or user.login == login]
    return rows([{"id": user.id, "login": user.login, "display_name": user.display_name} for user in found])


def _get_channels(world: World, asked: Asked, _: Token) -> Answer:
    broadcaster_id = asked.query.get("broadcaster_id", "")
    user = world.user(broadcaster_id)
    if not broadcaster_id.isdigit():
        return helix_error(400, 'Missing required parameter "broadcaster_id"')
    if user is None:
        return rows([])
    channel = world.channels[user.id]
    if world.stale_reads > 0 and user.id in world.shown:
        world.stale_reads -= 1
        channel = world.shown[user.id]
    return rows(
        [
            {
                "broadcaster_id": user.id,
                "broadcaster_login": user.login,
                "broadcaster_name": user.display_name,
                "broadcaster_language": "en",
                "game_id": channel.game_id,
                "game_name": world.games.get(channel.game_id, ""),
                "title": channel.title,
                "delay": 0,
                **show.shown_lists(world, user.id),
                "is_branded_content": False,
            }
        ]
    )


def _patch_channels(world: World, asked: Asked, token: Token) -> Answer:
    broadcaster_id = asked.query.get("broadcaster_id", "")
    if not broadcaster_id:
        return helix_error(400, 'Missing required parameter "broadcaster_id"')
    if broadcaster_id != token.user_id:
        return helix_error(401, "The ID in broadcaster_id must match the user ID found in the request's OAuth token.")
    refusal = _require_scope(token, "channel:manage:broadcast")
    if refusal is not None:
        return refusal
    title, game_id = asked.body.get("title"), asked.body.get("game_id")
    if title is None and game_id is None and not show.changes_lists(asked.body):
        return helix_error(400, "Request must update at least one field.")
    if title is not None and not str(title).strip():
        return helix_error(400, "The title field cannot be empty.")
    if title is not None and len(str(title)) > 140:
        return helix_error(400, "Title is too long.")
    if game_id not in (None, "", "0") and str(game_id) not in world.games:
        return helix_error(400, "Invalid game ID")
    if title is not None and any(word in str(title).lower().split() for word in world.banned_words):
        return helix_error(400, "The title contains banned words.")
    refusal = show.refuse_lists(asked.body)
    if refusal is not None:
        return refusal
    channel = world.channels[broadcaster_id]
    world.shown[broadcaster_id] = replace(channel)
    show.apply_lists(world, broadcaster_id, asked.body)
    if title is not None and "title" not in world.ignored_fields:
        channel.title = " ".join(str(title).split())
    if game_id is not None and "game_id" not in world.ignored_fields:
        channel.game_id = "" if game_id in ("", "0") else str(game_id)
    return Answer(204)


def _get_games(world: World, asked: Asked, _: Token) -> Answer:
    name, game_id = asked.query.get("name"), asked.query.get("id")
    if name is None and game_id is None:
        return helix_error(400, 'Missing required parameter "id", "igdb_id", or "name"')
    return rows([_game(number, title) for number, title in world.games.items() if title == name or number == game_id])


def _search_categories(world: World, asked: Asked, _: Token) -> Answer:
    query = asked.query.get("query", "").lower()
    if not query:
        return helix_error(400, 'Missing required parameter "query"')
    words = re.findall(r"\w+", query)
    found = [(number, title) for number, title in world.games.items() if any(word in title.lower() for word in words)]
    # Twitch's order is not relevance: the exact match is rarely first.
    found.sort(key=lambda row: (-len(row[1]), row[0]))
    return rows([_game(number, title) for number, title in found[: int(asked.query.get("first", "20"))]])


def _game(number: str, title: str) -> dict[str, Any]:
    return {"id": number, "name": title, "box_art_url": f"https://static-cdn.jtvnw.net/ttv-boxart/{number}.jpg"}


def _post_chat(world: World, asked: Asked, token: Token) -> Answer:
    body = asked.body
    for name in ("broadcaster_id", "sender_id", "message"):
        if not body.get(name):
            return helix_error(400, f'Missing required parameter "{name}"')
    if body["sender_id"] != token.user_id:
        return helix_error(401, "The ID in sender_id must match the user ID found in the request's OAuth token.")
    refusal = _require_scope(token, "user:write:chat")
    if refusal is not None:
        return refusal
    if len(body["message"]) > 500:
        return helix_error(world.too_long_status, "The message exceeds the maximum length of 500 characters.")
    if world.user(str(body["broadcaster_id"])) is None:
        return helix_error(400, "The ID in broadcaster_id is invalid.")
    text = str(body["message"]).lstrip("/.")
    now_s = world.clock.time()
    dropped = world.chat_drop
    if dropped is None and world.chat_rules is not None:
        said = [row for row in world.chat if row["broadcaster_id"] == body["broadcaster_id"]]
        dropped = world.chat_rules.broken_by(text, now_s, said)
    if dropped is not None:
        return rows([{"message_id": "", "is_sent": False, "drop_reason": dropped}])
    message_id = str(uuid.uuid4())
    world.chat.append(
        {
            "message_id": message_id,
            "broadcaster_id": body["broadcaster_id"],
            "sender_id": body["sender_id"],
            "message": text,
            "reply_parent_message_id": body.get("reply_parent_message_id"),
            "at_s": now_s,
        }
    )
    sender = world.user(token.user_id)
    if sender is not None and body["broadcaster_id"] == world.users[0].id:
        parent = body.get("reply_parent_message_id")
        reply = {"parent_message_id": parent} if parent else None
        world.eventsub.chat(text, sender.login, user_id=sender.id, message_id=message_id, reply=reply)
    return rows([{"message_id": message_id, "is_sent": True, "drop_reason": None}])


def _post_subscriptions(world: World, asked: Asked, token: Token) -> Answer:
    status, found = world.eventsub.subscribe(asked.body, token.user_id, token.scopes)
    return rows(found, status) if status == 202 else helix_error(status, found)


def _post_clips(world: World, asked: Asked, token: Token) -> Answer:
    broadcaster_id = asked.query.get("broadcaster_id", "")
    channel = world.channels.get(broadcaster_id)
    refusal = _require_scope(token, "clips:edit")
    if refusal is not None:
        return refusal
    if channel is None:
        return helix_error(400, "The ID in broadcaster_id is invalid.")
    if not _is_live(channel):
        return helix_error(404, "Clipping is not possible for an offline channel.")
    if channel.clips == "restricted":
        return helix_error(403, "The broadcaster has restricted the ability to capture clips.")
    if channel.clips == "category":
        return helix_error(400, "Clips are not allowed for this category.")
    if channel.clips == "refused":
        return helix_error(400, "The title did not pass AutoMod checks.")
    duration = float(asked.query.get("duration", "30"))
    if not 5 <= duration <= 60:
        return helix_error(400, "The duration must be between 5 and 60 seconds.")
    clip_id = f"SimulatedClip{secrets.token_hex(6)}"
    lost = world.lost_clips and len(world.clips) % world.lost_clips == world.lost_clips - 1
    listed_from = math.inf if lost else world.clock.time() + world.clip_delay_s
    world.clips.append(Clip(clip_id, broadcaster_id, asked.query.get("title", channel.title), duration, listed_from))
    return rows([{"id": clip_id, "edit_url": f"https://clips.twitch.tv/{clip_id}/edit"}], status=202)


def _get_clips(world: World, asked: Asked, _: Token) -> Answer:
    now = world.clock.time()
    listed = [clip for clip in world.clips if now >= clip.listed_from]
    if "broadcaster_id" in asked.query:
        return shelf.clips_of(world, asked, [_clip(clip) for clip in listed])
    return rows([_clip(clip) for clip in listed if clip.id == asked.query.get("id")])


def _clip(clip: Clip) -> dict[str, Any]:
    return {
        "id": clip.id,
        "url": f"https://clips.twitch.tv/{clip.id}",
        "embed_url": f"https://clips.twitch.tv/embed?clip={clip.id}",
        "broadcaster_id": clip.broadcaster_id,
        "creator_name": "ClawStreamer",
        "title": clip.title,
        "duration": clip.duration,
        "view_count": 0,
        "created_at": _timestamp(clip.listed_from),
    }


def _get_streams(world: World, asked: Asked, _: Token) -> Answer:
    user = world.user(asked.query.get("user_id", ""))
    if user is None:
        return rows([])
    listed = world.listed(user.id)
    return rows([] if listed is None else [_stream(world, user, listed)])


def _stream(world: World, user: User, stream: Stream) -> dict[str, Any]:
    channel = world.channels[user.id]
    return {
        "id": stream.id,
        "user_id": user.id,
        "user_login": user.login,
        "user_name": user.display_name,
        "game_id": channel.game_id,
        "game_name": world.games.get(channel.game_id, ""),
        "type": "live",
        "title": channel.title,
        "viewer_count": 0,
        "started_at": _timestamp(stream.started_at),
        "language": "en",
    }


def _is_live(channel: Channel) -> bool:
    return channel.live_since is not None


def _timestamp(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("GET", "/helix/users"): _get_users,
    ("GET", "/helix/channels"): _get_channels,
    ("PATCH", "/helix/channels"): _patch_channels,
    ("GET", "/helix/games"): _get_games,
    ("GET", "/helix/search/categories"): _search_categories,
    ("POST", "/helix/chat/messages"): _post_chat,
    ("POST", "/helix/clips"): _post_clips,
    ("GET", "/helix/clips"): _get_clips,
    ("GET", "/helix/streams"): _get_streams,
    ("POST", "/helix/eventsub/subscriptions"): _post_subscriptions,
    **shelf.ENDPOINTS,
    **show.ENDPOINTS,
}
