"""The routes of the tool API. They translate between HTTP and the service; no route chooses a status of failure.

Called on HTTP workers.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import bottle

from clawcraft import VERSION
from clawcraft.actions.catalogue import ACTIONS, BY_NAME
from clawcraft.authority.guard import Guard
from clawcraft.clock import Clock
from clawcraft.contract import strict_json
from clawcraft.contract.openapi import openapi_document
from clawcraft.contract.schemas import Contract
from clawcraft.errors import JobNotFound
from clawcraft.http import query, responses, wire
from clawcraft.http.door import EXCHANGE, Door, Environ, Exchange, RequestMetrics
from clawcraft.http.gate import Gate
from clawcraft.http.workers import WaitSlots
from clawcraft.jobs.model import Envelope, Job, JobStatus
from clawcraft.settings import Settings
from clawcraft.telemetry.events import EventLog

SERVICE: Final = "twitch-clawcraft"
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
LOOK_UP_S: Final = 0.5
"""How often a long poll looks whether its client is still there."""

_JOB_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CURSOR: Final = re.compile(r"[A-Za-z0-9_.=-]{1,200}")


class Answer(Protocol):
    """What executing an envelope comes to."""

    @property
    def status(self) -> int: ...

    @property
    def body(self) -> Mapping[str, Any]: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


class Executor(Protocol):
    """Runs one valid envelope. Raises ClawcraftError."""

    def execute(self, envelope: Envelope) -> Answer: ...


class JobReader(Protocol):
    """The job table's read side."""

    def get(self, job_id: str) -> Job: ...

    def wait_ended(self, job_id: str, timeout_s: float) -> Job:
        """The job once it ended, or as it is after ``timeout_s`` or when the service stops."""
        ...

    def list(self, filters: Mapping[str, str], limit: int, cursor: str | None) -> tuple[list[Job], str | None]: ...


class ServiceMetrics(RequestMetrics, Protocol):
    """The metrics, as the door and ``GET /metrics`` use them."""

    def render(self) -> bytes: ...


def build_app(
    *,
    gate: Gate,
    contract: Contract,
    settings: Callable[[], Settings],
    guard: Guard,
    dispatcher: Executor,
    job_store: JobReader,
    status: Callable[[], Mapping[str, Any]],
    checks: Callable[[Mapping[str, Any]], list[dict[str, str]]],
    metrics: ServiceMetrics,
    log: EventLog,
    slots: WaitSlots,
    clock: Clock,
) -> Door:
    """The WSGI application. ``status`` gives the fields of ``GET /status`` and must answer within its own deadline;
    ``checks`` judges them for ``?check=1``."""
    routes = _Routes(gate, contract, settings, guard, dispatcher, job_store, status, checks, metrics, slots, clock)
    table = bottle.Bottle()
    table.uninstall(True)  # bottle's own plugins guess at content types; ours are explicit
    table.get("/health", callback=routes.health)
    table.get("/openapi.json", callback=routes.openapi)
    table.get("/tools", callback=routes.tools)
    table.get("/status", callback=routes.status)
    table.get("/metrics", callback=routes.metrics)
    table.post("/tools/execute", callback=routes.execute)
    table.get("/tools/jobs", callback=routes.jobs)
    table.get("/tools/jobs/<job_id>", callback=routes.job)
    return Door(table, gate, log, metrics, clock)


