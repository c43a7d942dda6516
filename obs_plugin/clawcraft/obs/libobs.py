"""OBS's own C functions, reached with ctypes: those that obspython lacks, that must not hold the GIL, or that no script
may own.

A ctypes call releases the GIL, an obspython call does not. The libraries are those already in the OBS process;
nothing is ever loaded from disk. Called once, at script_load, on the UI thread.
"""

import contextlib
import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.obs.versions import FRONTEND_FILES, LIBOBS_FILES

OBS_TASK_UI: Final = 0
PATH_BYTES: Final = 4096
TASK: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
EVENT: Final = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)
SIGNAL: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
OUTPUT_SIGNALS: Final = ("starting", "start", "stopping", "stop", "reconnect", "reconnect_success")

LIBOBS: Final = "libobs"
_RTMP: Final = b"rtmp_output"
_FRONTEND: Final = "OBS's frontend API"
QT: Final = "Qt"
_FILES: Final = {
    "linux": {
        LIBOBS: LIBOBS_FILES,
        _FRONTEND: FRONTEND_FILES,
        QT: tuple(f"libQt{n}{part}.so.{n}" for n in (6, 5) for part in ("Widgets", "Core", "Gui")),
    },
    "win32": {
        LIBOBS: ("obs.dll",),
        _FRONTEND: ("obs-frontend-api.dll",),
        QT: ("Qt6Widgets.dll", "Qt6Core.dll", "Qt6Gui.dll"),
    },
    "darwin": {
        LIBOBS: ("libobs.framework/libobs", "@rpath/libobs.framework/Versions/A/libobs", "libobs.0.dylib"),
        _FRONTEND: (
            "@rpath/obs-frontend-api.dylib",
            "@rpath/libobs-frontend-api.1.dylib",
            "libobs-frontend-api.1.dylib",
        ),
        QT: (),
    },
}
# The C++ names that GCC and Clang give these functions, and those of MSVC.
_CURRENT_THREAD: Final = ("_ZN7QThread13currentThreadEv", "?currentThread@QThread@@SAPEAV1@XZ")
_LOOP_LEVEL: Final = ("_ZNK7QThread9loopLevelEv", "?loopLevel@QThread@@QEBAHXZ")
_MODAL_WIDGET: Final = ("_ZN12QApplication17activeModalWidgetEv", "?activeModalWidget@QApplication@@SAPEAVQWidget@@XZ")


@dataclass(frozen=True, slots=True)
class Window:
    """What OBS's window is doing, seen from inside a UI task. ``level`` counts Qt's event loops that run inside each
    other: 1 unless a box, a dialog or a menu waits for the streamer. ``modal`` is the address of the modal one."""

    level: int
    modal: int


