"""What the service needs of OBS, as a protocol; ``adapter.py`` fulfils it with obspython.

Each method names the thread that may call it. Everything marked UI runs through ``ui_thread.call`` only: elsewhere
it freezes or crashes OBS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from clawcraft.obs.libobs import Window


class FrontendEvent(IntEnum):
    """The frontend events the service acts on: ``enum obs_frontend_event``, which only ever grows at its end."""

    STREAMING_STARTING = 0
    STREAMING_STARTED = 1
    STREAMING_STOPPING = 2
    STREAMING_STOPPED = 3
    SCENE_COLLECTION_CHANGED = 13
    PROFILE_CHANGED = 15
    SCENE_COLLECTION_CHANGING = 34
    PROFILE_CHANGING = 35
    SCRIPTING_SHUTDOWN = 36


@dataclass(frozen=True, slots=True)
class StreamSnapshot:
    """The streaming output at one moment. ``active`` stays true while OBS reconnects. Bytes and frames count from
    the last (re)connect. ``delay_s`` is the streamer's stream delay: OBS connects, and ends, that much later."""

    active: bool
    reconnecting: bool
    total_bytes: int
    total_frames: int
    dropped_frames: int
    congestion: float
    last_error: str | None
    delay_s: int = 0
    exists: bool = True
    """False until OBS streams for the first time."""


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

    def version(self) -> str:
        """Any thread. OBS's version, such as 30.2.3."""
        ...

    def snapshot(self) -> ObsSnapshot:
        """UI thread."""
        ...

    def stream(self) -> StreamSnapshot:
        """UI thread. The snapshot's ``stream`` alone: while OBS encodes, every call counts."""
        ...

    def set_scene(self, name: str) -> bool:
        """UI thread. Switch the program scene; False if there is no such scene."""
        ...

    def window(self) -> Window:
        """UI thread. Whether a box, a dialog or a menu waits for the streamer."""
        ...

    def prepares(self) -> bool:
        """Any thread. A start may return before STREAMING_STARTING: Enhanced Broadcasting, from OBS 30.2 on."""
        ...

    def start_streaming(self) -> None:
        """UI thread, with the GIL released: an error box of OBS keeps this call only. The outcome comes as events and
        signals."""
        ...

    def stop_streaming(self) -> None:
        """UI thread. The outcome comes as events and signals."""
        ...


ProgressSink = Callable[[int, str], None]
"""Takes a percent and a message for the job that runs; raises Interrupted or Superseded once that job is to end."""
