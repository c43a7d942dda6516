"""What the service needs of OBS, as a protocol; ``adapter.py`` fulfils it with obspython.

Each method names the thread that may call it. Everything marked UI runs through ``ui_thread.call`` only: elsewhere
it freezes or crashes OBS.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol


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

    @property
    def starts_on_ui_thread(self) -> bool:
        """Whether start and stop release the GIL, and so belong on the UI thread. If not, they must be called on
        any other thread: there OBS only queues them, while an error box on the UI thread would stop all of Python."""
        ...

    def start_streaming(self) -> None:
        """Thread: see ``starts_on_ui_thread``. The outcome comes as events and signals."""
        ...

    def stop_streaming(self) -> None:
        """Thread: see ``starts_on_ui_thread``. The outcome comes as events and signals."""
        ...


class StreamControl(Protocol):
    """Start and stop, as the actions see them. Only the stream worker calls ``start`` and ``stop``; they block
    until OBS's own word, within the deadline of the settings, and raise ClawcraftError."""

    def check_scene(self, scene: str | None) -> None:
        """Stream worker, before anything of a start: raises SceneNotFound for a scene (None: the default one of the
        settings, if any) that the current collection lacks, and changes nothing."""
        ...

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
