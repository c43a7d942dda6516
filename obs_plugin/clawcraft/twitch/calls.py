"""The calls to Twitch that are under way, so that each ends at its deadline and all end at once when OBS unloads us.

A blocking read cannot be interrupted from outside, and requests' timeouts count from the last byte, not from the
start. Shutting the socket down ends the read from any thread; a duplicate of the handle stays valid for that while
TLS wraps and detaches the original.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from urllib3.util import Retry

from clawcraft.errors import Stopping
from clawcraft.twitch.deadline import Deadline

Wait = Callable[[threading.Event, float], bool]
"""Wait for the event at most so many seconds, tell whether it is set: ``threading.Event.wait`` outside tests."""

MAX_CONNECT_S: Final = 5.0
CURRENT_CALL: Final[ContextVar["Call"]] = ContextVar("clawcraft_twitch_call")
"""The call the running thread makes: urllib3 has no other way from a request to its connection."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a call may be made: ``timeout_s`` for each try, ``retries`` further tries, all within ``deadline``;
    ``repeatable`` if doing it twice is the same as doing it once."""

    deadline: Deadline
    timeout_s: float
    retries: int
    repeatable: bool


class Call:
    """One call with its retries, made on one thread. ``may_have_applied`` is true from the first byte sent until
    Twitch says that it did nothing; ``cut_by`` tells who ended it."""

    def __init__(self, plan: Plan, closing: threading.Event, wait: Wait) -> None:
        deadline = plan.deadline
        self.deadline = deadline
        self.repeatable = plan.repeatable
        self.connect_timeout_s = min(plan.timeout_s, MAX_CONNECT_S)
        self.read_timeout_s = plan.timeout_s
        self.retry: Retry = Retry(0)
        self.cut_at = time.monotonic() + deadline.remaining_s
        self.cut_by: str | None = None
        self.may_have_applied = False
        self._closing = closing
        self._wait = wait
        self._lock = threading.Lock()
        self._handles: list[socket.socket] = []

    def watch(self, sock: socket.socket) -> None:
        """Own thread. From now on ``cut`` ends what blocks on ``sock``."""
        handle = socket.fromfd(sock.fileno(), sock.family, sock.type)
        with self._lock:
            self._handles.append(handle)
            if self.cut_by is not None:
                _shut(handle)

    def cut(self, reason: str) -> None:
        """Any thread. End the call; the first reason counts."""
        with self._lock:
            if self.cut_by is None:
                self.cut_by = reason
            for handle in self._handles:
                _shut(handle)

    def pause(self, seconds: float) -> None:
        """Own thread. Wait between two tries. Raises Stopping when the service stops meanwhile."""
        if self._wait(self._closing, min(seconds, self.deadline.remaining_s)):
            raise Stopping("the service stops", retryable=self.harmless)

    @property
    def harmless(self) -> bool:
        """Whether sending the same again cannot take effect twice."""
        return self.repeatable or not self.may_have_applied

    def finish(self) -> None:
        with self._lock:
            for handle in self._handles:
                handle.close()
            self._handles.clear()


class OpenCalls:
    """All calls under way and the one thread, ``twitch-deadline``, that cuts those whose time is over."""

    def __init__(self, wait: Wait) -> None:
        self.closing = threading.Event()
        self._wait = wait
        self._changed = threading.Condition()
        self._calls: set[Call] = set()
        self._watcher: threading.Thread | None = None

    @contextlib.contextmanager
    def open(self, plan: Plan) -> Iterator[Call]:
        """The running thread's call for as long as the block lasts. Raises Stopping once closed."""
        call = Call(plan, self.closing, self._wait)
        with self._changed:
            if self.closing.is_set():
                raise Stopping("the service stops")
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="twitch-deadline", daemon=True)
                self._watcher.start()
            self._calls.add(call)
            self._changed.notify()
        token = CURRENT_CALL.set(call)
        try:
            yield call
        finally:
            CURRENT_CALL.reset(token)
            with self._changed:
                self._calls.discard(call)
            call.finish()

    def close(self) -> None:
        """Any thread. Cut every call, refuse new ones, join the watcher. Idempotent."""
        with self._changed:
            self.closing.set()
            for call in self._calls:
                call.cut("closing")
            self._changed.notify()
        if self._watcher is not None:
            self._watcher.join()

    def _watch(self) -> None:
        with self._changed:
            while not self.closing.is_set():
                now = time.monotonic()
                waiting = [call.cut_at for call in self._calls if call.cut_by is None]
                for call in self._calls:
                    if call.cut_by is None and call.cut_at <= now:
                        call.cut("deadline")
                self._changed.wait(max(0.0, min(waiting) - now) if waiting else None)


def _shut(handle: socket.socket) -> None:
    # Not connected, or the peer was faster: there is nothing left to end.
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
