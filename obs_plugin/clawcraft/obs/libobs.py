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
    ``config_path(name)`` is ``name`` in the user's configuration folder; obspython's twin leaks the string, which
    OBS counts. ``start_streaming`` and ``stop_streaming`` are the frontend's own. None where it was not found."""

    queue_task: Callable[[Any, int], None]
    config_path: Callable[[str], str] | None = None
    start_streaming: Callable[[], None] | None = None
    stop_streaming: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class LibobsMissing:
    """Why there is no Libobs; a sentence for the streamer and for an agent."""

    reason: str


def find_libobs() -> Libobs | LibobsMissing:
    """The functions of this OBS process."""
    obs_names, frontend_names = _NAMES.get(sys.platform, ((), ()))
    queue_task = _function("obs_queue_task", obs_names)
    if queue_task is None:
        return LibobsMissing(
            f"libobs was not found in this process (looked for {', '.join(('the process itself', *obs_names))})"
        )
    queue_task.argtypes = [ctypes.c_int, TASK, ctypes.c_void_p, ctypes.c_bool]
    queue_task.restype = None
    config_path = _function("os_get_config_path", obs_names)
    if config_path is not None:
        config_path.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p]
        config_path.restype = ctypes.c_int
    frontend = [_function(f"obs_frontend_streaming_{verb}", frontend_names) for verb in ("start", "stop")]
    for function in frontend:
        if function is not None:
            function.argtypes = []
            function.restype = None

    def queue(callback: Any, param: int) -> None:
        queue_task(OBS_TASK_UI, callback, param, False)

    def path(name: str) -> str:
        buffer = ctypes.create_string_buffer(PATH_BYTES)
        if config_path(buffer, PATH_BYTES, name.encode()) <= 0:
            raise OSError(f"OBS knows no configuration folder for {name}")
        return os.fsdecode(buffer.value)

    return Libobs(queue, None if config_path is None else path, *frontend)


def _function(name: str, libraries: tuple[str, ...]) -> Any:
    """The C function ``name`` from the process itself or the first library that has it, else None."""
    for library in _open_libraries(libraries):
        function = getattr(library, name, None)
        if function is not None:
            return function
    return None


def _open_libraries(names: tuple[str, ...]) -> Iterator[ctypes.CDLL]:
    for name in (None, *names) if sys.platform != "win32" else names:
        try:
            # RTLD_NOLOAD: a second copy of libobs, loaded from disk, would have no OBS in it and crash.
            mode = ctypes.DEFAULT_MODE | (os.RTLD_NOLOAD if name and sys.platform != "win32" else 0)
            yield ctypes.CDLL(name, mode=mode)
        except OSError:
            continue
