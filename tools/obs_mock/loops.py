"""The threads of the fake OBS: UI, output and scripting. Each is a real thread with a queue."""

import contextlib
import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

T = TypeVar("T")
HANG_S: Final = 100.0
"""Only a hang takes longer, however busy the machine is."""
Suspend = Callable[[], contextlib.AbstractContextManager[None]]


class Loop:
    """One thread that runs what is posted to it, in order of time. Nested runs are Qt's nested event loops."""

    def __init__(
        self, name: str, on_error: Callable[[BaseException], object], suspend: Suspend = contextlib.nullcontext
    ) -> None:
        """``suspend`` wraps a nested run: what the code around it is charged with stands still meanwhile."""
        self._on_error = on_error
        self._suspend = suspend
        self.level = 0
        """How many runs are inside each other: ``QThread::loopLevel``."""
        self.hangs = False
        self._news = threading.Condition()
        self._queue: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._ended = False
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 10) -> None:
        """End the thread; what is still queued is dropped, as at the end of a process."""
        self.hurry()
        self.post(self._end)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise TimeoutError(f"{self._thread.name} still runs")

    @property
    def thread(self) -> threading.Thread:
        return self._thread

    def is_current(self) -> bool:
        return threading.current_thread() is self._thread

    def post(self, fn: Callable[[], object], delay_s: float = 0.0) -> None:
        with self._news:
            heapq.heappush(self._queue, (time.monotonic() + delay_s, next(self._numbers), fn))
            self._news.notify_all()

    def call(self, fn: Callable[[], T], timeout_s: float = HANG_S) -> T:
        """``fn``'s result or exception; run here and now if this is the loop's own thread."""
        if self.is_current():
            return fn()
        done = threading.Event()
        results: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                results.append(fn())
            except BaseException as error:  # noqa: BLE001 - handed to the caller
                errors.append(error)
            done.set()

        self.post(run)
        if not done.wait(timeout_s):
            raise TimeoutError(f"{self._thread.name} did not run {fn} within {timeout_s} s")
        if errors:
            raise errors[0]
        return results[0]

    def run_until(self, done: Callable[[], bool]) -> None:
        """A nested event loop: posted work goes on while the caller waits. Only on the loop's own thread."""
        self.level += 1
        try:
            with self._suspend():
                while (fn := self._next(done)) is not None:
                    self._guarded(fn)
        finally:
            self.level -= 1

    def run_posted(self) -> None:
        """``QApplication::sendPostedEvents``: what is due now, without another loop. Only on the loop's own thread."""
        with self._news:
            last = next(self._numbers)
        with self._suspend():
            while (fn := self._due_before(last)) is not None:
                self._guarded(fn)

    def hurry(self) -> None:
        """Any thread: end the hanging, now and from now on."""
        self._hurry.set()

    def hang(self, seconds: float) -> None:
        """Do nothing for so long, or until ``hurry``."""
        if seconds > 0:
            with self._suspend():
                self.hangs = True
                self._hurry.wait(seconds)
                self.hangs = False

    @contextlib.contextmanager
    def blocked(self) -> Iterator[None]:
        """From another thread: this one does nothing while the ``with`` lasts."""
        blocked, go_on = threading.Event(), threading.Event()

        def block() -> None:
            blocked.set()
            go_on.wait(60)

        self.post(block)
        if not blocked.wait(10):
            raise TimeoutError(f"{self._thread.name} did not get there")
        try:
            yield
        finally:
            go_on.set()

    def _run(self) -> None:
        self.run_until(lambda: self._ended)

    def _guarded(self, fn: Callable[[], object]) -> None:
        """Nobody waits for it: what it raises ends up with ``on_error``, and the thread goes on."""
        try:
            fn()
        except BaseException as error:  # noqa: BLE001 - handed over
            self._on_error(error)

    def _end(self) -> None:
        self._ended = True

    def _due_before(self, last: int) -> Callable[[], object] | None:
        """None if nothing is left of it: a box in one of them may have run the others."""
        with self._news:
            due = [entry for entry in self._queue if entry[0] <= time.monotonic() and entry[1] < last]
            if not due:
                return None
            self._queue.remove(first := min(due))
            heapq.heapify(self._queue)
            return first[2]

    def _next(self, done: Callable[[], bool]) -> Callable[[], object] | None:
        with self._news:
            while not done() and not self._ended:
                wait_s = self._queue[0][0] - time.monotonic() if self._queue else None
                if wait_s is not None and wait_s <= 0:
                    return heapq.heappop(self._queue)[2]
                self._news.wait(wait_s)
        return None
