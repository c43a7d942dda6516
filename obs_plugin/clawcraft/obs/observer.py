"""Hears all that OBS tells of its stream, from the first load of the script until OBS exits, whatever happens to the
script meanwhile.

A script's own callbacks go when it is unloaded: what happens in a scene collection without it would never be heard.
These are C callbacks of no script. They end at OBS's EXIT event, which comes before Python ends (OBSBasic::closeWindow:
EXIT, then obs_shutdown, whose obs_module_unload of frontend-tools finalises the interpreter).

Standard library only: the first life's copy of this module is the one that stays.
"""

import contextlib
import threading
import time
from typing import Any, Final, Protocol

EXIT: Final = 17
STREAMING_STARTING: Final = 0
ENDING_TRIES: Final = 50
ENDING_TRY_S: Final = 0.02
"""The thread that lost the connection is through with it within milliseconds."""


class Listener(Protocol):
    """The stream's state, of the life that runs or of the last one that did. ``hear_event`` comes on the UI thread,
    ``hear_signal`` on any thread of OBS."""

    def hear_event(self, code: int) -> None: ...

    def hear_signal(self, name: str, code: int) -> None: ...


class Observer:
    """Made on the UI thread. ``libobs`` is the process's ``Libobs``."""

    def __init__(self, libobs: Any) -> None:
        self._libobs = libobs
        self._lock = threading.RLock()  # a signal can come inside an event, on the UI thread
        self._listener: Listener | None = None
        self.owes_end = False
        """OBS has told that it stops, and no end yet."""
        self._on_event = libobs.event_callback(self._hear_event)
        self._on_signal = libobs.signal_callback(self._hear_signal)
        libobs.add_event_callback(self._on_event)

    def connect(self) -> None:
        """Hear the output there is; OBS may have made a new one while it told nobody. UI thread."""
        self._libobs.connect_output(self._on_signal)

    @contextlib.contextmanager
    def changing_listener(self) -> Any:
        """``with observer.changing_listener() as before``: nothing is told meanwhile, so nothing gets lost between
        what ``before`` knows and the first thing that its successor, given to ``tell``, hears. UI thread."""
        with self._lock:
            yield self._listener

    def tell(self, listener: Listener) -> None:
        self._listener = listener

    def end_stop(self) -> None:
        """UI thread, never beneath ``_lock``. Have OBS tell the end of a stop, if it has not and will not.

        OBS tells that it reconnects before the thread that has lost the connection is through with it (send_thread in
        rtmp-stream.c). A stop in between has no end that is told: OBS's window says that it stops, for ever, and the
        next start, whoever makes it, waits on the UI thread for that end, for ever. A forced stop of an output that is
        idle does nothing but tell the end.
        """
        if self.owes_end:
            self._libobs.end_stop()

    def _hear_event(self, code: int, _data: object) -> None:
        with contextlib.suppress(Exception):  # a traceback on stderr opens a window in OBS
            if code == STREAMING_STARTING:
                self.connect()  # nothing is emitted yet
                for _ in range(ENDING_TRIES):  # the output, which OBS asks next, would wait for it for ever
                    self.end_stop()
                    if not self.owes_end:
                        break
                    time.sleep(ENDING_TRY_S)
            if code == EXIT:
                self._libobs.remove_event_callback(self._on_event)
                self._libobs.disconnect_output(self._on_signal)
            with self._lock:
                if self._listener is not None:
                    self._listener.hear_event(code)

    def _hear_signal(self, name: str, code: int) -> None:
        with contextlib.suppress(Exception), self._lock:
            if name in ("stopping", "stop"):
                self.owes_end = name == "stopping"
            if self._listener is not None:
                self._listener.hear_signal(name, code)
