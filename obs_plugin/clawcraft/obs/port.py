"""What the service needs of OBS, as a protocol; ``adapter.py`` fulfils it with obspython.

Each method names the thread that may call it. Everything marked UI runs through ``ui_thread.call`` only: elsewhere
it freezes or crashes OBS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class StreamSnapshot:
    """The streaming output at one moment. ``active`` stays true while OBS reconnects. Bytes and frames count from
    the last (re)connect."""

    active: bool
    reconnecting: bool
    total_bytes: int
    total_frames: int
    dropped_frames: int
    congestion: float
    last_error: str | None


@dataclass(frozen=True, slots=True)
class ObsSnapshot:
    """What ``GET /status`` shows of OBS."""

    version: str
    current_scene: str | None
    scenes: tuple[str, ...]
    stream: StreamSnapshot


class ObsPort(Protocol):
    """OBS, reduced to what six actions and a status page need."""

    def log(self, line: str) -> None:
        """Any thread. One line to OBS's script log at INFO; higher levels would open a window on the streamer's
        screen."""
        ...

    def snapshot(self) -> ObsSnapshot:
        """UI thread."""
        ...

    def set_scene(self, name: str) -> bool:
        """UI thread. Switch the program scene; False if there is no such scene."""
        ...

    def start_streaming(self) -> None:
        """See ``stream.py`` for the thread; queued by OBS, the outcome comes as events and signals."""
        ...

    def stop_streaming(self) -> None:
        """See ``stream.py`` for the thread; queued by OBS, the outcome comes as events and signals."""
        ...


class StreamControl(Protocol):
    """Start and stop, as the actions see them. Only the stream worker calls ``start`` and ``stop``; they block
    until OBS's own word, within the deadline of the settings, and raise ClawcraftError."""

    def start(self, scene: str | None, progress: "ProgressSink") -> Mapping[str, Any]:
        """``{"status": "started" | "already_running", "scene": …, "attempts": n, …}``."""
        ...

    def stop(self, progress: "ProgressSink") -> Mapping[str, Any]:
        """``{"status": "stopped" | "already_stopped", …}``."""
        ...

    def supersede(self) -> None:
        """Any thread. A stop was accepted: a start that is waiting ends as Superseded, and if OBS connects
        nevertheless it is stopped at once."""
        ...

    def status(self) -> Mapping[str, Any]:
        """Any thread, never blocks longer than its UI deadline: the ``obs`` object of ``GET /status``."""
        ...

    def close(self) -> None:
        """Any thread. Ends a waiting start or stop as Interrupted; idempotent."""
        ...


class ProgressSink(Protocol):
    """Receives a job's progress; raises Interrupted once the service stops."""

    def __call__(self, percent: int, message: str) -> None: ...
