"""Threads that take turns, on a clock that moves only when all of them wait: the same steps end alike every time.

``Lockstep`` gives what modules take from ``threading`` and ``time``; ``put_into`` has them take it from here. Exactly
one of its threads runs at any moment. It gives its turn away where it has to wait and, with a seed, now and then where
it takes a lock, so that each seed is another order in which the threads may meet.
"""

import random
import sys
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final, Self

import pytest

HANG_S: Final = 100.0
BEGINS_S: Final = 1000.0
"""Small, so that the shortest wait still moves the clock."""
SHORTEST_S: Final = 1e-6
SWITCHES: Final = 0.1
"""How likely a turn ends at a lock."""


class Deadlock(AssertionError):
    """Every thread waits, and none for the clock."""


class Ended(BaseException):
    """Raised where a thread waits when the test is over."""


class Turn:
    """A thread's place: ``ready`` says whether it could go on, ``due_s`` when it goes on in any case."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.go = threading.Lock()  # not what the fake OBS watches: a turn is no wait of the script's
        self.go.acquire()
        self.ready: Callable[[], bool] = lambda: True
        self.due_s: float | None = None


class Lockstep:
    """Made on the thread of the test, which takes turns as the others do. Without a seed a turn ends only where a
    thread waits."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._switches = SWITCHES if seed else 0.0
        self._now_s = BEGINS_S
        self._main = Turn("the test")
        self._resting = False
        self._turns = [self._main]
        self._of_thread = {threading.get_ident(): self._main}
        self._threads: dict[int, Thread] = {}
        self._begun: list[threading.Thread] = []
        self._deadlock = ""
        self._ended = False

    def put_into(self, patch: pytest.MonkeyPatch, *prefixes: str, real_threads: tuple[str, ...] = ()) -> None:
        """All loaded modules of these packages see this clock, and wait here, except those with ``real_threads``: they
        watch the process."""
        makers = {kind.__name__: self._maker(kind) for kind in (Lock, RLock, Condition, Event, Thread)}
        threads = SimpleNamespace(**makers, local=threading.local, current_thread=self.current_thread)
        # Code takes no time here: what a thread is charged with is what it waits.
        clock = SimpleNamespace(monotonic=self.monotonic, time=self.time, thread_time=self.monotonic, sleep=time.sleep)
        for name, module in list(sys.modules.items()):
            if name.startswith(prefixes):
                if hasattr(module, "time"):
                    patch.setattr(module, "time", clock)
                if hasattr(module, "threading") and name not in real_threads:
                    patch.setattr(module, "threading", threads)

    # --- the clock ------------------------------------------------------------------------------------------------

    def monotonic(self) -> float:
        return self._now_s

    def time(self) -> float:
        return 1_780_000_000.0 + self._now_s

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)

    def pass_time(self, seconds: float) -> None:
        """The test's thread: so much time goes by, and all that is due in it happens."""
        until_s = self._now_s + seconds
        self.rest()
        while (due_s := self._next_due_s()) is not None and due_s <= until_s:
            self._now_s = max(self._now_s, due_s)
            self.rest()
        self._now_s = max(self._now_s, until_s)

    def rest(self) -> None:
        """The test's thread: until every other one waits for something that only the test or the clock brings."""
        self._resting = True
        try:
            self.block(lambda: False)
        finally:
            self._resting = False

    # --- turns ----------------------------------------------------------------------------------------------------

    def block(self, ready: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Until ``ready``, which says so itself, or for so long."""
        turn = self._of_thread[threading.get_ident()]
        if self._ended:
            raise Ended
        turn.ready = ready
        turn.due_s = None if timeout_s is None else self._now_s + max(timeout_s, SHORTEST_S)
        self._switch(turn)
        turn.ready, turn.due_s = (lambda: True), None
        return ready()

    def may_switch(self) -> None:
        """Where threads could meet."""
        if self._switches and not self._ended and self._random.random() < self._switches:
            self._switch(self._of_thread[threading.get_ident()])

    def current_thread(self) -> Any:
        return self._threads.get(threading.get_ident()) or threading.current_thread()

    def close(self) -> None:
        """The test's thread: all others end where they are. No thread is left."""
        self._ended = True
        for turn in self._turns:
            if turn is not self._main:
                turn.go.release()
        for thread in self._begun:
            thread.join(HANG_S)

    def enter(self, thread: "Thread") -> None:
        """A thread begins: it waits for its first turn."""
        thread.turn.go.acquire()
        self._of_thread[threading.get_ident()] = thread.turn
        self._threads[threading.get_ident()] = thread
        if self._ended:
            raise Ended

    def begin(self, thread: "Thread") -> None:
        self._turns.append(thread.turn)
        self._begun.append(thread.real)

    def leave(self, thread: "Thread") -> None:
        """A thread ends, and the next one has its turn."""
        if not self._ended:
            self._turns.remove(thread.turn)
        del self._of_thread[threading.get_ident()], self._threads[threading.get_ident()]
        if not self._ended:
            self._choose(thread.turn).go.release()

    def _switch(self, turn: Turn) -> None:
        chosen = self._choose(turn)
        if chosen is not turn:
            chosen.go.release()
            if not turn.go.acquire(timeout=HANG_S):
                raise TimeoutError(f"{turn.name} has no turn: another thread waits past the lockstep")
        if self._ended:
            raise Ended
        if turn is self._main and self._deadlock:
            raise Deadlock(self._deadlock)

    def _choose(self, after: Turn) -> Turn:
        while True:
            place = self._turns.index(after) + 1 if after in self._turns else 0
            others = self._turns[place:] + self._turns[:place]
            able = [turn for turn in others if turn.ready() or (turn.due_s is not None and turn.due_s <= self._now_s)]
            if able:
                return self._random.choice(able) if self._switches else able[0]
            if self._resting:
                return self._main
            due_s = self._next_due_s()
            if due_s is None:
                self._deadlock = f"these wait for each other: {', '.join(turn.name for turn in self._turns)}"
                return self._main
            self._now_s = max(self._now_s, due_s)

    def _next_due_s(self) -> float | None:
        return min((turn.due_s for turn in self._turns if turn.due_s is not None), default=None)

    def _maker(self, kind: Any) -> Callable[..., Any]:
        return lambda *args, **options: kind(self, *args, **options)


class RLock:
    """``threading.RLock``."""

    def __init__(self, steps: Lockstep) -> None:
        self._steps = steps
        self._owner: int | None = None
        self._count = 0

    def acquire(self) -> bool:
        me = threading.get_ident()
        if self._owner != me:
            self._steps.may_switch()
            while self._owner is not None:
                self._steps.block(lambda: self._owner is None)
            self._owner = me
        self._count += 1
        return True

    def release(self) -> None:
        self._count -= 1
        if self._count == 0:
            self._owner = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_error: object) -> None:
        self.release()

    def give_up(self) -> int:
        """However often it is held: not at all; how often it was."""
        count, self._count, self._owner = self._count, 0, None
        return count

    def take_back(self, count: int) -> None:
        self.acquire()
        self._count = count