class Libobs:
    """``queue_task(callback, param)`` runs ``callback(param)`` on the UI thread: later, or at once when called there.
    ``config_path(name)`` is ``name`` in the user's configuration folder; obspython's own leaks the string, which OBS
    counts. ``start_streaming`` and ``stop_streaming`` are the frontend's own. Raises LookupError with what is missing.
    """

    def __init__(self) -> None:
        void_p, char_p, no = ctypes.c_void_p, ctypes.c_char_p, None
        self._queue_task = function(LIBOBS, "obs_queue_task", no, ctypes.c_int, TASK, void_p, ctypes.c_bool)
        self._config_path = function(LIBOBS, "os_get_config_path", ctypes.c_int, char_p, ctypes.c_size_t, char_p)
        self.start_streaming = function(_FRONTEND, "obs_frontend_streaming_start", no)
        self.stop_streaming = function(_FRONTEND, "obs_frontend_streaming_stop", no)
        self._add_event_callback = function(_FRONTEND, "obs_frontend_add_event_callback", no, EVENT, void_p)
        self._remove_event_callback = function(_FRONTEND, "obs_frontend_remove_event_callback", no, EVENT, void_p)
        self._streaming_output = function(_FRONTEND, "obs_frontend_get_streaming_output", void_p)
        self._signal_handler = function(LIBOBS, "obs_output_get_signal_handler", void_p, void_p)
        self._release = function(LIBOBS, "obs_output_release", no, void_p)
        self._output_id = function(LIBOBS, "obs_output_get_id", char_p, void_p)
        self._active = function(LIBOBS, "obs_output_active", ctypes.c_bool, void_p)
        self._force_stop = function(LIBOBS, "obs_output_force_stop", no, void_p)
        self._connect = function(LIBOBS, "signal_handler_connect", no, void_p, char_p, SIGNAL, void_p)
        self._disconnect = function(LIBOBS, "signal_handler_disconnect", no, void_p, char_p, SIGNAL, void_p)
        self._get_data = function(LIBOBS, "calldata_get_data", ctypes.c_bool, void_p, char_p, void_p, ctypes.c_size_t)
        self._current_thread = function(QT, _CURRENT_THREAD, void_p)
        self._loop_level = function(QT, _LOOP_LEVEL, ctypes.c_int, void_p)
        self._modal_widget = function(QT, _MODAL_WIDGET, void_p)

    def queue_task(self, callback: Any, param: int) -> None:
        self._queue_task(OBS_TASK_UI, callback, param, False)

    def config_path(self, name: str) -> str:
        buffer = ctypes.create_string_buffer(PATH_BYTES)
        if self._config_path(buffer, PATH_BYTES, name.encode()) <= 0:
            raise OSError(f"OBS knows no configuration folder for {name}")
        return os.fsdecode(buffer.value)

    def window(self) -> Window:
        """UI thread."""
        return Window(self._loop_level(self._current_thread()), self._modal_widget() or 0)

    # --- what no script owns: see observer.py. UI thread ----------------------------------------------------------

    def event_callback(self, listener: Callable[[int, Any], None]) -> Any:
        """What OBS calls; it must outlive its use."""
        return EVENT(listener)

    def signal_callback(self, listener: Callable[[str, int], None]) -> Any:
        """As ``event_callback``; ``listener`` gets the signal's name and its ``code``, 0 where it has none."""

        def on_signal(index: int | None, calldata: int | None) -> None:
            code = ctypes.c_longlong(0)
            self._get_data(calldata, b"code", ctypes.byref(code), ctypes.sizeof(code))
            listener(OUTPUT_SIGNALS[index or 0], code.value)

        return SIGNAL(on_signal)

    def add_event_callback(self, callback: Any) -> None:
        self._add_event_callback(callback, None)

    def remove_event_callback(self, callback: Any) -> None:
        self._remove_event_callback(callback, None)

    def connect_output(self, callback: Any) -> None:
        """Hear the signals of the streaming output there is; a second time changes nothing (libobs looks for it)."""
        self._with_output(self._connect, callback)

    def disconnect_output(self, callback: Any) -> None:
        self._with_output(self._disconnect, callback)

    def end_stop(self) -> None:
        """Have an RTMP output that has stopped tell so, if it is idle: see Observer.end_stop. Another kind of output
        may not answer, and would then keep the next start waiting."""
        with self._output() as output:
            if output and self._output_id(output) == _RTMP and not self._active(output):
                self._force_stop(output)

    def _with_output(self, call: Callable[..., None], callback: Any) -> None:
        with self._output() as output:
            if output:
                handler = self._signal_handler(output)
                for index, name in enumerate(OUTPUT_SIGNALS):
                    call(handler, name.encode(), callback, index)

    @contextlib.contextmanager
    def _output(self) -> Iterator[Any]:
        """The streaming output there is, None before the first start."""
        output = self._streaming_output()
        try:
            yield output
        finally:
            if output:
                self._release(output)


@dataclass(frozen=True, slots=True)
class LibobsMissing:
    """Why there is no Libobs, and with it no way to act on OBS; a sentence for the streamer and for an agent."""

    reason: str


def find_libobs() -> Libobs | LibobsMissing:
    """The functions of this OBS process."""
    try:
        return Libobs()
    except LookupError as missing:
        return LibobsMissing(str(missing))


def function(library: str, names: str | tuple[str, ...], result: Any, *arguments: Any) -> Any:
    """The C function of one of these names, from the process itself or the first of the library's files that has it.
    Raises LookupError with a sentence about ``library``."""
    files = _FILES.get(sys.platform, {}).get(library, ())
    for opened in _opened(files):
        for name in (names,) if isinstance(names, str) else names:
            found = getattr(opened, name, None)
            if found is not None:
                found.argtypes = list(arguments)
                found.restype = result
                return found
    raise LookupError(
        f"{library} was not found in this process (looked for {', '.join(('the process itself', *files))})"
    )


def _opened(files: tuple[str, ...]) -> Iterator[ctypes.CDLL]:
    for file in (None, *files) if sys.platform != "win32" else files:
        try:
            # RTLD_NOLOAD: a second copy of libobs, loaded from disk, would have no OBS in it and crash.
            mode = ctypes.DEFAULT_MODE | (os.RTLD_NOLOAD if file and sys.platform != "win32" else 0)
            yield ctypes.CDLL(file, mode=mode)
        except OSError:
            continue
