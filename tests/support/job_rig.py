"""The job side of the service on a temporary folder: real store, worker and dispatcher; OBS and Twitch are doubles."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clawcraft.actions.catalogue import Action, Kind
from clawcraft.actions.handlers import Handlers, Result
from clawcraft.authority.agent_starts import AgentStarts
from clawcraft.authority.approval import Approvals
from clawcraft.authority.audit import AuditTrail
from clawcraft.authority.audit_file import AuditFile
from clawcraft.authority.guard import Guard
from clawcraft.authority.guard_rails import GuardRails
from clawcraft.authority.pause import PauseSwitch
from clawcraft.authority.policy import ChosenPolicies, Policies
from clawcraft.authority.rate_limit import RateLimiter
from clawcraft.authority.refusals import RefusalCounts
from clawcraft.clock import Clock
from clawcraft.contract.schemas import Contract
from clawcraft.errors import ChannelNotAllowed, ClawcraftError, Interrupted, SceneNotFound
from clawcraft.jobs.answer import Answer
from clawcraft.jobs.dispatch import Dispatcher
from clawcraft.jobs.idempotency import Idempotency
from clawcraft.jobs.model import Envelope, Job
from clawcraft.jobs.slots import Slots
from clawcraft.jobs.store import JobStore
from clawcraft.jobs.worker import StreamWorker
from clawcraft.obs.port import ProgressSink
from clawcraft.obs.stream import StreamController
from clawcraft.telemetry.events import EventLog
from clawcraft.twitch.call import May
from clawcraft.twitch.client import Twitch
from clawcraft.twitch.live_check import ANY, Expected
from tests.support.agents import agents_of
from tests.support.clock import ManualClock
from tests.support.events import RecordedEvents
from tests.support.paths import SCHEMAS
from tests.support.settings import make_settings
from tests.support.waiting import HANG_S, wait_until

CONTRACT = Contract(SCHEMAS)
DAY_S = 24 * 3600.0
TTL_S = 7 * DAY_S


def open_store(
    folder: Path,
    clock: Clock,
    log: RecordedEvents | None = None,
    on_transition: Callable[[Job], None] = lambda job: None,
    ttl_s: float = TTL_S,
) -> JobStore:
    return JobStore(folder / "jobs.sqlite3", clock, lambda: ttl_s, log or RecordedEvents(), on_transition)


def finished(store: JobStore, request: Envelope) -> Job:
    """The job of ``request``, taken through its life."""
    job = store.create(request, "f")
    store.start(job.id)
    return store.finish(job.id, {"status": "started"})


def code(job: Job) -> str | None:
    """The code of the error the job ended with."""
    return None if job.error is None else job.error["code"]


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
        self.reconnecting = False
        self.calls: list[str] = []
        self.connects = threading.Event()
        self.connects.set()
        self.reached = threading.Semaphore(0)
        """Released each time a start or stop has reached OBS."""
        self.stop_gate = threading.Event()
        self.stop_gate.set()
        self._changed = threading.Condition()
        self._ends: ClawcraftError | None = None
        self._closed = False

    def status(self) -> Mapping[str, Any]:
        return {"stream": {"uptime_s": 5.0 if self.live else None, "reconnecting": self.reconnecting}}

    def on_air(self) -> int | None:
        return self.calls.count("stop") if self.live else None

    def check_scene(self, scene: str | None) -> None:
        self.calls.append(f"check_scene {scene}")
        self._require(scene)

    def _require(self, scene: str | None) -> None:
        if scene is not None and scene not in self.scenes:
            raise SceneNotFound(f"there is no scene {scene!r}", details={"scenes": list(self.scenes)})

    def start(
        self, scene: str | None, progress: ProgressSink, may: Callable[[], object] = lambda: None
    ) -> Mapping[str, Any]:
        self._ends = None
        progress(10, "starting")
        self.calls.append(f"start {scene}")
        self._require(scene)
        if self.live:
            return {"status": "already_running", "scene": scene, "attempts": 0}
        may()
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

    def end_start(self, error: ClawcraftError) -> None:
        with self._changed:
            self._ends = error
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def let(self, gate: threading.Event) -> None:
        with self._changed:
            gate.set()
            self._changed.notify_all()

    def _await(self, gate: threading.Event, *, can_give_way: bool) -> None:
        with self._changed:
            assert self._changed.wait_for(
                lambda: gate.is_set() or self._closed or (can_give_way and self._ends is not None), HANG_S
            )
            if self._closed:
                raise Interrupted("the service stops")
            if can_give_way and self._ends is not None:
                raise self._ends


class TwitchDouble(Twitch):
    """What a start needs of Twitch, for a service whose own channel is ``streamer``."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.fails_with: Exception | None = None
        self.check_fails_with: ClawcraftError | None = None
        self.shown_live = True
        self.listed = ""
        self.expected = ANY
        self.before_return: Callable[[], None] = lambda: None

    def check_channel(self, channel: str, *, ask: bool = True) -> None:
        self.calls.append(f"check {channel}")
        if self.check_fails_with is not None:
            raise self.check_fails_with
        if channel != "streamer":
            raise ChannelNotAllowed(f"{channel!r} is not the service's own channel")

    def apply_metadata(self, args: Mapping[str, Any], may: May) -> dict[str, Any]:
        self.calls.append("apply")
        self.before_return()
        may()
        if self.fails_with is not None:
            raise self.fails_with
        return {"status": "updated", "verified": True}

    def listed_stream(self, channel: str | None = None) -> str:
        return self.listed

    def wait_until_live(
        self,
        progress: Callable[[int, str], None],
        channel: str | None = None,
        expected: Expected = ANY,
        is_over: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        self.calls.append("wait")
        self.expected = expected
        progress(85, "waiting for Twitch")
        self.before_return()
        progress(90, "waiting for Twitch")
        if is_over():
            return {"live": False, "waited_s": 3.0, "warning": "it ended"}
        return {"live": self.shown_live, "waited_s": 3.0}


class Hold:
    """Called by a double: holds it until the test lets it go on."""

    def __init__(self) -> None:
        self._reached, self._go_on = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self._reached.set()
        assert self._go_on.wait(HANG_S)

    def until_reached(self) -> None:
        assert self._reached.wait(HANG_S)

    def let_go(self) -> None:
        self._go_on.set()


class SyncDouble:
    """A sync handler that counts its runs, ends as told, and can be held."""

    def __init__(self) -> None:
        self.runs: list[Mapping[str, Any]] = []
        self.fails_with: Exception | None = None
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, args: Mapping[str, Any], may: May) -> Result:
        self.runs.append(args)
        self.entered.release()
        assert self.gate.wait(HANG_S)
        may()
        if self.fails_with is not None:
            raise self.fails_with
        return {"status": "updated", "run": len(self.runs)}


