"""The job side of the service on a temporary folder: real store, worker and dispatcher; OBS and Twitch are doubles."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clawcraft.actions.registry import Action, Envelope, Registry, Result
from clawcraft.actions.stream import StreamActions
from clawcraft.authority.pause import PauseSwitch
from clawcraft.clock import Clock
from clawcraft.errors import ChannelNotAllowed, ClawcraftError, Interrupted, SceneNotFound, Superseded
from clawcraft.jobs.dispatch import Answer, DispatchConfig, Dispatcher
from clawcraft.jobs.idempotency import Idempotency
from clawcraft.jobs.model import Job
from clawcraft.jobs.store import JobStore
from clawcraft.jobs.worker import StreamWorker
from clawcraft.obs.port import ProgressSink
from clawcraft.obs.stream import StreamController

DAY_S = 24 * 3600.0
TTL_S = 7 * DAY_S
PATIENCE_S = 30.0
"""How long a test waits for what must happen; never reached unless it fails."""


class TurnedClock:
    """A clock that moves only when it is turned."""

    def __init__(self, time_s: float = 1_800_000_000.0) -> None:
        self.now_s = time_s

    def time(self) -> float:
        return self.now_s

    def monotonic(self) -> float:
        return self.now_s

    def turn(self, seconds: float) -> None:
        self.now_s += seconds


class Journal:
    """The log, kept in memory."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def event(self, name: str, /, **fields: Any) -> None:
        self.events.append((name, fields))

    def named(self, name: str) -> list[dict[str, Any]]:
        return [fields for each, fields in self.events if each == name]


def open_store(
    folder: Path,
    clock: Clock,
    log: Journal | None = None,
    on_transition: Callable[[Job], None] = lambda job: None,
    ttl_s: float = TTL_S,
) -> JobStore:
    return JobStore(folder / "jobs.sqlite3", clock, lambda: ttl_s, log or Journal(), on_transition)


def start(request_id: str | None = None, **fields: Any) -> Envelope:
    return envelope("twitch.start_stream", request_id, **fields)


def stop(request_id: str | None = None, **fields: Any) -> Envelope:
    return envelope("twitch.stop_stream", request_id, **fields)


def envelope(action: str, request_id: str | None = None, **fields: Any) -> Envelope:
    return Envelope(action, fields.pop("args", {}), fields.pop("agent_id", "agent"), request_id, **fields)


class StreamDouble(StreamController):
    """One that connects when the test says so. Its order of looking is the real one's: the mark of the
    job first, by ``progress``, then OBS."""

    def __init__(self, scenes: tuple[str, ...] = ("Game", "Chat")) -> None:
        self.scenes = scenes
        self.live = False
        self.calls: list[str] = []
        self.connects = threading.Event()
        self.connects.set()
        self.reached = threading.Semaphore(0)
        """Released each time a start or stop has reached OBS."""
        self.stop_gate = threading.Event()
        self.stop_gate.set()
        self._changed = threading.Condition()
        self._superseded = False
        self.closed = False

    def check_scene(self, scene: str | None) -> None:
        self.calls.append(f"check_scene {scene}")
        if scene is not None and scene not in self.scenes:
            raise SceneNotFound(f"there is no scene {scene!r}", details={"scenes": list(self.scenes)})

    def start(self, scene: str | None, progress: ProgressSink) -> Mapping[str, Any]:
        self._superseded = False
        progress(10, "starting")
        self.calls.append(f"start {scene}")
        if self.live:
            return {"status": "already_running", "scene": scene, "attempts": 0}
        self.reached.release()
        self._await(self.connects, can_give_way=True)
        self.live = True
        return {"status": "started", "scene": scene, "attempts": 1}

    def stop(self, progress: ProgressSink) -> Mapping[str, Any]:
        progress(10, "stopping")
        self.calls.append("stop")
        self.reached.release()
        self._await(self.stop_gate, can_give_way=False)
        was_live, self.live = self.live, False
        return {"status": "stopped" if was_live else "already_stopped"}

    def supersede(self) -> None:
        with self._changed:
            self._superseded = True
            self._changed.notify_all()

    def status(self) -> Mapping[str, Any]:
        return {}

    def close(self) -> None:
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def let(self, gate: threading.Event) -> None:
        with self._changed:
            gate.set()
            self._changed.notify_all()

    def _await(self, gate: threading.Event, *, can_give_way: bool) -> None:
        with self._changed:
            assert self._changed.wait_for(
                lambda: gate.is_set() or self.closed or (can_give_way and self._superseded), PATIENCE_S
            )
            if self.closed:
                raise Interrupted("the service stops")
            if can_give_way and self._superseded:
                raise Superseded("a stop came")


