"""What the local Twitch knows: accounts, channels, categories, tokens, streams, clips, chat, and each call received.

One lock guards all of it; request threads and the test's own thread take it through ``World.lock``. Time comes from
the clock that was given, so that tokens expire when a test turns it.
"""

import itertools
import math
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from twitch_sim.chat import ChatRules
from twitch_sim.eventsub import EventSub
from twitch_sim.shelf import ADS_SCOPE, Shelf
from twitch_sim.show import SCOPES as SHOW_SCOPES
from twitch_sim.show import Show

CLIENT_ID = "simclient0000000000000000000000"
CONFIDENTIAL_CLIENT_ID = "simserver0000000000000000000000"
CLIENT_SECRET = "simsecret0000000000000000000000"
ACTION_SCOPES = ("channel:manage:broadcast", "clips:edit", "user:write:chat")
EVENT_SCOPES = ("user:read:chat", "moderator:read:followers", "channel:read:subscriptions")
ALL_SCOPES = (*ACTION_SCOPES, *EVENT_SCOPES, *SHOW_SCOPES, ADS_SCOPE)
TOKEN_LIFE_S = 4 * 3600.0
POINTS_PER_MIN = 800


class Clock(Protocol):
    """The part of the service's clock that is used here."""

    def time(self) -> float: ...


class WallClock:
    """The machine's clock."""

    def time(self) -> float:
        return time.time()


@dataclass
class User:
    id: str
    login: str
    display_name: str


@dataclass
class Channel:
    """``clips``: allowed, restricted, refused or category."""

    broadcaster_id: str
    title: str = "My first stream"
    game_id: str = "509658"
    live_since: float | None = None
    clips: str = "allowed"


@dataclass
class Stream:
    """One broadcast, and from when to when ``GET /streams`` lists it, which is later on both edges."""

    id: str
    broadcaster_id: str
    started_at: float
    listed_from: float
    listed_until: float = math.inf


@dataclass
class Token:
    access: str
    refresh: str
    user_id: str
    client_id: str
    scopes: tuple[str, ...]
    expires_at: float | None
    revoked: bool = False


@dataclass
class Clip:
    id: str
    broadcaster_id: str
    title: str
    duration: float
    listed_from: float
    """Infinite for a clip that Twitch took and never makes."""


@dataclass
class Device:
    device_code: str
    user_code: str
    client_id: str
    scopes: tuple[str, ...]
    expires_at: float
    user_id: str = "1001"
    state: str = "pending"
    polled_at: float = -math.inf


