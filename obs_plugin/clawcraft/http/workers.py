"""The threads that serve requests, and the places for requests that only wait.

One thread at a time leads: it looks at the sockets and serves what it finds there itself, so that a request meets no
other thread on its way. Before a request waits for a disk, OBS, Twitch or a job, its thread has another one take over
the lead. waitress's own dispatcher hands each request to another thread (which costs 0.1 ms and more while OBS
encodes), does not join its threads, and warns about each request that has to queue.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

MAX_WAITING: Final = 64
"""Requests that wait at once, so that waiting never uses up the workers. Where there is no place, answer now, as things
stand."""
IDLE_KEPT: Final = 4
"""Threads that stay although nobody needs them now."""

_logger = logging.getLogger("clawcraft.http")


class Workers:
    """At most ``limit`` daemon threads, made as they are needed. The one that leads calls ``look`` again and again,
    which calls ``add_task``, and returns False once all is closed: then every thread ends."""

    def __init__(self, look: Callable[[], bool], limit: int) -> None:
        self._look = look
        self._limit = limit
        self._tasks: deque[Any] = deque()
        self._lock = threading.Lock()
        self._leader: int | None = None
        self._idle: list[threading.Event] = []
        """What calls each thread that rests. The last to rest is called first: where a few threads do all the work, the
        C library keeps memory for a few only, and the processor's caches know them."""
        self._ended = False
        self._started = 0
        self._threads: list[threading.Thread] = []
        self.busy = 0
        """Threads that run a request right now."""

    def start(self) -> None:
        with self._lock:
            self._add_thread()
            self._add_thread()  # the first request that may block finds it

    def add_task(self, channel: Any) -> None:
        """waitress, in any thread: a connection has a request to run. The leader takes it after this look."""
        self._tasks.append(channel)

    def leads(self) -> bool:
        """Whether the calling thread leads."""
        return self._leader == threading.get_ident()

    def may_block(self) -> None:
        """A thread before its request may wait: another takes over the lead. Where the system or ``limit`` gives none,
        everybody waits along."""
        if not self.leads():
            return
        with self._lock:
            if self._idle:
                self._idle.pop().set()
            elif not self._add_thread():
                return
            self._leader = None

    def cancel_all(self) -> None:
        """The leader: what has not begun never will."""
        while self._tasks:
            self._tasks.popleft().cancel()

    def join(self, deadline_s: float) -> list[str]:
        """Wait for every thread until the monotonic time ``deadline_s``; the names of those still running."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        return [thread.name for thread in threads if thread.is_alive()]

    def _add_thread(self) -> bool:
        """Under the lock."""
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        if len(self._threads) >= self._limit:
            return False
        self._started += 1
        thread = threading.Thread(target=self._work, name=f"clawcraft-http-{self._started}", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            _logger.error("the system gives no further thread; %d HTTP workers run", len(self._threads))
            return False
        self._threads.append(thread)
        return True

    def _work(self) -> None:
        while (task := self._next()) is not None:
            with self._lock:
                self.busy += 1
            try:
                task.service()
            except Exception:
                _logger.exception("a request broke its worker")
            finally:
                with self._lock:
                    self.busy -= 1

    def _next(self) -> Any:
        """The next task, for the thread that leads; None ends the thread."""
        if not self._take_the_lead():
            return None
        while not self._tasks:
            if self._ended or not self._look():
                with self._lock:
                    self._ended = True
                    self._leader = None
                    while self._idle:
                        self._idle.pop().set()
                return None
        return self._tasks.popleft()

    def _take_the_lead(self) -> bool:
        """Wait for it; False for a thread that nobody needs."""
        if self.leads():
            return True
        while True:
            with self._lock:
                if self._leader is None:
                    self._leader = threading.get_ident()
                    return True
                if len(self._idle) >= IDLE_KEPT:
                    return False
                called = threading.Event()
                self._idle.append(called)
            called.wait()