class MetadataDouble:
    """MetadataPort of a service whose own channel is ``streamer``."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fails_with: Exception | None = None
        self.check_fails_with: ClawcraftError | None = None
        self.shown_live = True
        self.before_return: Callable[[], None] = lambda: None

    def check_channel(self, channel: str) -> None:
        self.calls.append(f"check {channel}")
        if self.check_fails_with is not None:
            raise self.check_fails_with
        if channel != "streamer":
            raise ChannelNotAllowed(f"{channel!r} is not the service's own channel")

    def apply(self, args: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append("apply")
        self.before_return()
        if self.fails_with is not None:
            raise self.fails_with
        return {"status": "updated", "verified": True}

    def wait_until_live(self, progress: Callable[[int, str], None], channel: str | None = None) -> dict[str, Any]:
        self.calls.append("wait")
        progress(85, "waiting for Twitch")
        self.before_return()
        progress(90, "waiting for Twitch")
        return {"live": self.shown_live, "waited_s": 3.0}


class SyncDouble:
    """A sync handler that counts its runs, ends as told, and can be held."""

    def __init__(self) -> None:
        self.runs: list[Envelope] = []
        self.fails_with: Exception | None = None
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, request: Envelope) -> Result:
        self.runs.append(request)
        self.entered.release()
        assert self.gate.wait(PATIENCE_S)
        if self.fails_with is not None:
            raise self.fails_with
        return {"status": "updated", "run": len(self.runs)}


class LimiterDouble:
    """Counts, and refuses when told."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refuses_with: ClawcraftError | None = None

    def take(self, key: str) -> None:
        self.taken.append(key)
        if self.refuses_with is not None:
            raise self.refuses_with


class Places:
    """WaitSlots with a set number of places."""

    def __init__(self, places: int = 64) -> None:
        self.places = places
        self.taken = threading.Semaphore(0)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[bool]:
        self.taken.release()
        yield self.places > 0


class JobRig:
    """Everything from a valid envelope to the doubles. ``working=False`` leaves the worker's thread unstarted."""

    def __init__(self, folder: Path, *, clock: Clock | None = None, working: bool = True, sync_slots: int = 4) -> None:
        self.clock = clock or TurnedClock()
        self.log = Journal()
        self.transitions: list[Job] = []
        self.store = open_store(folder, self.clock, self.log, self.transitions.append)
        self.stream = StreamDouble()
        self.metadata = MetadataDouble()
        self.sync = SyncDouble()
        self.limiter = LimiterDouble()
        self.places = Places()
        self.pause = PauseSwitch(folder, self.clock)
        self.disabled: set[str] = set()
        actions = StreamActions(self.stream, self.metadata, self.log)
        registry = Registry(
            [
                Action("twitch.start_stream", "Start.", run_async=actions.start),
                Action("twitch.stop_stream", "Stop.", run_async=actions.stop),
                Action("twitch.set_title", "Title.", run_sync=self.sync),
                Action("twitch.set_game", "Game.", run_sync=self.sync),
            ]
        )
        self.worker = StreamWorker(self.store, registry, self.stream, self.log)
        self.idempotency = Idempotency(self.store, self.clock, self.log)
        self.dispatcher = Dispatcher(
            registry,
            self.idempotency,
            self.worker.submit,
            self.limiter,
            self.pause,
            self.places,
            lambda: DispatchConfig(frozenset(self.disabled), 25.0),
            sync_slots,
            self.log,
        )
        if working:
            self.worker.start()

    def execute(self, request: Envelope) -> Answer:
        return self.dispatcher.execute(request)

    def accept(self, request: Envelope) -> str:
        """The id of the job of ``request``."""
        job_id: str = self.execute(request).body["result"]["job_id"]
        return job_id

    def ended(self, job_id: str) -> Job:
        job = self.store.wait_ended(job_id, PATIENCE_S)
        assert job.status.ended
        return job

    def run(self, request: Envelope) -> Job:
        return self.ended(self.accept(request))

    def close(self) -> None:
        self.dispatcher.stop()
        self.sync.gate.set()
        assert self.worker.stop(PATIENCE_S)
        self.store.close()


def together(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run all at the same moment, each in a thread; what each returned or raised, in order."""
    barrier = threading.Barrier(len(jobs))
    outcomes: list[Any] = [None] * len(jobs)

    def run(place: int) -> None:
        barrier.wait(PATIENCE_S)
        try:
            outcomes[place] = jobs[place]()
        except Exception as error:  # noqa: BLE001 - the outcome may well be an error
            outcomes[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    return outcomes
