"""What GET /metrics shows, and that no agent can make it grow."""

from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from clawcraft.telemetry.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


def test_each_event_counts_where_it_belongs() -> None:
    metrics = Metrics("1.0")
    metrics.request_finished(
        endpoint="POST /tools/execute", action="twitch.set_title", status=429, code="rate_limited", duration_s=0.003
    )
    metrics.request_finished(endpoint="GET /status", action=None, status=401, code="unauthorized", duration_s=0.001)
    metrics.job_ended(action="twitch.start_stream", outcome="stream_key_refused", duration_s=0.4)
    metrics.ui_call(outcome="ok", duration_s=0.00003)
    metrics.event_heard("chat")
    metrics.watch(hearing=lambda: True)
    metrics.twitch_call("PATCH /channels", "204", 0.1)
    metrics.twitch_call("PATCH /channels", "timeout", 10.0)
    labels = {"endpoint": "POST /tools/execute", "action": "twitch.set_title"}
    assert value(metrics, "clawcraft_http_requests_total", **labels, status="429", code="rate_limited") == 1
    assert value(metrics, "clawcraft_http_request_duration_seconds_count", **labels) == 1
    assert value(metrics, "clawcraft_rate_limited_total", action="twitch.set_title") == 1
    assert value(metrics, "clawcraft_auth_failures_total", code="unauthorized") == 1
    job = {"action": "twitch.start_stream", "outcome": "stream_key_refused"}
    assert value(metrics, "clawcraft_jobs_total", **job) == 1
    assert value(metrics, "clawcraft_job_duration_seconds_sum", action="twitch.start_stream") == 0.4
    assert value(metrics, "clawcraft_ui_call_duration_seconds_bucket", outcome="ok", le="5e-05") == 1
    assert value(metrics, "clawcraft_twitch_requests_total", endpoint="PATCH /channels", status="none") == 1
    assert value(metrics, "clawcraft_events_total", type="chat") == 1
    assert value(metrics, "clawcraft_events_connected") == 1
    assert value(metrics, "clawcraft_build_info", version="1.0") == 1


def test_whatever_agents_ask_for_the_labels_stay_few() -> None:
    metrics = Metrics("1.0")
    for number in range(1000):
        metrics.request_finished(
            endpoint="POST /tools/execute", action=f"made.up{number}", status=400, code="unknown_action", duration_s=0.0
        )
    labels = {"endpoint": "POST /tools/execute", "action": "unknown", "status": "400", "code": "unknown_action"}
    assert value(metrics, "clawcraft_http_requests_total", **labels) == 1000
    assert len(metrics.render()) < 10_000


def test_gauges_are_asked_at_each_scrape_and_the_stream_once() -> None:
    metrics = Metrics("1.0")
    queue, asked = [3], []

    def state() -> str:
        asked.append(True)
        return "live"

    metrics.watch(queue=lambda: queue[0], busy=lambda: 2, waiting=lambda: 1)
    metrics.watch_stream(state)
    first = samples(metrics)
    assert len(asked) == 1
    assert first["clawcraft_job_queue_length", frozenset()] == 3
    assert first["clawcraft_http_workers_busy", frozenset()] == 2
    assert first["clawcraft_http_waiting", frozenset()] == 1
    assert first["clawcraft_stream_state", frozenset({("state", "live")})] == 1
    assert first["clawcraft_stream_state", frozenset({("state", "offline")})] == 0
    queue[0] = 0
    assert value(metrics, "clawcraft_job_queue_length") == 0


def test_a_figure_that_cannot_be_had_costs_only_itself() -> None:
    def broken() -> int:
        raise RuntimeError

    def unknown() -> str:
        raise RuntimeError

    metrics = Metrics("1.0")
    metrics.watch(queue=broken)
    metrics.watch_stream(unknown)
    assert b"clawcraft_job_queue_length NaN" in metrics.render()
    assert value(metrics, "clawcraft_build_info", version="1.0") == 1
    assert value(metrics, "clawcraft_stream_state", state="live") == 0


def test_nothing_is_in_the_process_wide_registry() -> None:
    Metrics("1.0")
    Metrics("1.0")
    assert not [family.name for family in REGISTRY.collect() if family.name.startswith("clawcraft")]
