"""The Helix endpoints the actions use, one method each, and what Twitch's refusals mean. Any thread.

A ``Helix`` lives for one action: it carries the action's deadline, so that no call of it outlasts the action, and what
may forbid the action meanwhile, which is asked before each try of a call that changes something.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from clawcraft.errors import ClawcraftError, TwitchMissingScope, TwitchRejected, TwitchTokenInvalid, TwitchUnavailable
from clawcraft.heard import Topic
from clawcraft.settings import Settings
from clawcraft.twitch.call import Deadline, May, no_objection
from clawcraft.twitch.foreign import foreign, foreign_texts
from clawcraft.twitch.oauth import Identity
from clawcraft.twitch.scopes import REQUIRED_SCOPES
from clawcraft.twitch.tokens import Lease, TokenKeeper
from clawcraft.twitch.transport import NOT_KNOWN, Reply, Request, Transport

MAX_TAGS: Final = 10

Row = Mapping[str, Any]
_REFUSED_TWICE: Final = (
    "Nothing was done. Wait a minute and send the same request again; if it stays so, the streamer has to connect "
    "Twitch again (OBS script panel)."
)
_NOT_THE_OWNER: Final = (
    "The account of the Twitch token may not do this in this channel, and changing the request does not help: the "
    "streamer has to connect Twitch as the channel's owner (OBS script panel)."
)
_TOO_LONG: Final = "Twitch counts it as too long (it may count some characters twice): send a shorter text."


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel's metadata; ``game_id`` and ``game`` are empty without a category."""

    title: str
    game_id: str
    game: str
    tags: list[str]

    def to_json(self) -> dict[str, str]:
        return {"title": self.title, "game_id": self.game_id, "game": self.game}


