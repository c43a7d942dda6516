"""The HTTP side of the service on a real socket, with a scripted dispatcher and job table behind it."""

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clawcraft.actions.catalogue import BY_NAME, Kind
from clawcraft.authority.agent_starts import AgentStarts
from clawcraft.authority.guard import Guard
from clawcraft.authority.guard_rails import GuardRails
from clawcraft.authority.pause import PauseSwitch
from clawcraft.authority.policy import ChosenPolicies, Policies
from clawcraft.authority.rate_limit import AuthFailureLimiter, RateLimiter
from clawcraft.authority.refusals import RefusalCounts
from clawcraft.errors import JobNotFound
from clawcraft.http.app import Api
from clawcraft.http.gate import Gate
from clawcraft.http.mcp.endpoint import McpEndpoint
from clawcraft.http.server import HttpServer
from clawcraft.http.workers import MAX_WAITING
from clawcraft.jobs.answer import Answer
from clawcraft.jobs.dispatch import Dispatcher
from clawcraft.jobs.model import Envelope, Job, JobStatus, Progress, RequestKey
from clawcraft.jobs.slots import Slots
from clawcraft.jobs.store import JobStore
from clawcraft.secrets import Secret
from clawcraft.telemetry.metrics import Metrics
from clawcraft.twitch.event_memory import EventMemory
from clawcraft.twitch.hearing import Hearing
from tests.support.agents import no_agents
from tests.support.clock import ManualClock
from tests.support.events import RecordedEvents
from tests.support.examples import EXAMPLES
from tests.support.job_rig import CONTRACT, Hold
from tests.support.settings import make_settings
from tests.support.waiting import HANG_S

TOKEN = "a-token-of-the-tests"
SECRET = "a-signature-secret"

__all__ = ["CONTRACT", "SECRET", "TOKEN", "HttpService", "Response", "job", "request"]

OBS_STATUS = {
    "version": "32.0.0",
    "responsive": True,
    "current_scene": "Main",
    "scenes": ["Main", "Break"],
    "stream": {
        "state": "offline",
        "live": False,
        "reconnecting": False,
        "uptime_s": None,
        "bitrate_kbps": None,
        "dropped_frames": None,
        "total_frames": None,
        "congestion": None,
    },
}


