"""The running parts, wired together in the order a request meets them; stopped in the opposite order.

Made, changed and stopped on the supervisor thread; ``begin_stop`` and the status also from others.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from clawcraft import VERSION, checks
from clawcraft.actions.handlers import Handlers
from clawcraft.alerts.alert import EndedJob
from clawcraft.alerts.alerts import Alerts
from clawcraft.alerts.webhook import Webhook
from clawcraft.authority.agent_file import AgentFile
from clawcraft.authority.agent_starts import AgentStarts
from clawcraft.authority.agents import Agents
from clawcraft.authority.approval import Approvals
from clawcraft.authority.audit import AuditTrail
from clawcraft.authority.audit_entries import FILE_NAME as AUDIT_FILE_NAME
from clawcraft.authority.audit_file import AuditFile
from clawcraft.authority.audit_pages import AuditPages
from clawcraft.authority.guard import Guard
from clawcraft.authority.guard_rails import GuardRails
from clawcraft.authority.known_secrets import KnownSecrets
from clawcraft.authority.longest_stream import LongestStream
from clawcraft.authority.pause import PauseSwitch
from clawcraft.authority.policy import ChosenPolicies, Policies
from clawcraft.authority.rate_limit import AuthFailureLimiter, RateLimiter
from clawcraft.authority.refusals import RefusalCounts
from clawcraft.clock import Clock
from clawcraft.contract.schemas import Contract
from clawcraft.dependencies import PLUGIN_FOLDER
from clawcraft.http.app import SERVICE, Api
from clawcraft.http.gate import Gate
from clawcraft.http.mcp.endpoint import McpEndpoint
from clawcraft.http.server import HttpServer
from clawcraft.http.workers import MAX_WAITING
from clawcraft.jobs.dispatch import Dispatcher
from clawcraft.jobs.idempotency import Idempotency
from clawcraft.jobs.model import Job
from clawcraft.jobs.slots import Slots
from clawcraft.jobs.store import FILE_NAME, JobStore
from clawcraft.jobs.worker import StreamWorker
from clawcraft.obs.stream import StreamController
from clawcraft.operator.changes import Changes
from clawcraft.operator.controls import Controls
from clawcraft.operator.door import Door
from clawcraft.operator.pairing import PageAccess
from clawcraft.operator.picture import LatestPicture
from clawcraft.operator.routes import OperatorPage
from clawcraft.operator.state import PageState
from clawcraft.secrets import SecretStore
from clawcraft.settings import Settings
from clawcraft.telemetry.log import ServiceLog
from clawcraft.telemetry.metrics import Metrics
from clawcraft.twitch.client import Twitch

SCHEMA_FOLDER: Final = PLUGIN_FOLDER.parent / "schemas"
HTTP_WORKERS: Final = 8


class Assembly:
    """All parts of a running service. A settings change applies at once; only port and address restart the server."""

    def __init__(
        self,
        settings: Settings,
        obs_line: Callable[[str], None],
        stream: StreamController,
        secrets: SecretStore,
        pause: PauseSwitch,
        chosen: ChosenPolicies,
        agents: AgentFile,
        page_access: PageAccess,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._stream = stream
        self._clock = clock
        self._server: HttpServer | None = None
        self._server_lock = threading.Lock()
        self._begun_s = clock.monotonic()
        self._changes = Changes()
        with contextlib.ExitStack() as parts:
            self.log = ServiceLog(settings.data_dir, obs_line, clock)
            parts.callback(self.log.close)
            self.metrics = Metrics(VERSION)
            self.twitch = Twitch(
                self._settings_in_force,
                secrets,
                clock,
                self.log,
                self.metrics.twitch_call,
                version=VERSION,
                on_heard=self.metrics.event_heard,
                policies=lambda: self.policies.all(),
            )
            self.alerts = Alerts(
                self._settings_in_force,
                self._watched,
                Webhook(clock, f"{SERVICE}/{VERSION}"),
                clock,
                self.log,
                self.metrics.alert,
                VERSION,
            )
            self.agents = Agents(agents, clock, self.log)
            self._known_secrets = KnownSecrets(self._settings_in_force, secrets, self.agents.holds_token)
            self._refusals = RefusalCounts(clock)
            audit_file = AuditFile(settings.data_dir / AUDIT_FILE_NAME, clock, self.log)
            self.audit = AuditTrail(
                audit_file, self._refusals, self._known_secrets.known_one_in, clock, self._changes.touch
            )
            parts.callback(self.audit.close)
            self._starts = AgentStarts(clock)
            self.jobs = JobStore(
                settings.data_dir / FILE_NAME, clock, lambda: self._settings.job_ttl_s, self.log, self._job_moved
            )
            parts.callback(self.jobs.close)
            self.audit.begin()
            self._starts.recall(self.jobs)
            self._contract = Contract(SCHEMA_FOLDER, self._known_secrets.one_in)
            self.rails = GuardRails(self._settings_in_force, clock, self._contract.texts, self._starts)
            self.longest_stream = LongestStream(stream, self._settings_in_force, clock, self.log, obs_line)
            handlers = Handlers(stream, self.twitch, self.log)
            self.pause = pause
            self.policies = Policies(chosen, self._settings_in_force, self.agents)
            limiter = RateLimiter(self._settings_in_force, clock, self.agents)
            self._guard = Guard(self.pause, limiter, self.policies, self.rails)
            self.approvals = Approvals(
                self.jobs,
                lambda job: self.worker.enqueue(job),
                lambda job: self.worker.submit(job),
                self._guard.check_job,
                self.policies,
                self._settings_in_force,
                stream.show,
                clock,
                self.log,
                self._changes.touch,
            )
            self.worker = StreamWorker(
                self.jobs,
                handlers,
                self._guard.check_job,
                self.approvals.take_back,
                self.approvals.check_unasked,
                stream.end_start,
                stream.close,
                self.log,
            )
            stream.streamer_stopped = self._streamer_stopped
            chosen.tell(self._forbid)
            pause.tell(self._pause_switched)
            self._slots = Slots(MAX_WAITING, self._is_shared)
            self.dispatcher = Dispatcher(
                handlers,
                Idempotency(self.jobs, self._slots.waiting, self._settings_in_force, clock, self.log),
                self.approvals.hand_over,
                self._guard.admit,
                self._guard.check,
                self.approvals.check_unasked,
                self.approvals.must_ask,
                self.approvals.ask_until,
                Slots(HTTP_WORKERS // 2, self._is_shared),
                self.log,
                self.audit.asked,
                self.audit.ended,
            )
            failures = AuthFailureLimiter(clock)
            self._gate = Gate(self._settings_in_force, self.agents, self.jobs, failures, clock)
            page_access.pages.load()
            api, page = self._api(), self._operator_page(page_access, chosen, agents)
            self._app = api.wsgi(McpEndpoint(api).add_to, page.add_to)
            self.metrics.watch(
                queue=self.jobs.queue_length,
                questions=lambda: len(self.approvals.questions()),
                busy=lambda: 0 if (server := self._server) is None else server.workers.busy,
                waiting=lambda: self._slots.in_use,
                hearing=lambda: self.twitch.hearing.connected,
                dropped=stream.dropped,
                alerts=lambda: int(self.alerts.status()["waiting"]),
                storage=lambda: bool(self.trouble),
                token_s=lambda: self.twitch.token_expires_in_s,
            )
            self.metrics.watch_stream(lambda: str(stream.status()["stream"]["state"]))
            self.metrics.watch_twitch(lambda: {trouble["code"] for trouble in self.twitch.status()["troubles"]})
            self.worker.start()
            self.approvals.start()
            self.twitch.start()
            for notice in settings.notices:
                self.log.event("notice", message=notice)
            self._parts = parts.pop_all()

    # --- supervisor thread ----------------------------------------------------------------------------------------

    def apply(self, settings: Settings) -> str:
        """Make ``settings`` the ones in force, (re)start the server if its address changed; the URL it answers on.

        Raises ListenError: then nothing listens, and a later call tries again.
        """
        moved = (settings.bind, settings.port) != (self._settings.bind, self._settings.port)
        self._settings = settings
        self._forbid()
        with self._server_lock:
            if self._server is not None and moved:
                server, self._server = self._server, None
                server.stop(1.0)
            if self._server is None:
                server = HttpServer(self._app, settings.bind, settings.port, self._slots, workers=HTTP_WORKERS)
                server.start()
                self._server = server
                self.log.event("listening", message=self.url)
        self.twitch.hearing.apply()
        self.alerts.apply()
        self.tend()
        return self.url

    def tend(self) -> None:
        """What the files need every minute, and often while the disk refuses something. Never raises for that."""
        self.jobs.tend()
        self.audit.tend()

    def stop(self, timeout_s: float) -> None:
        """End every part within ``timeout_s``; idempotent."""
        deadline_s = time.monotonic() + timeout_s
        self.begin_stop()
        self.approvals.stop(max(0.1, deadline_s - time.monotonic()))
        self.twitch.close()  # first: a start that waits for a hung Twitch would use up the worker's time
        self.worker.stop(max(0.1, deadline_s - time.monotonic()))
        with self._server_lock:
            if self._server is not None:
                left = self._server.stop(max(0.1, deadline_s - time.monotonic()))
                self._server = None
                if left:
                    self.log.event("threads_left", message=", ".join(left))
        self.alerts.stop()
        self.log.event("stopped")
        self._parts.close()

    # --- any thread -----------------------------------------------------------------------------------------------

    def begin_stop(self) -> None:
        """Refuse new work and wake everybody who waits, at once."""
        self.dispatcher.stop()
        self.approvals.begin_stop()
        self.worker.begin_stop()
        self.alerts.begin_stop()
        self.jobs.wake_all()
        self.twitch.hearing.memory.close()
        self._changes.close()

    @property
    def url(self) -> str:
        host = f"[{self._settings.bind}]" if ":" in self._settings.bind else self._settings.bind
        return f"http://{host}:{self._settings.port}"

    def status(self) -> dict[str, Any]:
        """The body of ``GET /status``."""
        return {
            "ok": True,
            "service": SERVICE,
            "version": VERSION,
            "uptime_s": round(self._clock.monotonic() - self._begun_s, 1),
            "obs": self._stream.status(),
            "twitch": self.twitch.status(),
            "events": self.twitch.hearing.status(),
            "paused": self.pause.paused,
            "paused_since": self.pause.status()["since"],
            "queue_length": self.jobs.queue_length(),
            "approvals_pending": len(self.approvals.questions()),
            "guard_rails": self.rails.status() | self.longest_stream.status(),
            "storage": {"ok": not self.trouble, "problem": self.trouble or None},
            "alerts": self.alerts.status(),
        }

    @property
    def trouble(self) -> str:
        """What the disk refuses; empty while it does not."""
        return self.jobs.trouble or self.audit.trouble

    # --- wiring ---------------------------------------------------------------------------------------------------

    def _api(self) -> Api:
        return Api(
            gate=self._gate,
            contract=self._contract,
            agents=self.agents,
            guard=self._guard,
            dispatcher=self.dispatcher,
            begin_jobs=self.worker.wake,
            withdraw=lambda job_id: self.approvals.withdraw(job_id) or self.worker.withdraw(job_id),
            job_ttl_s=lambda: self._settings.job_ttl_s,
            store=self.jobs,
            hearing=self.twitch.hearing,
            status=self.status,
            checks=self._checks,
            metrics=self.metrics,
            log=self.log,
            slots=self._slots,
            channel=self.twitch.page.read,
            channel_slots=Slots(HTTP_WORKERS // 4, self._is_shared),
            clock=self._clock,
            refusals=self._refusals,
        )

    def _operator_page(self, access: PageAccess, chosen: ChosenPolicies, agents: AgentFile) -> OperatorPage:
        settings, audit, changed = self._settings_in_force, self.audit, self._changes.touch
        return OperatorPage(
            gate=self._gate,
            door=Door(settings, access.pages, AuthFailureLimiter(self._clock)),
            access=access,
            state=PageState(
                *(self.status, self._checks, self.approvals, self.jobs, self.policies, self.agents, audit),
                *(settings, self._clock),
            ),
            controls=Controls(
                *(self.approvals, self.pause, chosen, agents, audit, settings),
                *(lambda: access.keep_paused, self._forbid, changed),
            ),
            audit=AuditPages(self._settings.data_dir / AUDIT_FILE_NAME, audit.store),
            picture=LatestPicture(self._stream.take_picture, self._clock),
            changes=self._changes,
            slots=self._slots,
            monotonic=self._clock.monotonic,
        )

    def _checks(self, status: Mapping[str, Any]) -> list[dict[str, str]]:
        return checks.run(status, self._settings, self.policies.all())

    def _watched(self) -> list[dict[str, str]]:
        """What the alerts look at. The alerts' thread."""
        # Before the status: a stream that comes up in between would be neither lost nor up.
        dropped = self._stream.dropped()
        return checks.watched(self.status(), self._settings, self.policies.all(), dropped)

    def _pause_switched(self, paused: bool) -> None:
        if paused:
            self._forbid()
        self.audit.operator("paused" if paused else "resumed")

    def _forbid(self) -> None:
        """The streamer may have forbidden something that was accepted before."""
        self.approvals.forbid()  # first: what begins meanwhile goes from here to the worker
        self.worker.forbid()
        self._changes.touch()

    def _streamer_stopped(self, own: bool) -> None:
        self.approvals.stand_down()  # first, as above
        self.worker.stand_down(own)

    def _is_shared(self) -> bool:
        """Whether there is more than one agent to think of."""
        return bool(self.agents.all)

    def _settings_in_force(self) -> Settings:
        return self._settings

    def _job_moved(self, job: Job) -> None:
        self.audit.job_moved(job)
        self._starts.note(job)
        self._changes.touch()
        if job.status.ended and job.finished_at is not None:
            outcome = "ok" if job.error is None else str(job.error["code"])
            self.metrics.job_ended(action=job.action, outcome=outcome, duration_s=job.finished_at - job.created_at)
            self.alerts.job_ended(EndedJob(job.id, job.action, job.agent_id, job.error))