@dataclass(frozen=True, slots=True)
class Game:
    """A category of Twitch."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Stream:
    """A row of ``GET /streams``. ``age_s``: for how long it has been live by Twitch's own clock, None if that cannot be
    told."""

    id: str
    started_at: str
    age_s: float | None
    title: str
    game: str


@dataclass(eq=False)
class Helix:
    """Twitch's API for one action. Besides what its docstring says, every method raises TwitchRejected,
    TwitchUnavailable, TwitchTokenInvalid, TwitchMissingScope, TwitchNotConfigured, Timeout or Stopping; what changes
    something, also what ``may`` raises."""

    _transport: Transport
    _tokens: TokenKeeper
    _settings: Callable[[], Settings]
    deadline: Deadline
    _action: str
    _may: May = no_objection

    def ready(self) -> Self:
        """Check, before anything is sent, that there is a token and that it may do this action."""
        self._lease()
        return self

    @property
    def identity(self) -> Identity:
        """Whose token it is."""
        return self._tokens.lease(self.deadline).identity

    def user(self, *, login: str = "", user_id: str = "") -> tuple[str, str] | None:
        """``(id, login)`` of an account, or None if there is none."""
        rows = self._rows("GET", "users", params={"login": login} if login else {"id": user_id})
        return (foreign(rows[0], "id", "id"), foreign(rows[0], "login", "login").lower()) if rows else None

    def channel(self, broadcaster_id: str, *, within_s: float | None = None) -> Channel:
        """``within_s``: give up after so many seconds, before the action's own deadline."""
        rows = self._rows("GET", "channels", params={"broadcaster_id": broadcaster_id}, within_s=within_s)
        if not rows:
            raise TwitchRejected("Twitch knows no such channel", details={"broadcaster_id": broadcaster_id})
        row = rows[0]
        game_id = foreign(row, "game_id", "id")
        return Channel(
            title=foreign(row, "title", "title"),
            game_id="" if game_id == "0" else game_id,
            game=foreign(row, "game_name", "game"),
            tags=foreign_texts(row, "tags", "tag", MAX_TAGS),
        )

    def modify_channel(self, broadcaster_id: str, changes: Mapping[str, str]) -> None:
        self._send("PATCH", "channels", params={"broadcaster_id": broadcaster_id}, body=changes)

    def games(self, *, name: str = "", game_id: str = "", within_s: float | None = None) -> list[Game]:
        """The category with exactly this name or id. ``within_s`` as for ``channel``."""
        params = {"name": name} if name else {"id": game_id}
        return _games(self._rows("GET", "games", params=params, within_s=within_s))

    def search_categories(self, query: str, *, within_s: float | None = None) -> list[Game]:
        """Categories that resemble ``query``, in no useful order. ``within_s`` as for ``channel``."""
        params = {"query": query, "first": "50"}
        return _games(self._rows("GET", "search/categories", params=params, within_s=within_s))

    def send_chat_message(self, broadcaster_id: str, message: str, reply_to: str | None) -> Row:
        """``{"message_id", "is_sent", "drop_reason"}``; a dropped message is no error here."""
        body = {"broadcaster_id": broadcaster_id, "sender_id": self.identity.user_id, "message": message}
        if reply_to:
            body["reply_parent_message_id"] = reply_to
        return self._rows("POST", "chat/messages", body=body, repeatable=False)[0]

    def create_clip(self, broadcaster_id: str, title: str | None, duration_s: float | None) -> Row:
        """``{"id", "edit_url"}`` of a clip that Twitch will try to make."""
        params = {"broadcaster_id": broadcaster_id}
        if title is not None:
            params["title"] = title
        if duration_s is not None:
            params["duration"] = f"{duration_s:g}"
        return self._rows("POST", "clips", params=params, repeatable=False)[0]

    def clip(self, clip_id: str) -> Row | None:
        """The finished clip, or None as long as there is none."""
        rows = self._rows("GET", "clips", params={"id": clip_id})
        return rows[0] if rows else None

    def stream(self, broadcaster_id: str) -> Stream | None:
        """The stream that is listed, or None: offline, or live but not yet indexed. One that has ended stays listed for
        minutes."""
        reply = self._send("GET", "streams", params={"user_id": broadcaster_id})
        rows = _rows_of(reply, repeatable=True)
        if not rows:
            return None
        row = rows[0]
        started_at = foreign(row, "started_at", "time")
        return Stream(
            id=foreign(row, "id", "id"),
            started_at=started_at,
            age_s=_age_s(started_at, reply.served_at_s),
            title=foreign(row, "title", "title"),
            game=foreign(row, "game_name", "game"),
        )

    def subscribe(self, topic: Topic, condition: Mapping[str, str], session_id: str) -> None:
        """Have EventSub notify the WebSocket session of what happens. TwitchRejected with status 409: it does."""
        transport = {"method": "websocket", "session_id": session_id}
        body = {"type": topic.type, "version": topic.version, "condition": condition, "transport": transport}
        self._send("POST", "eventsub/subscriptions", body=body)

    def read(self, path: str, params: Mapping[str, str]) -> tuple[list[Row], str]:
        """The rows of a GET, and the cursor of the next page, empty if there is none."""
        reply = self._send("GET", path, params=params)
        pages = reply.data.get("pagination")
        return _rows_of(reply, repeatable=True), foreign(pages, "cursor", "url") if isinstance(pages, dict) else ""

    # --- one call --------------------------------------------------------------------------------------------------

    def _lease(self) -> Lease:
        lease = self._tokens.lease(self.deadline)
        needed = REQUIRED_SCOPES.get(self._action)
        if needed is not None and needed not in lease.identity.scopes:
            raise TwitchMissingScope(
                f"the Twitch token lacks the scope {needed}, which {self._action} needs",
                details={
                    "missing": [needed],
                    "present": sorted(lease.identity.scopes),
                    "action": self._action,
                },
            )
        return lease

    def _rows(self, method: str, path: str, *, repeatable: bool = True, **how: Any) -> list[Row]:
        """The rows of the answer: any number to a read, at least one to what must not be repeated."""
        return _rows_of(self._send(method, path, repeatable=repeatable, **how), repeatable=repeatable)

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        repeatable: bool = True,
        within_s: float | None = None,
        fine: int | None = None,
    ) -> Reply:
        """``fine``: a status that is no refusal either."""
        lease = self._lease()
        left_s = self.deadline.remaining_s
        deadline = self.deadline if within_s is None else self._transport.deadline(min(within_s, left_s))

        def once(lease: Lease, *, doubtful: bool = False) -> Reply:
            request = Request(
                method,
                f"{self._settings().twitch_api_url}/{path}",
                f"{method} /{path}",
                token=lease.access,
                client_id=lease.identity.client_id,
                params=params,
                body=body,
                repeatable=repeatable,
                may=no_objection if method == "GET" else self._may,
                doubtful=doubtful,
            )
            return self._transport.send(request, deadline)

        reply = once(lease)
        if reply.status == 401:
            # Twitch did nothing, so that even a chat message may be sent again with a token that works.
            renewed = self._after_unauthorized(lease, reply)
            if renewed.access != lease.access:
                reply = once(renewed, doubtful=reply.doubtful)
        if 200 <= reply.status < 300 or reply.status == fine:
            return reply
        raise self._refusal(reply, harmless=repeatable)

    def _after_unauthorized(self, lease: Lease, reply: Reply) -> Lease:
        said = reply.message.lower()
        if "invalid oauth token" in said:
            return self._tokens.refused(lease, self.deadline)
        if "scope" in said:
            return lease
        # The wording is Twitch's to change, and mocks have their own: validation decides.
        return self._tokens.confirm(lease, self.deadline)

    def _refusal(self, reply: Reply, *, harmless: bool) -> ClawcraftError:
        message = reply.sentence
        if reply.status == 429:
            return TwitchUnavailable(
                message,
                details=reply.evidence,
                retry_after_s=reply.retry_after_s,
                hint="Twitch's rate limit is used up; wait before sending the same request again.",
            )
        if reply.status >= 500 or reply.status < 400:
            hint = None if harmless else NOT_KNOWN
            return TwitchUnavailable(message, details=reply.evidence, retryable=harmless, hint=hint)
        said = reply.message.lower()
        if reply.status == 401 and "scope" in said:
            needed = REQUIRED_SCOPES.get(self._action)
            details = {**reply.evidence, "missing": [needed] if needed else [], "action": self._action}
            return TwitchMissingScope(message, details=details)
        if reply.status == 401 and "client" in said:
            return TwitchTokenInvalid(message, details=reply.evidence)
        if reply.status == 401 and "invalid oauth token" in said:
            # Twice, although validation stands by the token or it is new: its servers do not agree yet.
            return TwitchUnavailable(message, details=reply.evidence, retryable=True, hint=_REFUSED_TWICE)
        if reply.status == 401:
            message = f"{message} (the token is that of {self.identity.login})"
            return TwitchRejected(message, details=reply.evidence, hint=_NOT_THE_OWNER)
        if reply.status in (400, 422) and "length" in said:
            return TwitchRejected(message, details=reply.evidence, hint=_TOO_LONG)
        return TwitchRejected(message, details=reply.evidence)


def _age_s(started_at: str, served_at_s: float | None) -> float | None:
    # Both are Twitch's: the clock of this machine may be wrong by minutes.
    try:
        return None if served_at_s is None else served_at_s - datetime.fromisoformat(started_at).timestamp()
    except ValueError:
        return None


def _rows_of(reply: Reply, *, repeatable: bool) -> list[Row]:
    rows = reply.data.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not (rows or repeatable):
        said = f"Twitch's answer to {reply.endpoint} cannot be read"
        hint = None if repeatable else NOT_KNOWN
        raise TwitchUnavailable(said, details=reply.evidence, retryable=repeatable, hint=hint)
    return rows


def _games(rows: list[Row]) -> list[Game]:
    games = [Game(foreign(row, "id", "id"), foreign(row, "name", "game")) for row in rows]
    return [game for game in games if game.id and game.name]