class ScriptedDispatcher(Dispatcher):
    """Runs ``script`` for each envelope; by default a plausible answer. Keeps what it was given."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.script: Callable[[Envelope], Answer] = self.usual

    def execute(self, envelope: Envelope) -> Answer:
        self.envelopes.append(envelope)
        return self.script(envelope)

    def hold(self) -> Hold:
        """Requests wait from now on, until the test lets them go on."""
        hold = Hold()

        def held(envelope: Envelope) -> Answer:
            hold()
            return self.usual(envelope)

        self.script = held
        return hold

    def usual(self, envelope: Envelope) -> Answer:
        result: dict[str, Any]
        if BY_NAME[envelope.action].kind is Kind.SYNC:
            result = {"status": "updated", "request_id": envelope.request_id}
            return Answer(200, {"ok": True, "action": envelope.action, "result": result})
        result = {
            "job_id": "job_1",
            "status": "queued",
            "progress": Progress(0, "queued", 1_700_000_000.0).to_json(),
            "request_id": envelope.request_id,
        }
        body = {"ok": True, "action": envelope.action, "result": result}
        return Answer(202, body, {"Location": "/tools/jobs/job_1"})


def job(job_id: str, request_id: str | None = None, mission_id: str | None = None) -> Job:
    progress, ids = Progress(0, "queued", 1_700_000_000.0), (request_id, mission_id, None)
    return Job(job_id, "twitch.start_stream", {}, "producer", *ids, JobStatus.QUEUED, progress, 1_700_000_000.0)


class ScriptedJobs(JobStore):
    """Jobs in memory, with the real table's interface towards HTTP. A wait that ends by its time moves the clock."""

    def __init__(self, clock: ManualClock) -> None:
        self._manual = clock
        self.jobs: dict[str, Job] = {}
        self.listed: list[tuple[Mapping[str, str], int, str | None]] = []
        self.signatures: dict[str, float] = {}
        """The signatures seen, and until when each counts."""
        self.known: set[str] = set()
        """The request_ids whose answer is kept."""
        self.waiting = 0
        self._woken = False
        self._changed = threading.Condition()

    def put(self, job: Job) -> None:
        with self._changed:
            self.jobs[job.id] = job
            self._changed.notify_all()

    def end(self, job_id: str) -> None:
        running = self.jobs[job_id].moved(JobStatus.RUNNING, now_s=1_700_000_001.0)
        self.put(running.moved(JobStatus.DONE, now_s=1_700_000_002.0, result={"status": "started"}))

    def in_memory(self, job_id: str) -> Job | None:
        return self.jobs.get(job_id)

    def get(self, job_id: str, holder: str = "") -> Job:
        job = self.jobs.get(job_id)
        if job is None or holder not in ("", job.holder):
            raise JobNotFound(f"there is no job {job_id!r}")
        return job

    def wait_ended(self, job_id: str, timeout_s: float) -> Job:
        with self._changed:
            self.waiting += 1
            self._changed.notify_all()
            # The longest wait is there to be ended; no test waits it out.
            real_s = HANG_S if timeout_s >= 30 else timeout_s
            if not self._changed.wait_for(lambda: self._woken or self.jobs[job_id].status.ended, real_s):
                self._manual.advance(timeout_s)
            self.waiting -= 1
            self._changed.notify_all()
            return self.jobs[job_id]

    def wake_all(self) -> None:
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def until_waiting(self, count: int, timeout_s: float = HANG_S) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.waiting == count, timeout_s), f"{self.waiting} wait"

    def list(self, filters: Mapping[str, str], limit: int, cursor: str | None = None) -> tuple[list[Job], str | None]:
        self.listed.append((dict(filters), limit, cursor))
        found = [job for job in self.jobs.values() if all(getattr(job, key) == text for key, text in filters.items())]
        return found[:limit], "next-1" if len(found) > limit else None

    def knows(self, key: RequestKey) -> bool:
        return key[1] in self.known

    def seen_signature(self, signature: str, expires_at_s: float) -> bool:
        before = signature in self.signatures
        self.signatures.setdefault(signature, expires_at_s)
        return before


