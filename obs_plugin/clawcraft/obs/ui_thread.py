"""Calls on OBS's UI thread from any other thread, each with a deadline.

``call`` may be used from any thread. On the UI thread itself OBS runs a queued task at once, so ``call`` there is a
plain call. The UI thread never waits for us: it runs a task, hands over the result and goes on.

OBS keeps an address and a number for each task in its queue and cannot be made to forget them. At exit it runs what
is left right behind script_unload and before Python ends (29 to 32: ``sendPostedEvents`` in ClearSceneData; the
interpreter goes with the modules). So nothing has to be drained, but the callback has to outlive its queue: without
that, 20 tasks left behind hung OBS 29 at exit in freed memory; with it they are 20 calls that find nothing to do.
"""

import contextlib
import ctypes
import itertools
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, cast

from clawcraft.errors import ObsUnavailable, ObsUnresponsive, Stopping
from clawcraft.obs.libobs import TASK, Libobs, LibobsMissing

T = TypeVar("T")
POSTING_DEADLINE_S: Final = 0.5


class _Task(Generic[T]):
    """One call on its way: it runs once, or never when its caller gave up first."""

    def __init__(self, fn: Callable[[], T], after: Callable[[T], object] | None) -> None:
        self._fn = fn
        self._after = after
        self._ending = threading.Lock()
        self._given_up = False
        self._settled = threading.Event()
        self._result: T | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """UI thread. Nothing may get out of here: ctypes would print it on stderr."""
        try:
            result = self._fn()
        except BaseException as error:  # noqa: BLE001 - it is raised again in the caller
            self.fail(error)
            return
        with self._ending:
            if self._given_up:
                return  # the caller has been told that nothing came of it, and nothing may
            self._result = result
            self._settled.set()
        if self._after is not None:
            with contextlib.suppress(Exception):  # its caller has gone on; a traceback on stderr opens a window
                self._after(result)

    def fail(self, error: BaseException) -> None:
        self._error = error
        self._settled.set()

    def wait(self, timeout_s: float) -> bool:
        """False if the caller has to give up; then nothing follows any more."""
        if self._settled.wait(timeout_s):
            return True
        with self._ending:
            self._given_up = not self._settled.is_set()
            return not self._given_up

    def outcome(self) -> T:
        if self._error is not None:
            raise self._error
        return cast(T, self._result)


class UiThread:
    """The one door to OBS's UI thread. Made at script_load, closed at script_unload.

    ``on_call`` is told of each call's outcome ("ok", "error" or "timeout") and its seconds, in the calling thread.
    """

    def __init__(
        self, libobs: Libobs | LibobsMissing, on_call: Callable[[str, float], None] = lambda _outcome, _duration_s: None
    ) -> None:
        self._libobs = libobs
        self._on_call = on_call
        self._ids = itertools.count(1)
        self._changed = threading.Condition()
        self._tasks: dict[int, _Task[Any]] = {}
        self._posting = 0
        self._in_flight = 0
        self._closed = False
        self._callback = TASK(self._run)

    def call(self, fn: Callable[[], T], timeout_s: float, *, after: Callable[[T], object] | None = None) -> T:
        """``fn()``'s result, from OBS's UI thread; what it raises is raised here.

        ``after`` gets the result on the UI thread right behind ``fn``, with nothing in between, and this call does
        not wait for it: for what may stay in OBS for long, such as a start that ends in an error box.
        Raises ObsUnresponsive when ``fn`` has not been run to its end after ``timeout_s``; if it had not begun, it
        never will, and ``after`` does not follow. Raises Stopping once closed, ObsUnavailable without libobs.
        """
        if isinstance(self._libobs, LibobsMissing):
            raise ObsUnavailable(
                f"This OBS cannot be controlled from a script: {self._libobs.reason}.",
                retryable=False,
                hint="OBS runs, but a try again will not help; tell the streamer what the message says.",
            )
        began_s = time.monotonic()
        outcome = "error"
        try:
            task = _Task(fn, after)
            task_id = self._post(self._libobs, task)
            if not task.wait(timeout_s):
                with self._changed:
                    self._tasks.pop(task_id, None)
                outcome = "timeout"
                raise ObsUnresponsive(
                    f"OBS's UI thread did not answer within {timeout_s:g} s.", details={"waited_s": timeout_s}
                )
            result = task.outcome()
            outcome = "ok"
            return result
        finally:
            self._on_call(outcome, time.monotonic() - began_s)

    def post(self, fn: Callable[[], object]) -> None:
        """``fn()`` on OBS's UI thread, soon; on the UI thread itself at once. Nobody waits for it."""
        if not isinstance(self._libobs, LibobsMissing):
            with contextlib.suppress(Stopping):
                self._post(self._libobs, _Task(fn, None))

    def close(self) -> None:
        """Any thread. Nobody waits any more and no task runs any more; idempotent."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.wait_for(lambda: self._posting == 0, POSTING_DEADLINE_S)
            waiting, self._tasks = self._tasks, {}
            if self._in_flight:
                # Qt still holds our callback's address and will call it; it then finds no task. The interpreter
                # must not free it before: one reference that is never given back.
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._callback))
        for task in waiting.values():
            task.fail(Stopping("The service is stopping; OBS was not asked."))

    def _post(self, libobs: Libobs, task: "_Task[Any]") -> int:
        task_id = next(self._ids)
        with self._changed:
            if self._closed:
                raise Stopping("The service is stopping; OBS was not asked.")
            self._tasks[task_id] = task
            self._in_flight += 1
            self._posting += 1
        try:
            # Outside the lock: on the UI thread this runs the task.
            libobs.queue_task(self._callback, task_id)
        finally:
            with self._changed:
                self._posting -= 1
                self._changed.notify_all()
        return task_id

    def _run(self, task_id: int | None) -> None:
        with self._changed:
            self._in_flight -= 1
            task = self._tasks.pop(task_id or 0, None)
        if task is not None:
            task.run()
