"""Around every request: who may knock, one answer whatever happens, one log line and one count. On HTTP workers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import bottle

from clawcraft.clock import Clock
from clawcraft.errors import ClawcraftError, MethodNotAllowed, NotFound
from clawcraft.http import responses, wire
from clawcraft.http.gate import Gate
from clawcraft.telemetry.events import EventLog, incident

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Environ = dict[str, Any]

EXCHANGE: Final = "clawcraft.exchange"
"""environ key: the request's Exchange."""


class RequestMetrics(Protocol):
    """What the door counts."""

    def request_finished(
        self, *, endpoint: str, action: str | None, status: int, code: str | None, duration_s: float
    ) -> None: ...


@dataclass(slots=True)
class Exchange:
    """What one request turned out to be about, for its log line, its metrics and its failure object."""

    claims: dict[str, str] = field(default_factory=dict)
    """Envelope fields that are valid by themselves, even if the request as a whole is not."""
    job_id: str | None = None
    code: str | None = None
    replayed: bool | None = None


class Door:
    """The WSGI application: ``routes`` with everything around them. Never raises."""

    def __init__(self, routes: bottle.Bottle, gate: Gate, log: EventLog, metrics: RequestMetrics, clock: Clock) -> None:
        self._routes = routes
        self._gate = gate
        self._log = log
        self._metrics = metrics
        self._clock = clock

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        begun_s = self._clock.monotonic()
        exchange = environ[EXCHANGE] = Exchange()
        response = self._respond(environ, exchange)
        self._record(environ, exchange, response.status_code, self._clock.monotonic() - begun_s)
        start_response(response.status_line, response.headerlist)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [response.body]

    def _respond(self, environ: Environ, exchange: Exchange) -> bottle.HTTPResponse:
        try:
            self._gate.check_client(environ)
            if wire.REFUSED in environ:
                raise responses.of_waitress(environ[wire.REFUSED])
            self._gate.check_size(environ)
            return self._route(environ)
        except ClawcraftError as error:
            return self._failure(error, exchange)
        except Exception as error:  # noqa: BLE001 - a defect still is an answer, and its traceback a log entry
            return self._failure(incident(self._log, error, **exchange.claims), exchange)

    def _route(self, environ: Environ) -> bottle.HTTPResponse:
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
        return route.call(environ, **arguments)

    def _failure(self, error: ClawcraftError, exchange: Exchange) -> bottle.HTTPResponse:
        exchange.code = error.code
        return responses.failure(error, exchange.claims.get("action"), exchange.claims.get("request_id"))

    def _record(self, environ: Environ, exchange: Exchange, status: int, duration_s: float) -> None:
        route = environ.get("bottle.route")
        self._metrics.request_finished(
            endpoint="other" if route is None else f"{route.method} {route.rule}",
            action=exchange.claims.get("action"),
            status=status,
            code=exchange.code,
            duration_s=duration_s,
        )
        self._log.event(
            "request",
            method=environ["REQUEST_METHOD"][:20],
            path=environ["PATH_INFO"][:200],
            status=status,
            code=exchange.code,
            **exchange.claims,
            job_id=exchange.job_id,
            replayed=exchange.replayed,
            client=environ["REMOTE_ADDR"],
            duration_ms=round(duration_s * 1000, 2),
        )