class RigHandlers(Handlers):
    """The real handlers of async actions; every sync action is ``sync``."""

    def __init__(self, stream: StreamDouble, twitch: Twitch, log: EventLog, sync: SyncDouble) -> None:
        super().__init__(stream, twitch, log)
        self._sync = sync

    def run(
        self, action: Action, args: Mapping[str, Any], job_id: str | None, progress: ProgressSink, may: May
    ) -> Result:
        if action.kind is Kind.SYNC:
            return self._sync(args, may)
        return super().run(action, args, job_id, progress, may)


class LimiterDouble(RateLimiter):
    """Counts, and refuses when told."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refuses_with: ClawcraftError | None = None

    def take(self, action: Action, holder: str) -> None:
        self.taken.append(action.name)
        if self.refuses_with is not None:
            raise self.refuses_with


class Places:
    """Slots with a set number of places."""

    def __init__(self, places: int = 64) -> None:
        self.places = places
        self.taken = threading.Semaphore(0)

    @contextlib.contextmanager
    def waiting(self, holder: str) -> Iterator[bool]:
        self.taken.release()
        yield self.places > 0


class JobRig:
    """Everything from a valid envelope to the doubles. ``working=False`` leaves the worker's thread unstarted."""

    def __init__(
        self, folder: Path, *, clock: Clock | None = None, working: bool = True, twitch_slots: int = 4
    ) -> None:
        self.clock = clock or ManualClock()
        self.log = RecordedEvents()
        self.transitions: list[Job] = []
        self.starts = AgentStarts(self.clock)
        audit_file = AuditFile(folder / "audit.sqlite3", self.clock, self.log)
        self.audit = AuditTrail(audit_file, RefusalCounts(self.clock), lambda text: False, self.clock)
        self.store = open_store(folder, self.clock, self.log, self._job_moved)
        self.audit.begin()
        self.stream = StreamDouble()
        self.twitch = TwitchDouble()
        self.sync = SyncDouble()
        self.limiter = LimiterDouble()
        self.places = Places()
        self.pause = PauseSwitch(folder, self.clock)
        self.pause.tell(lambda paused: self.forbid())
        self.settings = make_settings(folder)
        self.agents = agents_of(folder, self.clock)
        self.chosen = ChosenPolicies(folder)
        policies = Policies(self.chosen, lambda: self.settings, self.agents)
        rails = GuardRails(lambda: self.settings, self.clock, CONTRACT.texts, self.starts)
        self.guard = Guard(self.pause, self.limiter, policies, rails)
        self.show = 1
        self.approvals = Approvals(
            self.store,
            lambda job: self.worker.enqueue(job),
            lambda job: self.worker.submit(job),
            self.guard.check_job,
            policies,
            lambda: self.settings,
            lambda: self.show,
            self.clock,
            self.log,
        )
        self.chosen.tell(self.forbid)
        handlers = RigHandlers(self.stream, self.twitch, self.log, self.sync)
        self.worker = StreamWorker(
            self.store,
            handlers,
            self.guard.check_job,
            self.approvals.take_back,
            self.approvals.check_unasked,
            self.stream.end_start,
            self.stream.close,
            self.log,
        )
        self.idempotency = Idempotency(
            self.store, lambda holder: self.places.waiting(holder), lambda: self.settings, self.clock, self.log
        )
        self.dispatcher = Dispatcher(
            handlers,
            self.idempotency,
            self.hand_over,
            self.guard.admit,
            self.guard.check,
            self.approvals.check_unasked,
            self.approvals.must_ask,
            self.approvals.ask_until,
            Slots(twitch_slots, lambda: bool(self.agents.all)),
            self.log,
            self.audit.asked,
            self.audit.ended,
        )
        if working:
            self.worker.start()
            self.approvals.start()

    def hand_over(self, job: Job) -> None:
        self.approvals.hand_over(job)
        self.worker.wake()  # as the route does once the answer is sent

    def forbid(self) -> None:
        self.approvals.forbid()
        self.worker.forbid()

    def _job_moved(self, job: Job) -> None:
        self.audit.job_moved(job)
        self.starts.note(job)
        self.transitions.append(job)

    def execute(self, request: Envelope) -> Answer:
        """As the route does."""
        self.guard.check(request)
        return self.dispatcher.execute(request)

    def accept(self, request: Envelope) -> str:
        """The id of the job of ``request``."""
        job_id: str = self.execute(request).body["result"]["job_id"]
        return job_id

    def ended(self, job_id: str) -> Job:
        job = self.store.wait_ended(job_id, HANG_S)
        assert job.status.ended
        # Whoever waits for the end is woken before it is told to the others.
        wait_until(lambda: any(told.id == job_id and told.status.ended for told in self.transitions), "it is told")
        return job

    def run(self, request: Envelope) -> Job:
        return self.ended(self.accept(request))

    def connecting(self, request: Envelope) -> str:
        """The id of a start that waits in OBS, until its stream connects."""
        self.stream.connects.clear()
        job_id = self.accept(request)
        assert self.stream.reached.acquire(timeout=HANG_S)
        return job_id

    def at_twitch(self, request: Envelope) -> tuple[str, Hold]:
        """The id of a start that is at Twitch, and what lets it go on."""
        self.twitch.before_return = hold = Hold()
        job_id = self.accept(request)
        hold.until_reached()
        return job_id, hold

    def close(self) -> None:
        self.dispatcher.stop()
        self.sync.gate.set()
        assert self.approvals.stop(HANG_S)
        assert self.worker.stop(HANG_S)
        self.store.close()
        self.audit.close()


def together(jobs: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run all at the same moment, each in a thread; what each returned or raised, in order."""
    barrier = threading.Barrier(len(jobs))
    outcomes: list[Any] = [None] * len(jobs)

    def run(place: int) -> None:
        barrier.wait(HANG_S)
        try:
            outcomes[place] = jobs[place]()
        except Exception as error:  # noqa: BLE001 - the outcome may well be an error
            outcomes[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_S)
        assert not thread.is_alive()
    return outcomes
