"""How long the script holds OBS's UI thread: while it does, OBS neither draws its window nor takes a click.

What is charged does not depend on how busy the computer is: the processor time of the thread itself, the length of a
``time.sleep``, and each wait for another thread, which only ``script_unload`` may do at all. A lock's wait cannot be
seen from here. Python's garbage collection is free: it meets whichever thread it likes, and most of what it looks
through is not the script's but that of this process, which tests.
"""

import contextlib
import gc
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from obs_mock.violations import Recorder

LIMIT_S = 0.05
UNLOAD_LIMIT_S = 1.0
LOAD_LIMIT_S = 0.5
"""The first load imports what the script is made of; later ones too, at "Reload Scripts"."""
LIMITS_S = {"script_unload": UNLOAD_LIMIT_S, "script_load": LOAD_LIMIT_S, "script_defaults": LOAD_LIMIT_S}


class _Frame:
    def __init__(self, what: str) -> None:
        self.what = what
        self.charged_s = 0.0
        self.since_s = time.thread_time()


class UiBudget:
    """The account of the thread that ``is_ui`` knows; every other thread is free."""

    def __init__(self, recorder: Recorder, is_ui: Callable[[], bool]) -> None:
        self._recorder = recorder
        self._is_ui = is_ui
        self._frames: list[_Frame | None] = []

    @contextlib.contextmanager
    def charged(self, what: str) -> Iterator[None]:
        """What runs inside is the script's ``what``. One inside another is charged for itself."""
        if not self._is_ui():
            yield
            return
        frame = _Frame(what)
        with self._entered(frame):
            yield
        limit_s = LIMITS_S.get(what, LIMIT_S)
        if frame.charged_s > limit_s:
            self._recorder.violation(f"{what} held the UI thread for {frame.charged_s:.3f} s (limit {limit_s:g} s)")

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """OBS's own doing inside a call of the script, such as the event loop of a box."""
        if not self._is_ui():
            yield
            return
        with self._entered(None):
            yield

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """The ways to wait are seen while the ``with`` lasts."""
        sleep, wait, join = time.sleep, threading.Condition.wait, threading.Thread.join
        start = threading.Thread.start

        def watched_start(thread: threading.Thread) -> None:
            with self.suspended():  # it waits until the thread runs, which is Python's doing
                start(thread)

        def watched_sleep(seconds: float) -> None:
            if (frame := self._frame()) is not None:
                frame.charged_s += seconds
            sleep(seconds)

        def watched_wait(condition: threading.Condition, timeout: float | None = None) -> bool:
            with self._waiting("Condition.wait"):
                return wait(condition, timeout)

        def watched_join(thread: threading.Thread, timeout: float | None = None) -> None:
            with self._waiting("Thread.join") if thread.is_alive() else contextlib.nullcontext():
                join(thread, timeout)

        def collecting(phase: str, _info: object) -> None:
            if (frame := self._frame()) is not None:
                if phase == "start":
                    self._stop_clock()
                else:
                    frame.since_s = time.thread_time()

        replaced: list[tuple[Any, str, Any, Any]] = [
            (time, "sleep", sleep, watched_sleep),
            (threading.Condition, "wait", wait, watched_wait),
            (threading.Thread, "join", join, watched_join),
            (threading.Thread, "start", start, watched_start),
        ]
        for owner, name, _before, watched in replaced:
            setattr(owner, name, watched)
        gc.callbacks.append(collecting)
        try:
            yield
        finally:
            gc.callbacks.remove(collecting)
            for owner, name, before, _watched in replaced:
                setattr(owner, name, before)

    @contextlib.contextmanager
    def _waiting(self, how: str) -> Iterator[None]:
        frame = self._frame()
        if frame is None:
            yield
            return
        if frame.what != "script_unload":
            self._recorder.violation(f"{frame.what} waits for another thread on the UI thread ({how})")
        began_s = time.monotonic()
        try:
            yield
        finally:
            frame.charged_s += time.monotonic() - began_s

    def _frame(self) -> _Frame | None:
        return self._frames[-1] if self._is_ui() and self._frames else None

    @contextlib.contextmanager
    def _entered(self, frame: _Frame | None) -> Iterator[None]:
        self._stop_clock()
        self._frames.append(frame)
        try:
            yield
        finally:
            self._stop_clock()
            self._frames.pop()
            if self._frames and (outer := self._frames[-1]) is not None:
                outer.since_s = time.thread_time()

    def _stop_clock(self) -> None:
        if self._frames and (frame := self._frames[-1]) is not None:
            now_s = time.thread_time()
            frame.charged_s += now_s - frame.since_s
            frame.since_s = now_s
