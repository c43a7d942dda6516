"""The threads that run requests, and the places for requests that only wait.

``WorkerPool`` takes waitress's tasks in its own dispatcher's place, because that one leaves its threads behind at close
and warns about each queued request. A request that waits (long poll, twin of a running request) takes a place of
``WaitSlots`` and the pool grows by a thread meanwhile, so that waiting never uses up the workers.
"""

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, Protocol

SURPLUS_IDLE_S: Final = 10.0
"""How long a thread beyond the pool's size stays for the next wait before it ends."""

_logger = logging.getLogger("clawcraft.http")


class Task(Protocol):
    """A waitress channel with a request to run."""

    def service(self) -> None: ...

    def cancel(self) -> None: ...


class WaitSlots:
    """Counts requests that wait, at most ``limit`` at once. Any thread."""

    def __init__(self, limit: int = 64) -> None:
        self.limit = limit
        self._waiting = 0
        self._resize: Callable[[int], None] | None = None
        self._lock = threading.Lock()

    @property
    def in_use(self) -> int:
        return self._waiting

    @contextlib.contextmanager
    def waiting(self) -> Iterator[bool]:
        """Around a wait: True if there was a place; False means answer now, as things stand."""
        granted = self._add(1)
        try:
            yield granted
        finally:
            if granted:
                self._add(-1)

    def follow(self, resize: Callable[[int], None] | None) -> None:
        """From now on tell ``resize`` how many wait; None tells nobody."""
        with self._lock:
            self._resize = resize
            if resize is not None:
                resize(self._waiting)

    def _add(self, change: int) -> bool:
        with self._lock:
            if self._waiting + change > self.limit:
                return False
            self._waiting += change
            if self._resize is not None:
                self._resize(self._waiting)
            return True


class WorkerPool:
    """``size`` threads plus one for each waiting request; daemon threads, all joined by ``stop``."""

    def __init__(self, size: int, slots: WaitSlots) -> None:
        self._size = size
        self._slots = slots
        self._target = 0
        self._alive = 0
        self._busy = 0
        self._started = 0
        self._stopped = False
        self._threads: list[threading.Thread] = []
        self._tasks: deque[Task] = deque()
        self._changed = threading.Condition()

    @property
    def busy(self) -> int:
        """Threads that run a request right now."""
        return self._busy

    def start(self) -> None:
        self._slots.follow(self._resize)

    def add_task(self, task: Task) -> None:
        """waitress's loop thread and workers. A stopped pool cancels the task instead."""
        with self._changed:
            if not self._stopped:
                self._tasks.append(task)
                self._changed.notify()
                return
        task.cancel()

    def close(self) -> None:
        """Cancel what has not begun; each thread ends after the request it is in."""
        self._slots.follow(None)
        with self._changed:
            self._stopped = True
            cancelled, self._tasks = self._tasks, deque()
            self._changed.notify_all()
        for task in cancelled:
            task.cancel()

    def join(self, deadline_s: float) -> list[str]:
        """Wait for every thread until the monotonic time ``deadline_s``; the names of those still running."""
        for thread in self._threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        return [thread.name for thread in self._threads if thread.is_alive()]

    def _resize(self, waiting: int) -> None:
        with self._changed:
            self._target = self._size + waiting
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            while self._alive < self._target and not self._stopped:
                self._started += 1
                thread = threading.Thread(target=self._work, name=f"clawcraft-http-{self._started}", daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    _logger.error("the system gives no further thread; %d HTTP workers run", self._alive)
                    break
                self._threads.append(thread)
                self._alive += 1
            self._changed.notify()

    def _next_task(self) -> Task | None:
        with self._changed:
            while not self._tasks:
                surplus = self._alive > self._target
                if self._stopped or (
                    not self._changed.wait(SURPLUS_IDLE_S if surplus else None)
                    and not self._tasks
                    and self._alive > self._target
                ):
                    self._alive -= 1
                    return None
            self._busy += 1
            return self._tasks.popleft()

    def _work(self) -> None:
        while (task := self._next_task()) is not None:
            try:
                task.service()
            except Exception:
                _logger.exception("a request broke its worker")
            finally:
                with self._changed:
                    self._busy -= 1
