"""The fake native libraries: what a script reaches with ctypes, past obspython.

``ctypes.CDLL`` gives a fake for the process itself and for libobs and obs-frontend-api by their names on each
platform; everything else is the real thing. Native calls release the GIL, so starting a stream from a UI task is
legal here, and an error box in it leaves Python running.
"""

import contextlib
import ctypes
import re
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from obs_mock.budget import UiBudget
from obs_mock.clipboard import Clipboard
from obs_mock.constants import OBS_TASK_UI
from obs_mock.frontend import Events
from obs_mock.loops import Loop
from obs_mock.output import Boxes, Output
from obs_mock.pictures import Pictures
from obs_mock.scenarios import Scenario
from obs_mock.scripting import NativeCallback
from obs_mock.signals import CALLDATA, SignalHandler
from obs_mock.stream import Stream
from obs_mock.system import config_path
from obs_mock.violations import Recorder

FUNCTION_POINTER = ctypes.CFUNCTYPE(None).__mro__[1]
OBS_LIBRARY = re.compile(
    r"(^|[/\\])(lib)?(obs|obs-frontend-api|Qt6(Core|Gui|Widgets))(\.\d+)?(\.(dll|dylib|so)[.\d]*)?$"
)
# C++ names, as GCC and Clang make them and as MSVC does.
QT_CURRENT_THREAD = ("_ZN7QThread13currentThreadEv", "?currentThread@QThread@@SAPEAV1@XZ")
QT_LOOP_LEVEL = ("_ZNK7QThread9loopLevelEv", "?loopLevel@QThread@@QEBAHXZ")
QT_MODAL_WIDGET = ("_ZN12QApplication17activeModalWidgetEv", "?activeModalWidget@QApplication@@SAPEAVQWidget@@XZ")


class Function:
    """A native function: callable, with ctypes' settable ``argtypes``, ``restype`` and ``errcheck``."""

    def __init__(self, name: str, fn: Callable[..., Any]) -> None:
        self.__name__ = name
        self._fn = fn
        self.argtypes: Any = None
        self.restype: Any = ctypes.c_int

    def __call__(self, *args: Any) -> Any:
        if self.argtypes is not None and len(args) < len(self.argtypes):
            raise TypeError(f"{self.__name__} takes {len(self.argtypes)} arguments, {len(args)} given")
        return self._fn(*args)


