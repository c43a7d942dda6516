"""OBS's own C functions, reached with ctypes: those that obspython lacks or that must not hold the GIL.

A ctypes call releases the GIL, an obspython call does not. The libraries are those already in the OBS process;
nothing is ever loaded from disk. Called once, at script_load, on the UI thread.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

OBS_TASK_UI: Final = 0
PATH_BYTES: Final = 4096
TASK: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_NAMES: Final = {
    "linux": (("libobs.so.0", "libobs.so.30"), ("libobs-frontend-api.so.0", "libobs-frontend-api.so.30")),
    "win32": (("obs.dll",), ("obs-frontend-api.dll",)),
    "darwin": (
        ("libobs.framework/libobs", "@rpath/libobs.framework/Versions/A/libobs", "libobs.0.dylib"),
        ("@rpath/obs-frontend-api.dylib", "@rpath/libobs-frontend-api.1.dylib", "libobs-frontend-api.1.dylib"),
    ),
}


@dataclass(frozen=True, slots=True)
class Libobs:
    """``queue_task(callback, param)`` runs ``callback(param)`` on the UI thread: later, or at once when called there.
    ``config_path(name)`` is ``name`` in the user's configuration folder; obspython's own leaks the string, which OBS
    counts. ``start_streaming`` and ``stop_streaming`` are the frontend's own."""

    queue_task: Callable[[Any, int], None]
    config_path: Callable[[str], str]
    start_streaming: Callable[[], None]
    stop_streaming: Callable[[], None]


@dataclass(frozen=True, slots=True)
class LibobsMissing:
    """Why there is no Libobs, and with it no way to act on OBS; a sentence for the streamer and for an agent."""

    reason: str


def find_libobs() -> Libobs | LibobsMissing:
    """The functions of this OBS process."""
    obs_names, frontend_names = _NAMES.get(sys.platform, ((), ()))
    try:
        queue_task = _function("obs_queue_task", "libobs", obs_names)
        config_path = _function("os_get_config_path", "libobs", obs_names)
        start_streaming = _function("obs_frontend_streaming_start", "OBS's frontend API", frontend_names)
        stop_streaming = _function("obs_frontend_streaming_stop", "OBS's frontend API", frontend_names)
    except LookupError as missing:
        return LibobsMissing(str(missing))
    queue_task.argtypes = [ctypes.c_int, TASK, ctypes.c_void_p, ctypes.c_bool]
    config_path.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p]
    start_streaming.argtypes = stop_streaming.argtypes = []
    queue_task.restype = start_streaming.restype = stop_streaming.restype = None
    config_path.restype = ctypes.c_int

    def queue(callback: Any, param: int) -> None:
        queue_task(OBS_TASK_UI, callback, param, False)

    def path(name: str) -> str:
        buffer = ctypes.create_string_buffer(PATH_BYTES)
        if config_path(buffer, PATH_BYTES, name.encode()) <= 0:
            raise OSError(f"OBS knows no configuration folder for {name}")
        return os.fsdecode(buffer.value)

    return Libobs(queue, path, start_streaming, stop_streaming)


def _function(name: str, library: str, files: tuple[str, ...]) -> Any:
    """The C function ``name`` from the process itself or the first of ``files`` that has it. Raises LookupError with
    a sentence about ``library``."""
    for opened in _opened(files):
        function = getattr(opened, name, None)
        if function is not None:
            return function
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
