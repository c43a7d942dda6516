"""One EventSub session: its welcome, its keep-alive, and its moves from one connection to the next without a loss.

One thread uses it; ``cut`` ends it from any other.
"""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.clock import Clock
from clawcraft.telemetry.events import EventLog
from clawcraft.twitch.call import Deadline
from clawcraft.twitch.event_socket import EventSocket, SocketLost
from clawcraft.twitch.foreign import foreign, foreign_row

CONNECT_S: Final = 10.0
LOOK_EVERY_S: Final = 0.5
"""How often a silent connection is judged."""
KEEPALIVE_MARGIN_S: Final = 5.0
FAREWELL_S: Final = 5.0
MOVE_TRIES: Final = 2
_KEEPALIVE_S: Final = 10.0
_MAX_KEEPALIVE_S: Final = 600.0
_EVENTS: Final = ("notification", "revocation")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """A notification or a revocation. ``id`` is empty, and ``kind`` too, for what could not be read."""

    kind: str
    id: str
    topic: str
    status: str
    event: Row


class EventSession:
    """Not connected until ``open``. ``resolvers`` are all threads that look a host up, which nothing can cut; ``id`` is
    what subscriptions name; ``heard_at_s`` (wall clock) when anything came last."""

    def __init__(self, clock: Clock, log: EventLog, resolvers: set[threading.Thread]) -> None:
        self._clock = clock
        self._log = log
        self._lock = threading.Lock()
        self._cut = False
        self._sockets: set[EventSocket] = set()
        self._socket: EventSocket | None = None
        self._keepalive_s = _KEEPALIVE_S
        self._resolvers = resolvers
        self.id = ""
        self._heard()

    def open(self, url: str) -> None:
        """Connect, and wait for the welcome. Raises SocketLost."""
        self._socket, self.id = self._connected(url)

    def next(self) -> list[Message]:
        """What came, waiting LOOK_EVERY_S for it. Raises SocketLost, also when nothing came for too long."""
        if self._socket is None:
            raise SocketLost("not connected")
        found = self._socket.receive(LOOK_EVERY_S)
        if found is None:
            silent_s = self._clock.monotonic() - self._heard_s
            if silent_s > self._keepalive_s + KEEPALIVE_MARGIN_S:
                raise SocketLost(f"nothing came from Twitch for {silent_s:.0f} s")
            return []
        self._heard()
        if _type(found) == "session_reconnect":
            return list(self._move(foreign(_session(found), "reconnect_url", "address")))
        return list(_messages(found))

    def cut(self) -> None:
        """Any thread. End it at once."""
        with self._lock:
            self._cut = True
            for each in self._sockets:
                each.cut()

    def close(self) -> None:
        """Idempotent."""
        with self._lock:
            sockets, self._sockets = self._sockets, set()
        for each in sockets:
            each.close()

    def _heard(self) -> None:
        self._heard_s, self.heard_at_s = self._clock.monotonic(), self._clock.time()

    def _connected(self, url: str) -> tuple[EventSocket, str]:
        """A connection that was welcomed, and the session's id."""
        deadline = Deadline(self._clock, CONNECT_S)
        fresh = EventSocket(self._resolvers)
        with self._lock:
            self._sockets.add(fresh)
            if self._cut:
                fresh.cut()
        try:
            fresh.open(url, deadline)
            while deadline.remaining_s > 0:
                found = fresh.receive(min(LOOK_EVERY_S, deadline.remaining_s))
                if found is not None and _type(found) == "session_welcome":
                    session = _session(found)
                    self._keepalive_s = _seconds(session.get("keepalive_timeout_seconds")) or self._keepalive_s
                    self._heard()
                    return fresh, foreign(session, "id", "address")
            raise SocketLost("Twitch did not welcome the connection in time")
        except BaseException:
            self._drop(fresh)
            raise

    def _drop(self, sock: EventSocket) -> None:
        with self._lock:
            self._sockets.discard(sock)
        sock.close()

    def _move(self, url: str) -> Iterator[Message]:
        """Twitch wants the session elsewhere: what the old connection still brings comes first. Without a new one the
        old goes on until Twitch ends it."""
        old = self._socket
        for _ in range(MOVE_TRIES):
            try:
                self._socket, self.id = self._connected(url)
                break
            except (SocketLost, ValueError) as error:
                self._log.event("events_move_failed", reason=str(error))
        else:
            return
        self._log.event("events_moved")
        if old is not None:
            for found in old.rest(FAREWELL_S):
                yield from _messages(found)
            self._drop(old)


def _messages(found: Row) -> Iterator[Message]:
    metadata, kind = foreign_row(found, "metadata"), _type(found)
    if kind in _EVENTS:
        payload = foreign_row(found, "payload")
        subscription = foreign_row(payload, "subscription")
        yield Message(
            kind,
            foreign(metadata, "message_id", "address"),
            foreign(subscription, "type", "code"),
            foreign(subscription, "status", "code"),
            foreign_row(payload, "event"),
        )
    elif not kind:
        yield Message("", "", "", "", {})


def _type(found: Row) -> str:
    return foreign(foreign_row(found, "metadata"), "message_type", "code")


def _session(found: Row) -> Row:
    return foreign_row(foreign_row(found, "payload"), "session")


def _seconds(value: object) -> float:
    whole = isinstance(value, int | float) and not isinstance(value, bool)
    return min(float(value), _MAX_KEEPALIVE_S) if whole and isinstance(value, int | float) and value > 0 else 0.0