@dataclass(frozen=True)
class Received:
    """One request as it arrived, and the status it was answered with (0: none was sent)."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    status: int

    @property
    def endpoint(self) -> str:
        """``PATCH /channels`` or ``POST /oauth2/token``: the path without ``/helix``."""
        return f"{self.method} {self.path.removeprefix('/helix')}"


@dataclass
class World:
    """Everything that persists. Public attributes may be changed by a test at any time, under ``lock``.

    ``live_delay_s`` and ``offline_delay_s``: how late ``GET /streams`` is when a stream begins and ends.
    ``lost_clips``: each n-th clip is taken and never made; 0 for none. ``ignored_fields``: what ``PATCH /channels``
    answers 204 for and leaves as it is. ``banned_words``: a title with one is refused, and all that came with it.
    ``device_doubts``: so many polls of a pending login are answered with ``invalid device code``. ``chat_drop`` drops
    every message with that reason; ``chat_rules`` only those that break one. ``too_long_status``: the answer to a
    message that is too long, which Twitch gives as 400 and as 422.
    """

    clock: Clock = field(default_factory=WallClock)
    clip_delay_s: float = 5.0
    lost_clips: int = 0
    device_interval_s: int = 5
    device_doubts: int = 0
    live_delay_s: float = 0.0
    offline_delay_s: float = 0.0
    ignored_fields: frozenset[str] = frozenset()
    banned_words: tuple[str, ...] = ()
    stale_reads: int = 0
    chat_drop: Any = None
    chat_rules: ChatRules | None = None
    too_long_status: int = 400
    points_used: int = 0
    points_reset_at: float = 0.0

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self._called = threading.Condition(self.lock)
        self.eventsub = EventSub(lambda: self.clock.time())
        self.users = [
            User("1001", "clawstreamer", "ClawStreamer"),
            User("1002", "friendlyneighbour", "FriendlyNeighbour"),
            User("1003", "stranger", "Stranger"),
        ]
        self.channels = {user.id: Channel(user.id) for user in self.users}
        self.games = {
            "509658": "Just Chatting",
            "27471": "Minecraft",
            "460636": "Minecraft: Story Mode",
            "1469308723": "Software and Game Development",
            "493057": "PUBG: BATTLEGROUNDS",
            "30921": "Rocket League",
            "263490": "Rust",
            "509660": "Art",
            "1001001": "Twins",
            "1001002": "TWINS",
            "66170": "Warframe",
            "458688": "Pokémon Sun/Moon",
        }
        self.tokens: list[Token] = []
        self.devices: list[Device] = []
        self.streams: list[Stream] = []
        self.clips: list[Clip] = []
        self.chat: list[dict[str, Any]] = []
        self.calls: list[Received] = []
        self.shown: dict[str, Channel] = {}
        self._used_up: dict[str, Token] = {}
        self.shelf = Shelf()
        self.show = Show()
        self._numbers = itertools.count(1)

    # --- tokens ----------------------------------------------------------------------------------------------------

    def issue(
        self,
        user_id: str = "1001",
        client_id: str = CLIENT_ID,
        scopes: Iterable[str] = ALL_SCOPES,
        life_s: float | None = TOKEN_LIFE_S,
    ) -> Token:
        """A fresh pair of tokens; ``life_s`` None for one that does not expire."""
        with self.lock:
            expires_at = None if life_s is None else self.clock.time() + life_s
            # Recognisable in a search of logs and answers, and random enough never to collide.
            mark = f"{next(self._numbers):04d}{secrets.token_hex(12)}"
            token = Token(f"simaccess{mark}", f"simrefresh{mark}", user_id, client_id, tuple(scopes), expires_at)
            self.tokens.append(token)
            return token

    def valid(self, access: str) -> Token | None:
        with self.lock:
            now = self.clock.time()
            for token in self.tokens:
                if token.access == access and not token.revoked:
                    return token if token.expires_at is None or now < token.expires_at else None
            return None

    def renew(self, token: Token) -> Token:
        """A pair in the place of ``token``. A confidential client keeps its refresh token and both access tokens work;
        of a public client's pair nothing works any more."""
        with self.lock:
            new = self.issue(token.user_id, token.client_id, token.scopes)
            if token.client_id == CLIENT_ID:
                self._used_up[token.refresh] = token
                token.revoked = True
            else:
                new.refresh = token.refresh
            token.refresh = ""
            return new

    def cut_off(self, refresh: str) -> None:
        """Whoever sends a used up refresh token ends what the application and the user still had (Twitch's issue 903):
        also the pair that came in its place."""
        with self.lock:
            used = self._used_up.get(refresh)
            for token in self.tokens:
                if used is not None and (token.user_id, token.client_id) == (used.user_id, used.client_id):
                    token.revoked, token.refresh = True, ""

    def revoke_all(self) -> None:
        """The streamer disconnected the application: no token and no refresh token works any more."""
        with self.lock:
            for token in self.tokens:
                token.revoked = True
                token.refresh = ""

    def expire_all(self) -> None:
        """Every access token is over; refresh tokens still work."""
        with self.lock:
            for token in self.tokens:
                token.expires_at = self.clock.time()

    # --- channels --------------------------------------------------------------------------------------------------

    def user(self, user_id: str) -> User | None:
        return next((user for user in self.users if user.id == user_id), None)

    def go_live(self, user_id: str = "1001") -> None:
        """The channel streams from now on; Helix lists it ``live_delay_s`` later."""
        with self.lock:
            now = self.clock.time()
            self.channels[user_id].live_since = now
            number = f"40{user_id}{next(self._numbers):04d}"
            self.streams.append(Stream(number, user_id, now, now + self.live_delay_s))
        if user_id == self.users[0].id:
            started = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            online = {"id": number, "broadcaster_user_id": user_id, "type": "live", "started_at": started}
            self.eventsub.notify("stream.online", online)

    def go_offline(self, user_id: str = "1001") -> None:
        """The channel streams no longer; Helix lists it for another ``offline_delay_s``."""
        with self.lock:
            self.channels[user_id].live_since = None
            for stream in self.streams:
                if stream.broadcaster_id == user_id and math.isinf(stream.listed_until):
                    stream.listed_until = self.clock.time() + self.offline_delay_s
        if user_id == self.users[0].id:
            self.eventsub.notify("stream.offline", {"broadcaster_user_id": user_id})

    def listed(self, user_id: str) -> Stream | None:
        """What ``GET /streams`` shows now: the newest that it knows of, which may have ended."""
        with self.lock:
            now = self.clock.time()
            known = [row for row in self.streams if row.broadcaster_id == user_id]
            return next((row for row in reversed(known) if row.listed_from <= now < row.listed_until), None)

    def record(self, call: Received) -> None:
        with self._called:
            self.calls.append(call)
            self._called.notify_all()

    def wait_for(self, endpoint: str, number: int, timeout_s: float = 10.0) -> None:
        """Until ``endpoint`` was called that often. Raises TimeoutError with what was called instead."""
        with self._called:
            if not self._called.wait_for(lambda: self.count(endpoint) >= number, timeout_s):
                raise TimeoutError(f"{endpoint} was not called {number} times: {self.endpoints()}")

    def endpoints(self) -> list[str]:
        """The calls received so far, in order, such as ``["GET /oauth2/validate", "PATCH /channels"]``."""
        with self.lock:
            return [call.endpoint for call in self.calls]

    def count(self, endpoint: str) -> int:
        return self.endpoints().count(endpoint)
