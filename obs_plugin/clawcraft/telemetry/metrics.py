"""Counters and durations for ``GET /metrics``, in a registry of its own. Any thread."""

import math
from collections.abc import Callable, Collection
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from clawcraft.actions.catalogue import BY_NAME
from clawcraft.twitch_health import CODES

OTHER: Final = "unknown"
_FAST_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_JOB_S: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 240.0)
_UI_S: Final = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.05, 0.25, 1.0, 5.0)
STREAM_STATES: Final = ("offline", "starting", "live", "reconnecting", "stopping", "unknown")
WATCHED: Final = {
    "queue": ("clawcraft_job_queue_length", "Jobs waiting for their turn."),
    "questions": ("clawcraft_approvals_pending", "Questions that wait for the streamer."),
    "busy": ("clawcraft_http_workers_busy", "HTTP threads that run a request."),
    "waiting": ("clawcraft_http_waiting", "Requests that wait for a job or for a duplicate that runs."),
    "hearing": ("clawcraft_events_connected", "1 while EventSub is connected."),
    "dropped": ("clawcraft_stream_dropped", "1 after a stream ended by itself, until one is up again."),
    "alerts": ("clawcraft_alerts_pending", "Alerts that wait to be sent."),
    "storage": ("clawcraft_storage_trouble", "1 while the disk refuses what is written."),
    "token_s": ("clawcraft_twitch_token_expires_in_seconds", "Life left of the Twitch token."),
}
"""What is asked for at each scrape: its gauge, and what that says."""


class Metrics:
    """Named by event. Whatever else than a known action an agent asks for counts as unknown."""

    def __init__(self, version: str) -> None:
        self._registry = CollectorRegistry()
        counter = partial(Counter, registry=self._registry)
        gauge = partial(Gauge, registry=self._registry)
        histogram = partial(Histogram, registry=self._registry)
        self._requests = counter(
            "clawcraft_http_requests", "Requests answered.", ("endpoint", "action", "status", "code")
        )
        self._request_s = histogram(
            "clawcraft_http_request_duration_seconds",
            "Time to answer a request, long polls included.",
            ("endpoint", "action"),
            buckets=_FAST_S,
        )
        self._jobs = counter(
            "clawcraft_jobs", "Jobs that ended, by outcome: ok or an error code.", ("action", "outcome")
        )
        self._job_s = histogram(
            "clawcraft_job_duration_seconds",
            "Time of a job from its acceptance to its end.",
            ("action",),
            buckets=_JOB_S,
        )
        self._ui_s = histogram(
            "clawcraft_ui_call_duration_seconds",
            "Round trip of a call on OBS's UI thread.",
            ("outcome",),
            buckets=_UI_S,
        )
        self._twitch = counter("clawcraft_twitch_requests", "Calls to Twitch.", ("endpoint", "status"))
        self._twitch_s = histogram(
            "clawcraft_twitch_request_duration_seconds", "Time of a call to Twitch.", ("endpoint",), buckets=_FAST_S
        )
        self._rate_limited = counter("clawcraft_rate_limited", "Requests refused for their rate.", ("action",))
        self._auth_failures = counter("clawcraft_auth_failures", "Requests that failed to authenticate.", ("code",))
        self._alerts = counter("clawcraft_alerts", "Alerts to the webhook, by what became of them.", ("outcome",))
        self._events = counter("clawcraft_events", "Events heard of the channel.", ("type",))
        self._stream = gauge("clawcraft_stream_state", "1 for the state the stream is in.", ("state",))
        gauge("clawcraft_build_info", "Always 1; the label tells the version.", ("version",)).labels(version).set(1)
        self._stream_state: Callable[[], str] | None = None
        self._trouble = gauge(
            "clawcraft_twitch_trouble", "1 for what is wrong with Twitch, or will be within hours.", ("code",)
        )
        self._troubles: Callable[[], Collection[str]] | None = None

    def request_finished(
        self, *, endpoint: str, action: str | None, status: int, code: str | None, duration_s: float
    ) -> None:
        """``endpoint`` is the route, not the path; ``code`` an error code, None for success."""
        labels = (endpoint, self._action(action))
        self._requests.labels(*labels, str(status), code or "").inc()
        self._request_s.labels(*labels).observe(duration_s)
        if code == "rate_limited":
            self._rate_limited.labels(labels[1]).inc()
        if status == 401:
            self._auth_failures.labels(code or "").inc()

    def job_ended(self, *, action: str, outcome: str, duration_s: float) -> None:
        """``outcome`` is ``ok`` or the error code; ``duration_s`` from acceptance to end."""
        self._jobs.labels(self._action(action), outcome).inc()
        self._job_s.labels(self._action(action)).observe(duration_s)

    def ui_call(self, *, outcome: str, duration_s: float) -> None:
        """``outcome``: ok, error or timeout."""
        self._ui_s.labels(outcome).observe(duration_s)

    def twitch_call(self, endpoint: str, outcome: str, duration_s: float) -> None:
        """``endpoint`` is method and path without query; ``outcome`` Twitch's status, or words where it gave none."""
        self._twitch.labels(endpoint, outcome if outcome.isdigit() else "none").inc()
        self._twitch_s.labels(endpoint).observe(duration_s)

    def event_heard(self, kind: str) -> None:
        """``kind``: an entry's type, of which there are few."""
        self._events.labels(kind).inc()

    def alert(self, outcome: str) -> None:
        """``outcome``: sent, given_up (after its tries) or dropped (too many waited)."""
        self._alerts.labels(outcome).inc()

    def watch(self, **figures: Callable[[], float | None]) -> None:
        """Ask for these of WATCHED at each scrape; one that is None is not known."""
        for name, figure in figures.items():
            Gauge(*WATCHED[name], registry=self._registry).set_function(_safely(figure))

    def watch_stream(self, state: Callable[[], str]) -> None:
        """Ask ``state`` for one of STREAM_STATES, once at each scrape."""
        self._stream_state = state

    def watch_twitch(self, troubles: Callable[[], Collection[str]]) -> None:
        """Ask for the codes of the troubles there are (``twitch_health.py``), at each scrape."""
        self._troubles = troubles

    def render(self) -> bytes:
        """All metrics in Prometheus's text format (version 0.0.4)."""
        if self._stream_state is not None:
            try:
                now = self._stream_state()
            except Exception:  # noqa: BLE001 - see _safely
                now = OTHER
            for name in STREAM_STATES:
                self._stream.labels(name).set(float(name == now))
        if self._troubles is not None:
            there = self._troubles()
            for code in CODES:
                self._trouble.labels(code).set(float(code in there))
        return generate_latest(self._registry)

    def _action(self, action: str | None) -> str:
        if action is None:
            return ""
        return action if action in BY_NAME else OTHER


def _safely(value: Callable[[], float | None]) -> Callable[[], float]:
    def ask() -> float:
        try:
            found = value()
            return math.nan if found is None else float(found)
        except Exception:  # noqa: BLE001 - one unavailable figure must not cost the others
            return math.nan

    return ask
