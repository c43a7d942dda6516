"""Hearing the channel: EventSub over a WebSocket, in one thread that runs as long as the streamer's choice stands.

A session is: token and scopes looked at, connection, welcome, subscriptions within Twitch's 10 s, then messages until
something ends it. Then the next, after a while that grows. What was not heard in between is said as a gap.
"""

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from clawcraft.clock import Clock
from clawcraft.errors import ClawcraftError, TwitchNotConfigured, TwitchTokenInvalid
from clawcraft.telemetry.events import EventLog, incident
from clawcraft.twitch import notifications
from clawcraft.twitch.broadcaster import Broadcaster
from clawcraft.twitch.call import Wait
from clawcraft.twitch.event_memory import EventMemory
from clawcraft.twitch.event_session import EventSession, Message
from clawcraft.twitch.event_socket import SocketLost
from clawcraft.twitch.helix import Helix
from clawcraft.twitch.oauth import Identity
from clawcraft.twitch.subscriptions import Lost, Subscriptions

SUBSCRIBE_S: Final = 9.0
"""Twitch closes a session without a subscription after 10."""
LOCAL_RETRY_S: Final = 10.0
"""After what no call was made for: no token, or no scope."""
FIRST_BACKOFF_S: Final = 1.0
MAX_BACKOFF_S: Final = 60.0
STEADY_S: Final = 30.0
"""A session that held so long was a good one: the next is tried soon."""
SEEN_IDS: Final = 2_000
_STOPS: Final = "the service stops"
_LOCAL: Final = (TwitchNotConfigured, TwitchTokenInvalid)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the streamer lets an agent hear, and where; ``channel`` are the settings that name the channel."""

    kinds: tuple[str, ...]
    url: str
    channel: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Account:
    """What EventSub needs of the rest of Twitch's side. ``helix`` takes the seconds of its calls in all; ``connected``
    tells whether there is a pair of tokens; ``identity`` is the streamer's, ``bot`` that of the account that speaks in
    chat."""

    helix: Callable[[float], Helix]
    channel: Callable[[Helix], Broadcaster]
    connected: Callable[[], bool]
    identity: Callable[[], Identity | None]
    bot: Callable[[], Identity | None]


@dataclass
class Heard:
    """What outlives a choice: the memory, what is not heard and since when, and the ids of the last messages, since
    Twitch delivers at least once. ``tell`` is given each entry."""

    memory: EventMemory
    tell: Callable[[Mapping[str, Any]], None]
    lost: Lost = field(default_factory=dict)
    seen: dict[str, None] = field(default_factory=dict)


class _NothingToHear(Exception):
    """Every chosen kind lacks its scope."""


class EventSub:
    """One choice, heard from ``start`` to ``begin_stop``."""

    def __init__(self, choice: Choice, account: Account, heard: Heard, clock: Clock, wait: Wait, log: EventLog) -> None:
        self.choice = choice
        self._account = account
        self._heard = heard
        self._clock = clock
        self._wait = wait
        self._log = log
        self._stop = threading.Event()
        self._resolvers: set[threading.Thread] = set()
        self._session = EventSession(clock, log, self._resolvers)
        self._failures = 0
        self.subscriptions = Subscriptions(choice.kinds, None, heard.memory, heard.lost, clock)
        self.channel = ""
        """The login of the channel that is heard; empty before it is known."""
        self.connected_since_s: float | None = None
        self.problem = "not connected yet"
        """Why there is no session; empty while there is one."""
        self._thread = threading.Thread(target=self._run, name="twitch-events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def begin_stop(self) -> None:
        """Any thread. End whatever it does, at once; its calls to Helix are the transport's to cut."""
        self._stop.set()
        self._session.cut()

    def leave(self) -> None:
        """Any thread. It did not end in time: what it still does touches nothing of what its successor hears."""
        self.subscriptions.leave("switched_off", _STOPS, self._session.heard_at_s)

    @property
    def threads(self) -> list[threading.Thread]:
        """What runs: to be joined after ``begin_stop``."""
        return [thread for thread in (self._thread, *self._resolvers) if thread.is_alive()]

    # --- the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            self._session = EventSession(self._clock, self._log, self._resolvers)
            if self._stop.is_set():  # looked at after the session is the one that begin_stop cuts
                return
            wait_s = self._one_session()
            if self._wait(self._stop, wait_s):
                return

    def _one_session(self) -> float:
        """From its connection to its end; the seconds until the next."""
        begun_s = self._clock.monotonic()
        try:
            self._hear(self._session)
            reason = _STOPS
        except _NothingToHear:
            return self._ended(self.subscriptions.problem, LOCAL_RETRY_S)
        except _LOCAL as error:
            return self._ended(f"{error.message}. {error.hint}", LOCAL_RETRY_S)
        except (SocketLost, ClawcraftError) as error:
            reason = _STOPS if self._stop.is_set() else str(error)
        except Exception as error:  # noqa: BLE001 - a defect here must not make the service deaf for good
            reason = incident(self._log, error).message
        finally:
            self._session.close()
        steady = self.connected_since_s is not None and self._clock.monotonic() - begun_s >= STEADY_S
        self._failures = 1 if steady else self._failures + 1
        backoff_s = min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(10, self._failures - 1))
        # Everybody whom Twitch cut off in the same instant would otherwise come back in the same instant.
        return self._ended(reason, backoff_s * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, keeps no secret

    def _ended(self, reason: str, wait_s: float) -> float:
        if reason != self.problem:
            self._log.event("events_lost", reason=reason)
        word = "switched_off" if self._stop.is_set() else "connection_lost"
        self.subscriptions.lose(word, reason, self._session.heard_at_s)
        self.connected_since_s, self.problem = None, reason
        return wait_s

    def _hear(self, session: EventSession) -> None:
        # Before the connection: without a token there is nothing to connect for.
        helix = self._account.helix(SUBSCRIBE_S)
        identity = helix.identity
        heard = self._heard
        self.subscriptions = Subscriptions(self.choice.kinds, identity.scopes, heard.memory, heard.lost, self._clock)
        if not self.subscriptions.possible:
            raise _NothingToHear
        channel = self._account.channel(helix)
        self.channel = channel.login
        session.open(self.choice.url)
        self._subscribe(channel, identity.user_id)
        if not self.subscriptions.active:
            raise SocketLost(self.subscriptions.problem)
        self.connected_since_s, self.problem = self._clock.time(), ""
        self._log.event("events_connected", kinds=[each["kind"] for each in self.subscriptions.to_json()])
        while not self._stop.is_set():
            for message in session.next():
                self._take(message, identity.user_id)
            if not self.subscriptions.active:  # all revoked: what comes next is another login's to hear
                raise SocketLost(self.subscriptions.problem)
            if not self._account.connected():
                raise SocketLost("Twitch is not connected any more")
            if self._renewed(identity):
                raise SocketLost("the Twitch login changed")
            if self.subscriptions.due:
                self._subscribe(channel, identity.user_id)

    def _subscribe(self, channel: Broadcaster, own_id: str) -> None:
        helix = self._account.helix(SUBSCRIBE_S)
        self.subscriptions.create(helix, own_id, channel.id, self._session.id, self._stop.is_set)

    def _renewed(self, identity: Identity) -> bool:
        """Whether somebody else's token, or one that may more, is in use by now."""
        now = self._account.identity()
        return now is not None and (now.user_id, now.scopes) != (identity.user_id, identity.scopes)

    def _own_ids(self, streamer_id: str) -> list[str]:
        bot = self._account.bot()
        return [each for each in (streamer_id, bot.user_id if bot is not None else "") if each]

    def _take(self, message: Message, own_id: str) -> None:
        seen = self._heard.seen
        if message.id in seen:
            return
        if message.id:
            seen[message.id] = None
            if len(seen) > SEEN_IDS:
                del seen[next(iter(seen))]  # the oldest
        if message.kind == "revocation":
            self._log.event("events_revoked", topic=message.topic, status=message.status)
            self.subscriptions.revoke(message.topic, message.status)
            return
        found = notifications.entry(message.topic, message.event, self._own_ids(own_id)) if message.kind else None
        if found is None:
            now_s = self._clock.time()
            said = "Twitch sent what cannot be read"
            self._heard.memory.add_gap(self.choice.kinds, now_s, now_s, "unreadable", said)
            return
        self._heard.memory.add(found)
        self._heard.tell(found)
