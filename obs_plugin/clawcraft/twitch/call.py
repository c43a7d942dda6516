"""One call to Twitch: how long it may take, and how any thread ends it at once.

A blocking read cannot be interrupted from outside, and requests' timeouts count from the last byte, not from the
start. Shutting the socket down ends the read from any thread; a duplicate of the handle stays valid for that while
TLS wraps and detaches the original.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Final, Self

from clawcraft.clock import Clock

Wait = Callable[[threading.Event, float], bool]
"""Wait for the event at most so many seconds, tell whether it is set: ``threading.Event.wait`` outside tests."""

May = Callable[[], None]
"""Raises the ClawcraftError that forbids what is about to be sent. Any thread, returns at once."""

CLOSING: Final = "closing"
CURRENT_CALL: Final[ContextVar["Call"]] = ContextVar("clawcraft_twitch_call")
"""The call the running thread makes: urllib3 has no other way from a request to its connection."""


def no_objection() -> None:
    """For what nobody forbids."""


class Deadline:
    """``total_s`` seconds from now, on the monotonic clock: how long one action may take in all, however many calls
    and waits it is made of."""

    def __init__(self, clock: Clock, total_s: float) -> None:
        self._clock = clock
        self._ends_at = clock.monotonic() + total_s
        self.total_s = total_s

    @property
    def remaining_s(self) -> float:
        return max(0.0, self._ends_at - self._clock.monotonic())


class Call:
    """The running thread's call, with its retries, for as long as the ``with`` block lasts.

    ``repeatable``: doing it twice is the same as doing it once. ``may`` is asked before each try, once there is a
    connection. ``may_have_applied`` is true from the first byte sent until Twitch says that it did nothing.
    ``cut_by`` tells who ended the call, if not Twitch; ``unconnected`` why the last try had no connection.
    ``resolvers`` are all threads that look a host up. ``must_arrive``: once sent, the end of the service does not
    cut it.
    """

    def __init__(
        self,
        deadline: Deadline,
        resolvers: set[threading.Thread],
        *,
        repeatable: bool,
        must_arrive: bool = False,
        may: May = no_objection,
    ) -> None:
        self.deadline = deadline
        self.resolvers = resolvers
        self.repeatable = repeatable
        self.must_arrive = must_arrive
        self._may = may
        self.may_have_applied = False
        self.cut_by: str | None = None
        self.unconnected = ""
        self._lock = threading.Lock()
        self._handles: list[socket.socket] = []
        self._timer = threading.Timer(deadline.remaining_s, self.cut, ("deadline",))
        self._timer.name = "twitch-deadline"
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._token = CURRENT_CALL.set(self)
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        CURRENT_CALL.reset(self._token)
        self._timer.cancel()
        # At its worst it shuts a few sockets down, which blocks nowhere.
        self._timer.join(1.0)
        del self._timer  # it knows this call: neither would be freed before the collector comes
        with self._lock:
            for handle in self._handles:
                handle.close()
            self._handles.clear()

    @property
    def harmless(self) -> bool:
        """Whether sending the same again cannot take effect twice."""
        return self.repeatable or not self.may_have_applied

    def watch(self, sock: socket.socket) -> None:
        """Own thread. From now on ``cut`` ends what blocks on ``sock``."""
        handle = socket.fromfd(sock.fileno(), sock.family, sock.type)
        with self._lock:
            self._handles.append(handle)
            if self.cut_by is not None:
                shut(handle)

    def begin_sending(self) -> None:
        """Own thread. From now on Twitch may see the request. Raises OSError if the call was cut before, and what
        forbids it by now: a wait for a connection, a token or Twitch's rate limit can be long."""
        self._may()
        with self._lock:
            if self.cut_by is not None:
                raise OSError("cut")
            self.may_have_applied = True

    def cut(self, reason: str) -> None:
        """Any thread. End the call; the first reason counts."""
        with self._lock:
            if reason == CLOSING and self.must_arrive and self.may_have_applied:
                return
            if self.cut_by is None:
                self.cut_by = reason
            for handle in self._handles:
                shut(handle)


def shut(handle: socket.socket) -> None:
    """End what blocks on the connection, in whatever thread."""
    # Not connected, or the peer was faster: there is nothing left to end.
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