class Lock(RLock):
    """``threading.Lock``."""

    def acquire(self) -> bool:
        assert self._owner != threading.get_ident(), "a thread waits for itself"
        return super().acquire()


class Condition:
    """``threading.Condition``."""

    def __init__(self, steps: Lockstep) -> None:
        self._steps = steps
        self._lock = RLock(steps)
        self._waiting: list[list[bool]] = []

    def __enter__(self) -> Self:
        self._lock.acquire()
        return self

    def __exit__(self, *_error: object) -> None:
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        told: list[bool] = []
        self._waiting.append(told)
        count = self._lock.give_up()
        try:
            self._steps.block(lambda: bool(told), timeout)
            self._lock.take_back(count)
        finally:
            self._waiting[:] = [other for other in self._waiting if other is not told]
        return bool(told)

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        until_s = None if timeout is None else self._steps.monotonic() + timeout
        while not (value := predicate()):
            left_s = None if until_s is None else until_s - self._steps.monotonic()
            if left_s is not None and left_s <= 0:
                break
            self.wait(left_s)
        return value

    def notify_all(self) -> None:
        for told in self._waiting:
            told.append(True)


class Event:
    """``threading.Event``."""

    def __init__(self, steps: Lockstep) -> None:
        self._steps = steps
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True

    def wait(self, timeout: float | None = None) -> bool:
        return self._set or self._steps.block(self.is_set, timeout)


class Thread:
    """``threading.Thread``."""

    def __init__(
        self, steps: Lockstep, target: Callable[..., object], name: str, args: tuple[Any, ...] = (), daemon: bool = True
    ) -> None:
        self._steps = steps
        self._target = target
        self._args = args
        self.name = name
        self.turn = Turn(name)
        self.real = threading.Thread(target=self._run, name=name, daemon=daemon)
        self._over = False

    def start(self) -> None:
        self._steps.begin(self)
        self.real.start()

    def is_alive(self) -> bool:
        return not self._over

    def join(self, timeout: float | None = None) -> None:
        if not self._over:
            self._steps.block(self._is_over, timeout)

    def _is_over(self) -> bool:
        return self._over

    def _run(self) -> None:
        try:
            self._steps.enter(self)
            self._target(*self._args)
        except Ended:
            pass
        finally:
            self._over = True
            self._steps.leave(self)
