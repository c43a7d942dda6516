"""What the service needs of OBS, as a protocol; ``adapter.py`` fulfils it with obspython.

Each method names the thread that may call it. Everything marked UI runs through ``ui_thread.call`` only: elsewhere
it freezes or crashes OBS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class FrontendEvent(Enum):
    """The frontend events the service acts on; the values are the ends of OBS's own names."""

    STREAMING_STARTING = "STREAMING_STARTING"
    STREAMING_STARTED = "STREAMING_STARTED"
    STREAMING_STOPPING = "STREAMING_STOPPING"
    STREAMING_STOPPED = "STREAMING_STOPPED"
    SCENE_COLLECTION_CHANGING = "SCENE_COLLECTION_CHANGING"
    SCENE_COLLECTION_CHANGED = "SCENE_COLLECTION_CHANGED"
    PROFILE_CHANGING = "PROFILE_CHANGING"
    PROFILE_CHANGED = "PROFILE_CHANGED"
    SHUTDOWN = "SCRIPTING_SHUTDOWN"


SignalListener = Callable[[str, int], None]
"""Called with an output signal's name and its ``code`` (0 where it has none), on whatever thread OBS emits it."""

OUTPUT_SIGNALS = ("starting", "start", "stopping", "stop", "reconnect", "reconnect_success")


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

    def set_scene(self, name: str) -> bool:
        """UI thread. Switch the program scene; False if there is no such scene."""
        ...

    def event(self, code: int) -> FrontendEvent | None:
        """Any thread. What this frontend event code means here."""
        ...

    def streaming_active(self) -> bool:
        """Any thread. True from connected to stopped, also while OBS reconnects."""
        ...

    def connect_signals(self, listener: SignalListener) -> bool:
        """UI thread, inside STREAMING_STARTING only: nothing is emitted then. Hear the streaming output's signals,
        once per output; False if they cannot be heard."""
        ...

    def forget_output(self) -> None:
        """UI thread, at the end. Give back what ``connect_signals`` keeps."""
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