class _Routes:
    """One method for each endpoint: the request's environ in, a response out, ClawcraftError for the rest."""

    def __init__(
        self,
        gate: Gate,
        contract: Contract,
        settings: Callable[[], Settings],
        guard: Guard,
        dispatcher: Executor,
        job_store: JobReader,
        status: Callable[[], Mapping[str, Any]],
        checks: Callable[[Mapping[str, Any]], list[dict[str, str]]],
        metrics: ServiceMetrics,
        slots: WaitSlots,
        clock: Clock,
    ) -> None:
        self._gate = gate
        self._contract = contract
        self._settings = settings
        self._guard = guard
        self._dispatcher = dispatcher
        self._jobs = job_store
        self._status = status
        self._checks = checks
        self._metrics = metrics
        self._slots = slots
        self._clock = clock
        self._openapi = responses.encode(openapi_document(contract, VERSION))

    def health(self, environ: Environ) -> bottle.HTTPResponse:
        query.parse(environ["QUERY_STRING"], ())
        return responses.json_answer(200, {"ok": True, "service": SERVICE, "version": VERSION})

    def openapi(self, environ: Environ) -> bottle.HTTPResponse:
        query.parse(environ["QUERY_STRING"], ())
        return responses.answer(200, self._openapi)

    def execute(self, environ: Environ) -> bottle.HTTPResponse:
        exchange: Exchange = environ[EXCHANGE]
        self._gate.check_json_type(environ)
        self._gate.check_bearer(environ)
        body = environ["wsgi.input"].read()
        signed = self._gate.check_signature(environ, body)
        query.parse(environ["QUERY_STRING"], ())
        value = strict_json.parse(body)
        exchange.claims = self._contract.claims(value)
        envelope = self._contract.check(value)
        self._gate.check_replay(signed, envelope)
        self._guard.check(envelope.action)
        answer = self._dispatcher.execute(envelope)
        exchange.job_id = answer.body.get("result", {}).get("job_id")
        exchange.code = answer.body.get("error", {}).get("code")
        exchange.replayed = True if "Idempotent-Replayed" in answer.headers else None
        return responses.json_answer(answer.status, answer.body, answer.headers)

    def job(self, environ: Environ, job_id: str) -> bottle.HTTPResponse:
        values = self._authenticated(environ, "wait")
        wait_s = query.wait_s(values)
        if not _JOB_ID.fullmatch(job_id):
            raise JobNotFound(f"{strict_json.shown(job_id)!r} is not the id of a job")
        environ[EXCHANGE].job_id = job_id
        job = self._when_ended(job_id, wait_s, environ[wire.CLIENT_GONE])
        return responses.json_answer(200, {"ok": True, "job": job.to_json()})

    def jobs(self, environ: Environ) -> bottle.HTTPResponse:
        filters = self._authenticated(environ, "status", "action", "mission_id", "correlation_id", "limit", "cursor")
        limit = query.limit(filters)
        cursor = filters.pop("cursor", None)
        filters.pop("limit", None)
        query.one_of(filters, "status", [str(status) for status in JobStatus])
        query.one_of(filters, "action", tuple(BY_NAME))
        for name in ("mission_id", "correlation_id"):
            if name in filters and (reason := self._contract.check_field(name, filters[name])):
                raise query.refusal(name, "pattern", reason)
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise query.refusal("cursor", "pattern", "is not a next_cursor from an earlier answer")
        jobs, next_cursor = self._jobs.list(filters, limit, cursor)
        body = {"ok": True, "jobs": [job.to_json() for job in jobs], "next_cursor": next_cursor}
        return responses.json_answer(200, body)

    def tools(self, environ: Environ) -> bottle.HTTPResponse:
        self._authenticated(environ)
        settings = self._settings()
        tools = []
        for action in ACTIONS:
            schema = self._contract.args_schema(action.name)
            tools.append(
                {
                    "name": action.name,
                    "description": schema["description"],
                    "kind": action.kind,
                    "enabled": settings.is_on(action.name),
                    "args": schema,
                }
            )
        return responses.json_answer(200, {"ok": True, "tools": tools})

    def status(self, environ: Environ) -> bottle.HTTPResponse:
        values = self._authenticated(environ, "check")
        checked = query.flag(values, "check")
        status = self._status()
        extra = {"checks": self._checks(status)} if checked else {}
        return responses.json_answer(200, {"ok": True, **status, **extra})

    def metrics(self, environ: Environ) -> bottle.HTTPResponse:
        self._authenticated(environ)
        return responses.answer(200, self._metrics.render(), METRICS_TYPE)

    def _authenticated(self, environ: Environ, *parameters: str) -> dict[str, str]:
        self._gate.check_bearer(environ)
        return query.parse(environ["QUERY_STRING"], parameters)

    def _when_ended(self, job_id: str, wait_s: float, client_gone: Callable[[], bool]) -> Job:
        job = self._jobs.get(job_id)
        if job.status.ended or not wait_s:
            return job
        with self._slots.waiting() as granted:
            if not granted:
                return job
            until_s = self._clock.monotonic() + wait_s
            while not job.status.ended and not client_gone():
                begun_s = self._clock.monotonic()
                slice_s = min(LOOK_UP_S, until_s - begun_s)
                if slice_s <= 0:
                    break
                job = self._jobs.wait_ended(job_id, slice_s)
                # Back early with a job that has not ended: the service stops and wants its waiters gone.
                if self._clock.monotonic() - begun_s < slice_s * 0.9:
                    break
        return job
