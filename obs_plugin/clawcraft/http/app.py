"""The routes of the tool API. They translate between HTTP and the service; no route chooses a status of failure.

Called on HTTP workers.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import bottle

from clawcraft import VERSION
from clawcraft.actions.catalogue import ACTIONS, BY_NAME, Policy
from clawcraft.authority.agents import SERVICE_HOLDER, Agents
from clawcraft.authority.guard import Guard
from clawcraft.authority.refusals import RefusalCounts
from clawcraft.clock import Clock
from clawcraft.contract import strict_json
from clawcraft.contract.openapi import openapi_document
from clawcraft.contract.schemas import Contract
from clawcraft.errors import ClawcraftError, JobNotFound
from clawcraft.http import events, query, responses, wire
from clawcraft.http.gate import Environ, Gate, Signed
from clawcraft.http.middleware import RECORD, Middleware, RequestRecord
from clawcraft.http.responses import Response
from clawcraft.jobs.answer import REPLAYED, Answer
from clawcraft.jobs.dispatch import Dispatcher
from clawcraft.jobs.model import Job, JobStatus
from clawcraft.jobs.slots import Slots
from clawcraft.jobs.store import JobStore
from clawcraft.telemetry.events import EventLog
from clawcraft.telemetry.metrics import Metrics
from clawcraft.twitch.hearing import Hearing

SERVICE: Final = "twitch-clawcraft"
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
CHANNEL_WAIT_S: Final = 2.0
"""How long ``GET /channel`` may wait for what is due; then it answers with what there is."""
LOOK_UP_S: Final = 0.5
"""How often a long poll looks whether its client is still there."""

_JOB_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CURSOR: Final = re.compile(r"[A-Za-z0-9_.=-]{1,200}")


@dataclass
class Api:
    """One method for each endpoint: the request's environ in, a response out, ClawcraftError for the rest.

    ``begin_jobs`` is called once the answer to an accepted job is on the wire; ``withdraw`` ends a job by its id if it
    has not begun, and says whether; ``job_ttl_s`` is how long ended ones are kept; ``status`` gives the fields of
    ``GET /status`` and must answer within its own deadline; ``checks`` judges them for ``?check=1``. ``channel`` gives
    those of ``GET /channel``, waiting so many seconds for what is due, which only those in ``channel_slots`` do.
    """

    gate: Gate
    agents: Agents
    contract: Contract
    guard: Guard
    dispatcher: Dispatcher
    begin_jobs: Callable[[], None]
    withdraw: Callable[[str], bool]
    job_ttl_s: Callable[[], float]
    store: JobStore
    hearing: Hearing
    status: Callable[[], Mapping[str, Any]]
    checks: Callable[[Mapping[str, Any]], list[dict[str, str]]]
    metrics: Metrics
    log: EventLog
    slots: Slots
    channel: Callable[[float], Mapping[str, Any]]
    channel_slots: Slots
    clock: Clock
    refusals: RefusalCounts

    def __post_init__(self) -> None:
        self._openapi = responses.encode(openapi_document(self.contract, VERSION))

    def wsgi(self, *more_routes: Callable[[bottle.Bottle], None]) -> Middleware:
        """The application, and with ``more_routes`` what else the server serves. Quick routes wait for nothing but the
        processor."""
        table = bottle.Bottle()
        table.uninstall(True)  # bottle's own plugins guess at content types; ours are explicit
        table.get("/health", callback=self.get_health, quick=True)
        table.get("/openapi.json", callback=self.get_openapi, quick=True)
        table.get("/tools", callback=self.get_tools, quick=True)
        table.get("/status", callback=self.get_status)
        table.get("/channel", callback=self.get_channel)
        table.get("/metrics", callback=self.get_metrics)
        table.post("/tools/execute", callback=self.execute, quick=True)
        table.get("/tools/jobs", callback=self.get_jobs)
        table.get("/tools/jobs/<job_id>", callback=self.get_job, quick=True)
        table.get("/events", callback=self.get_events, quick=True)
        for add_to in more_routes:
            add_to(table)
        return Middleware(table, self.gate, self.log, self.metrics, self.clock, self.refusals)

    def get_health(self, environ: Environ) -> Response:
        query.parse(environ["QUERY_STRING"], ())
        return responses.json_answer(200, {"ok": True, "service": SERVICE, "version": VERSION})

    def get_openapi(self, environ: Environ) -> Response:
        query.parse(environ["QUERY_STRING"], ())
        return responses.answer(200, self._openapi)

    def execute(self, environ: Environ) -> Response:
        self.gate.check_json_type(environ)
        holder = self.gate.check_bearer(environ)
        body = environ["wsgi.input"].read()
        signed = self.gate.check_signature(environ, body)
        query.parse(environ["QUERY_STRING"], ())
        answer = self.run(environ, holder, strict_json.parse(body), signed)
        return responses.json_answer(answer.status, answer.body, answer.headers)

    def run(self, environ: Environ, holder: str, value: Any, signed: Signed | None = None) -> Answer:
        """The way of each request for an action once it is known whose it is. Raises ClawcraftError for a refusal."""
        record: RequestRecord = environ[RECORD]
        try:
            envelope = self.agents.claim(holder, self.contract.check(value))
        except ClawcraftError:
            record.claims = _claims_of(holder, self.contract.claims(value))
            raise
        record.claims = envelope.claims()
        environ[wire.MAY_BLOCK]()
        self.gate.check_replay(signed, envelope)
        self.guard.check(envelope)
        record.when_sent = self.begin_jobs
        answer = self.dispatcher.execute(envelope)
        record.job_id = answer.body.get("result", {}).get("job_id")
        record.code = answer.body.get("error", {}).get("code")
        record.replayed = True if REPLAYED in answer.headers else None
        return answer

    def get_job(self, environ: Environ, job_id: str) -> Response:
        holder, values = self._authenticated(environ, "wait")
        job = self.job(environ, holder, job_id, query.wait_s(values))
        return responses.json_answer(200, {"ok": True, "job": job.to_json()})

    def job(self, environ: Environ, holder: str, job_id: str, wait_s: float) -> Job:
        """The job, once it has ended or after ``wait_s``. Raises JobNotFound."""
        if not _JOB_ID.fullmatch(job_id):
            raise JobNotFound(f"{strict_json.shown(job_id)!r} is not the id of a job")
        environ[RECORD].job_id = job_id
        if wait_s or not self.store.in_memory(job_id):
            environ[wire.MAY_BLOCK]()
        return self._when_ended(job_id, holder, wait_s, environ[wire.CLIENT_GONE])

    def get_jobs(self, environ: Environ) -> Response:
        holder, filters = self._authenticated(
            environ, "status", "action", "mission_id", "correlation_id", "limit", "cursor"
        )
        limit = query.limit(filters)
        cursor = filters.pop("cursor", None)
        filters.pop("limit", None)
        query.one_of(filters, "status", [str(status) for status in JobStatus])
        query.one_of(filters, "action", tuple(BY_NAME))
        for name in ("mission_id", "correlation_id"):
            if name in filters and (reason := self.contract.check_field(name, filters[name])):
                raise query.refusal(name, "pattern", reason)
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise query.refusal("cursor", "pattern", "is not a next_cursor from an earlier answer")
        if holder != SERVICE_HOLDER:
            filters["holder"] = holder
        jobs, next_cursor = self.store.list(filters, limit, cursor)
        body = {"ok": True, "jobs": [job.to_json() for job in jobs], "next_cursor": next_cursor}
        return responses.json_answer(200, body)

    def get_tools(self, environ: Environ) -> Response:
        holder, _ = self._authenticated(environ)
        tools = []
        for action in ACTIONS:
            schema, policy = self.contract.args_schema(action.name), self.guard.policy(action.name, holder)
            tools.append(
                {
                    "name": action.name,
                    "description": schema["description"],
                    "kind": action.kind,
                    "enabled": policy is not Policy.OFF,
                    "policy": policy,
                    "args": schema,
                }
            )
        return responses.json_answer(200, {"ok": True, "tools": tools})

    def get_status(self, environ: Environ) -> Response:
        holder, values = self._authenticated(environ, "check")
        return responses.json_answer(200, self.status_for(holder, query.flag(values, "check")))

    def status_for(self, holder: str, checked: bool) -> dict[str, Any]:
        status = self.status()
        extra: dict[str, Any] = {"checks": self.checks(status)} if checked else {}
        if holder != SERVICE_HOLDER:
            extra["agent"] = self.agents.about(holder)
        return {"ok": True, **status, **extra}

    def get_events(self, environ: Environ) -> Response:
        holder, values = self._authenticated(environ, "cursor", "wait", "types", "limit")
        return responses.json_answer(200, self.events_for(environ, holder, events.Asked.of(values)))

    def events_for(self, environ: Environ, holder: str, asked: events.Asked) -> dict[str, Any]:
        if asked.wait_s:
            environ[wire.MAY_BLOCK]()
        gone = environ[wire.CLIENT_GONE]
        return events.answer(self.hearing, asked, self.slots, holder, self.clock, gone, LOOK_UP_S)

    def get_channel(self, environ: Environ) -> Response:
        holder, _ = self._authenticated(environ)
        return responses.json_answer(200, self.channel_for(holder))

    def channel_for(self, holder: str) -> dict[str, Any]:
        with self.channel_slots.waiting(holder) as granted:
            return {"ok": True, **self.channel(CHANNEL_WAIT_S if granted else 0.0)}

    def get_metrics(self, environ: Environ) -> Response:
        self._authenticated(environ)
        return responses.answer(200, self.metrics.render(), METRICS_TYPE)

    def _authenticated(self, environ: Environ, *parameters: str) -> tuple[str, dict[str, str]]:
        """Whose token it is, and the parameters."""
        return self.gate.check_bearer(environ), query.parse(environ["QUERY_STRING"], parameters)

    def _when_ended(self, job_id: str, holder: str, wait_s: float, client_gone: Callable[[], bool]) -> Job:
        job = self.store.get(job_id, holder)
        if job.status.ended or not wait_s:
            return job
        with self.slots.waiting(holder) as granted:
            if not granted:
                return job
            until_s = self.clock.monotonic() + wait_s
            while not job.status.ended and not client_gone():
                begun_s = self.clock.monotonic()
                slice_s = min(LOOK_UP_S, until_s - begun_s)
                if slice_s <= 0:
                    break
                job = self.store.wait_ended(job_id, slice_s)
                # Back early with a job that has not ended: the service stops and wants its waiters gone.
                if self.clock.monotonic() - begun_s < slice_s * 0.9:
                    break
        return job


def _claims_of(holder: str, claims: dict[str, str]) -> dict[str, str]:
    """``claims`` of a refused request as they are written down. A named agent's are its own, whatever name it says."""
    if holder == SERVICE_HOLDER:
        return claims
    claimed = claims.get("agent_id", holder)
    others = {} if claimed == holder else {"claimed_agent_id": claimed}
    return {**claims, "agent_id": holder, "holder": holder, **others}