class Native:
    """The functions of libobs and obs-frontend-api."""

    def __init__(
        self,
        ui: Loop,
        stream: Stream,
        recorder: Recorder,
        config_dir: Path,
        switch_collection: Callable[[str], None],
        events: Events,
        boxes: Boxes,
        budget: UiBudget,
        pictures: Pictures,
        clipboard: Clipboard,
    ) -> None:
        self._pictures = pictures
        self._clipboard = clipboard
        self._events = events
        self._boxes = boxes
        self._budget = budget
        self._ui = ui
        self._stream = stream
        self._recorder = recorder
        self._config_dir = config_dir
        self._switch_collection = switch_collection

    def functions(self) -> dict[str, Callable[..., Any]]:
        return {
            "obs_queue_task": self.obs_queue_task,
            "obs_frontend_streaming_start": self._own_doing(self._stream.request_start),
            "obs_frontend_streaming_stop": self._own_doing(self._stream.request_stop),
            "obs_frontend_set_current_scene_collection": lambda name: self._switch_collection(name.decode()),
            "os_get_config_path": self.os_get_config_path,
            "obs_frontend_add_event_callback": self._add_event_callback,
            "obs_frontend_remove_event_callback": self._remove_event_callback,
            "obs_frontend_get_streaming_output": lambda: self._stream.output,
            "obs_output_get_signal_handler": lambda output: output.signals,
            "obs_output_release": self._release_output,
            "obs_output_get_id": lambda output: output.kind.encode(),
            "obs_output_force_stop": self._own_doing(self._stream.force_stop),
            "signal_handler_connect": self._signal_handler_connect,
            "signal_handler_disconnect": self._signal_handler_disconnect,
            "calldata_get_data": self._calldata_get_data,
            **(pictures := self._pictures.functions()),
            "obs_output_active": lambda output: (
                output.active if isinstance(output, Output) else pictures["obs_output_active"](output)
            ),
            **self._clipboard.functions(),
            **dict.fromkeys(QT_CURRENT_THREAD, lambda: 1),
            **dict.fromkeys(QT_LOOP_LEVEL, lambda _thread: self._ui.level),
            **dict.fromkeys(QT_MODAL_WIDGET, lambda: self._boxes.topmost),
        }

    def _release_output(self, output: Any) -> None:
        if output is not self._stream.output:
            self._pictures.release(output)

    def _add_event_callback(self, fn: Any, data: Any) -> None:
        self._events.add_native(self._callback(fn, data, "frontend event"))

    def _remove_event_callback(self, fn: Any, data: Any) -> None:
        self._events.remove_native(self._callback(fn, data, "frontend event"))

    def _signal_handler_connect(self, handler: SignalHandler, signal: bytes, fn: Any, data: Any) -> None:
        handler.connect_native(signal.decode(), self._callback(fn, data, f"signal {signal.decode()}"))

    def _signal_handler_disconnect(self, handler: SignalHandler, signal: bytes, fn: Any, data: Any) -> None:
        handler.disconnect_native(signal.decode(), self._callback(fn, data, f"signal {signal.decode()}"))

    def _callback(self, fn: Any, data: Any, what: str) -> NativeCallback:
        if not isinstance(fn, FUNCTION_POINTER):
            raise TypeError(f"a ctypes callback is needed, not {fn!r}")
        function: Any = fn
        return NativeCallback(function, data, what, self._recorder, self._budget)

    def _calldata_get_data(self, calldata: int, name: bytes, out: Any, size: int) -> bool:
        value = CALLDATA[calldata].get(name.decode())
        if not isinstance(value, int) or size != ctypes.sizeof(ctypes.c_longlong):
            return False
        out._obj.value = value
        return True

    def left_callbacks(self) -> list[str]:
        """What still has an address in Python when the interpreter ends."""
        output = self._stream.output
        left = self._events.native + ([] if output is None else output.signals.native)
        return [callback.what for callback in left]

    def obs_queue_task(self, kind: int, task: Any, param: Any, wait: Any) -> None:
        """Qt's AutoConnection: at once on the UI thread, else queued; with ``wait`` until it has run."""
        if kind != OBS_TASK_UI:
            raise self._recorder.violation(f"obs_queue_task of type {kind}: Python on a thread that must not wait")
        if not isinstance(task, FUNCTION_POINTER):
            raise TypeError(f"obs_queue_task needs a ctypes callback, not {task!r}")
        self._stream.let_user_start()
        run = self._task(task, param)
        if self._ui.is_current():
            run()
        elif wait:
            self._ui.call(lambda: self._late(run), timeout_s=60)
        else:
            self._ui.post(lambda: self._late(run))

    def os_get_config_path(self, buffer: Any, size: int, name: bytes) -> int:
        value = config_path(self._config_dir, name.decode()).encode()
        if len(value) >= size:
            return -1
        buffer.value = value
        return len(value)

    def _own_doing(self, fn: Callable[..., None]) -> Callable[..., None]:
        def run(*arguments: Any) -> None:
            with self._budget.suspended():
                fn(*arguments)

        return run

    def _task(self, task: Any, param: Any) -> Callable[[], None]:
        """OBS keeps an address only: a callback that Python freed meanwhile is a crash."""
        alive = weakref.ref(task)
        del task

        def run() -> None:
            callback = alive()
            if callback is None:
                self._recorder.violation("a task ran whose ctypes callback was freed: crash")
                return
            with self._budget.charged("UI task"):
                callback(param)

        return run

    def _late(self, run: Callable[[], None]) -> None:
        scenario: Scenario = self._stream.scenario
        if scenario.ui_hang_s:
            self._stream.scenario = scenario.but(ui_hang_s=0.0)
        self._ui.hang(scenario.ui_delay_s + scenario.ui_hang_s)
        run()


class Library:
    """What ``ctypes.CDLL`` gives: the fake functions first, then the real process."""

    def __init__(self, native: Native, real: ctypes.CDLL | None) -> None:
        self._native = native
        self._real = real
        self._functions: dict[str, Function] = {}

    def __getattr__(self, name: str) -> Any:
        fn = self._native.functions().get(name)
        if fn is None:
            return getattr(self._real, name)
        return self._functions.setdefault(name, Function(name, fn))

    def __getitem__(self, name: str) -> Any:
        return getattr(self, name)


@contextlib.contextmanager
def patched(native: Native, available: Callable[[], bool]) -> Iterator[None]:
    """``ctypes`` finds the fake libraries while ``available``."""
    real = ctypes.CDLL

    class CDLL(real):  # type: ignore[misc, valid-type]
        def __new__(cls, name: Any = None, *args: Any, **kwargs: Any) -> Any:
            if cls is not CDLL:
                return super().__new__(cls)
            if name is not None and not OBS_LIBRARY.search(str(name)):
                return real(name, *args, **kwargs)
            if available():
                return Library(native, None if sys.platform == "win32" else real(None))
            if name is None:
                return real(None, *args, **kwargs)
            raise OSError(f"{name}: no OBS in this process")  # never one from this computer's disk

    ctypes.CDLL = CDLL  # type: ignore[misc]
    vars(ctypes.cdll)["_dlltype"] = CDLL
    try:
        yield
    finally:
        ctypes.CDLL = real  # type: ignore[misc]
        vars(ctypes.cdll)["_dlltype"] = real
