"""The script inside the fake OBS: what it registered, and which thread is inside one of its hooks or callbacks."""

import threading
import time
import traceback
import types
import weakref
from collections.abc import Callable
from typing import Any

from obs_mock.budget import UiBudget
from obs_mock.violations import Recorder

ScriptFunction = Callable[..., Any]


class Callback:
    """A function of the script that OBS holds. OBS marks it removed before script_unload."""

    def __init__(self, fn: ScriptFunction, what: str) -> None:
        self.fn = fn
        self.what = what
        self.removed = False


class NativeCallback:
    """A C callback, with its ``data``: belongs to no script, so only whoever added it removes it. OBS keeps an address:
    one that Python has freed, or whose interpreter has ended, is a crash."""

    def __init__(self, fn: ScriptFunction, data: int | None, what: str, recorder: Recorder, budget: UiBudget) -> None:
        self._fn: weakref.ref[Any] = weakref.ref(fn)
        self._recorder = recorder
        self._budget = budget
        self.data = data
        self.what = what

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NativeCallback) and (self._fn(), self.data) == (other._fn(), other.data)

    def __hash__(self) -> int:
        return hash((self.what, self.data))

    def __call__(self, *args: object) -> None:
        fn = self._fn()
        if fn is None:
            self._recorder.violation(f"{self.what}: a ctypes callback ran that was freed: crash")
            return
        with self._budget.charged(self.what):
            fn(*args)


class Scripting:
    """OBS keeps one "current script", set while a hook or callback runs. Here it belongs to the thread, so that what
    works in OBS by the luck of another thread being inside a hook is a violation."""

    def __init__(self, recorder: Recorder, on_error: Callable[[str, str], None], budget: UiBudget) -> None:
        self._recorder = recorder
        self._budget = budget
        self._on_error = on_error
        self._local = threading.local()
        self._callbacks: list[Callback] = []
        self._lock = threading.Lock()
        self.alive = False
        self.hook_s: dict[str, float] = {}

    def may_call(self, function: str) -> None:
        """Every obspython function asks first."""
        if not self.alive:
            raise self._recorder.violation(f"{function} called after unload")

    def require_context(self, function: str) -> None:
        if not getattr(self._local, "inside", False):
            raise self._recorder.violation(f"{function} outside a hook or callback: OBS has no active script")

    def add(self, fn: object, what: str, function: str) -> Callback:
        """Register ``fn`` as a ``what``."""
        self.require_context(function)
        if not isinstance(fn, types.FunctionType):
            raise self._recorder.violation(f"{function}: OBS ignores a callback that is no plain function: {fn!r}")
        callback = Callback(fn, what)
        with self._lock:
            self._callbacks.append(callback)
        return callback

    def remove_all(self) -> None:
        with self._lock:
            for callback in self._callbacks:
                callback.removed = True
            self._callbacks.clear()

    def run(self, callback: Callback, *args: object) -> Any:
        """Call it as OBS does from its own code: an exception is printed, and the answer is None."""
        if callback.removed:
            return None
        before = getattr(self._local, "inside", False)
        try:
            return self._enter(callback.what, callback.fn, args)
        finally:
            # After a frontend event OBS forgets the current script instead of restoring the one before.
            self._local.inside = before and callback.what != "event callback"

    def hook(self, module: types.ModuleType, name: str, *args: object) -> Any:
        """Call a hook of the script, if it has that one."""
        fn = getattr(module, name, None)
        if fn is None:
            return None
        self._recorder.note(f"hook {name}")
        started = time.monotonic()
        try:
            return self._enter(name, fn, args)
        finally:
            self._local.inside = False
            self.hook_s[name] = max(self.hook_s.get(name, 0.0), time.monotonic() - started)

    def _enter(self, what: str, fn: ScriptFunction, args: tuple[object, ...]) -> Any:
        self._local.inside = True
        try:
            with self._budget.charged(what):
                return fn(*args)
        except BaseException as error:  # noqa: BLE001 - OBS prints any exception, which opens its window
            self._on_error(f"exception out of {what}: {type(error).__name__}: {error}", traceback.format_exc())
            return None
