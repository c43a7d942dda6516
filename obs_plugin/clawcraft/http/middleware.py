"""Around every request: one answer whatever happens; once that is sent, one log line and one count. On HTTP workers."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import bottle

from clawcraft.authority.refusals import RefusalCounts
from clawcraft.clock import Clock
from clawcraft.errors import ClawcraftError, MethodNotAllowed, NotFound
from clawcraft.http import responses, wire
from clawcraft.http.gate import Environ, Gate
from clawcraft.http.responses import Response
from clawcraft.telemetry.events import EventLog, incident
from clawcraft.telemetry.metrics import Metrics

StartResponse = Callable[[str, list[tuple[str, str]]], Any]

RECORD: Final = "clawcraft.record"
"""environ key: the request's RequestRecord."""

BREATH_S: Final = 0.0005
"""Between the answer to an accepted job and the job: where every core is busy, as while OBS encodes, the threads that
wake for the job would run before the client that was answered."""


@dataclass(slots=True)
class RequestRecord:
    """What one request turned out to be about, for its log line, its metrics and its failure object."""

    claims: dict[str, str] = field(default_factory=dict)
    """Envelope fields that are valid by themselves, even if the request as a whole is not. With a named agent's token
    ``agent_id`` is that agent's name, and ``claimed_agent_id`` the other name that the request says, if it does."""
    method: str | None = None
    """Of MCP, such as ``tools/call``."""
    job_id: str | None = None
    code: str | None = None
    replayed: bool | None = None
    refused: bool = False
    """Whether it got no further than a check."""
    when_sent: Callable[[], None] | None = None
    """Called a breath after the answer is on the wire, or cannot be sent. Must not raise."""


@dataclass(eq=False)
class Middleware:
    """The WSGI application: ``routes`` with everything around them. Never raises. A route may wait (see
    ``wire.MAY_BLOCK``) unless its configuration says ``quick``."""

    _routes: bottle.Bottle
    _gate: Gate
    _log: EventLog
    _metrics: Metrics
    _clock: Clock
    _refusals: RefusalCounts

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        begun_s = self._clock.monotonic()
        record = environ[RECORD] = RequestRecord()
        response = self._respond(environ, record)
        duration_s = self._clock.monotonic() - begun_s
        try:
            start_response(response.status_line, response.headers)
            yield b"" if environ["REQUEST_METHOD"] == "HEAD" else response.body
        finally:
            if record.when_sent is not None:
                time.sleep(BREATH_S)
                record.when_sent()
            self._tell(environ, record, response.status, duration_s)

    def _respond(self, environ: Environ, record: RequestRecord) -> Response:
        try:
            self._gate.check_client(environ)
            if environ[wire.REFUSED] is not None:
                raise responses.of_waitress(environ[wire.REFUSED])
            self._gate.check_size(environ)
            return self._route(environ)
        except ClawcraftError as error:
            return self._failure(error, record)
        except Exception as error:  # noqa: BLE001 - a defect still is an answer, and its traceback a log entry
            return self._failure(incident(self._log, error, **record.claims), record)

    def _route(self, environ: Environ) -> Response:
        try:
            # Not latin-1 or UTF-8 in disguise: every path there is, is plain ASCII.
            if not environ["PATH_INFO"].isascii():
                raise NotFound("there is no such path")
            route, arguments = self._routes.match(environ)
        except bottle.HTTPError as error:
            if error.status_code == 405:
                allowed = error.headers["Allow"].split(",")
                allowed += ["HEAD"] if "GET" in allowed else []
                raise MethodNotAllowed(
                    f"{environ['REQUEST_METHOD'][:20]} is not possible here", details={"allowed": allowed}
                ) from None
            raise NotFound(f"there is no path {environ['PATH_INFO'][:80]!r}") from None
        environ["bottle.route"] = route
        if "quick" not in route.config:
            environ[wire.MAY_BLOCK]()
        response: Response = route.callback(environ, **arguments)
        return response

    def _failure(self, error: ClawcraftError, record: RequestRecord) -> Response:
        record.code = error.code
        record.refused = True
        return responses.failure(error, record.claims.get("action"), record.claims.get("request_id"))

    def _tell(self, environ: Environ, record: RequestRecord, status: int, duration_s: float) -> None:
        route = environ.get("bottle.route")
        self._metrics.request_finished(
            endpoint="other" if route is None else f"{route.method} {route.rule}",
            action=record.claims.get("action"),
            status=status,
            code=record.code,
            duration_s=duration_s,
        )
        if record.refused or record.replayed:
            kind = record.code if record.refused and record.code else "replayed"
            claims = record.claims
            self._refusals.count(kind, claims.get("action"), claims.get("agent_id"), environ["REMOTE_ADDR"])
        if route is not None and "unlogged" in route.config and status < 400:
            return  # the page asks all day long: its questions would push everything else out of the log
        self._log.event(
            "request",
            method=environ["REQUEST_METHOD"][:20],
            path=environ["PATH_INFO"][:200],
            status=status,
            code=record.code,
            **({} if record.method is None else {"mcp_method": record.method}),
            **record.claims,
            job_id=record.job_id,
            replayed=record.replayed,
            client=environ["REMOTE_ADDR"],
            duration_ms=round(duration_s * 1000, 2),
        )