class ScriptedMemory(EventMemory):
    """The real one; a wait that ends by its time moves the clock."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self._manual = clock
        self.waiting = threading.Semaphore(0)
        """Released at the begin of each wait."""

    def wait(self, number: int, timeout_s: float) -> bool:
        self.waiting.release()
        found = super().wait(number, timeout_s)
        if not found:
            self._manual.advance(timeout_s)
        return found


class ScriptedHearing(Hearing):
    """What is heard is what a test adds to ``memory``; ``now`` is its status."""

    def __init__(self, clock: ManualClock) -> None:
        self.memory: ScriptedMemory = ScriptedMemory(clock)
        self.now: dict[str, Any] = {
            "enabled": True, "connected": True, "since": None, "subscriptions": [], "problem": None
        }  # fmt: skip

    @property
    def enabled(self) -> bool:
        return bool(self.now["enabled"])

    def status(self) -> dict[str, Any]:
        return self.now


@dataclass
class Response:
    status: int
    headers: http.client.HTTPMessage
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


class HttpService:
    """Everything HTTP, running; change ``settings`` at any time."""

    def __init__(self, **server: Any) -> None:
        self.settings = make_settings(service_token=Secret(TOKEN))
        self.clock = ManualClock()
        self.agents = no_agents()
        self.dispatcher = ScriptedDispatcher()
        self.jobs = ScriptedJobs(self.clock)
        self.events = RecordedEvents()
        self.metrics = Metrics("1.2.3")
        self.status: Callable[[], Mapping[str, Any]] = lambda: {
            "paused": False,
            "queue_length": 0,
            "obs": OBS_STATUS,
            "twitch": {"state": "not_configured"},
        }
        self.checks: Callable[[Mapping[str, Any]], list[dict[str, str]]] = lambda status: []
        self.begin_jobs: Callable[[], None] = lambda: None
        self.withdraw: Callable[[str], bool] = lambda _job_id: False
        self.channel: Callable[[float], Mapping[str, Any]] = lambda _wait_s: {"broadcaster": None}
        self.channel_slots = Slots(2, lambda: False)
        self.refusals = RefusalCounts(self.clock)
        self.hearing = ScriptedHearing(self.clock)
        self.slots = Slots(server.pop("wait_slots", MAX_WAITING), lambda: False)
        policies = Policies(ChosenPolicies(Path("no-such-folder")), lambda: self.settings, self.agents)
        app = Api(
            gate=Gate(lambda: self.settings, self.agents, self.jobs, AuthFailureLimiter(self.clock), self.clock),
            contract=CONTRACT,
            agents=self.agents,
            guard=Guard(
                PauseSwitch(Path("no-such-folder"), self.clock),
                RateLimiter(lambda: self.settings, self.clock, self.agents),
                policies,
                GuardRails(lambda: self.settings, self.clock, CONTRACT.texts, AgentStarts(self.clock)),
            ),
            dispatcher=self.dispatcher,
            begin_jobs=lambda: self.begin_jobs(),
            withdraw=lambda job_id: self.withdraw(job_id),
            job_ttl_s=lambda: self.settings.job_ttl_s,
            store=self.jobs,
            hearing=self.hearing,
            status=lambda: self.status(),
            checks=lambda status: self.checks(status),
            metrics=self.metrics,
            log=self.events,
            slots=self.slots,
            channel=lambda wait_s: self.channel(wait_s),
            channel_slots=self.channel_slots,
            clock=self.clock,
            refusals=self.refusals,
        )
        self.server = HttpServer(
            app.wsgi(McpEndpoint(app).add_to), server.pop("bind", "127.0.0.1"), 0, self.slots, **server
        )

    def requests(self, number: int) -> list[dict[str, Any]]:
        """The events of the first ``number`` requests. Each is told once its answer is on the wire."""
        self.events.wait_for("request", number)
        return self.events.named("request")

    def configure(self, **changes: Any) -> None:
        self.settings = replace(self.settings, **changes)

    def __enter__(self) -> "HttpService":
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.jobs.wake_all()
        assert self.server.stop(5.0) == []

    @contextmanager
    def connection(self, timeout_s: float = HANG_S) -> Iterator[http.client.HTTPConnection]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=timeout_s)
        try:
            yield connection
        finally:
            connection.close()

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        with self.connection() as connection:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Response(response.status, response.headers, response.read())

    def get(self, path: str, token: str | None = TOKEN, **headers: str) -> Response:
        return self.call("GET", path, None, {**_authorization(token), **_dashed(headers)})

    def post(self, body: Any, token: str | None = TOKEN, **headers: str) -> Response:
        """POST /tools/execute; a dict is sent as JSON, bytes as they are."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.call(
            "POST",
            "/tools/execute",
            raw,
            {"Content-Type": "application/json", **_authorization(token), **_dashed(headers)},
        )

    def raw(self, data: bytes, *, end: bool = True) -> bytes:
        """Send bytes as they are; everything the server sends until it closes (or, with ``end``, once we did)."""
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as sock:
            sock.sendall(data)
            if end:
                sock.shutdown(socket.SHUT_WR)
            received = b""
            while chunk := sock.recv(65536):
                received += chunk
            return received


def request(action: str = "twitch.set_title", **fields: Any) -> dict[str, Any]:
    """A valid request; a field given as None is left out."""
    body = {
        "agent_id": "producer", "action": action, "request_id": "req-1", "args": EXAMPLES.get(action, {}), **fields
    }  # fmt: skip
    return {name: value for name, value in body.items() if value is not None}


def _authorization(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def _dashed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
