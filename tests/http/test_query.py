"""Query strings are refused as strictly as bodies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawcraft.errors import InvalidRequest
from clawcraft.http import query
from tests.support.http_service import HttpService, job
from tests.support.responses import fits


@pytest.mark.parametrize(
    ("path", "parameter", "rule"),
    [
        ("/health?x=1", "x", "additionalProperties"),
        ("/openapi.json?x=1", "x", "additionalProperties"),
        ("/tools?verbose", None, None),
        ("/status?x=1", "x", "additionalProperties"),
        ("/channel?wait=1", "wait", "additionalProperties"),
        ("/metrics?x=1", "x", "additionalProperties"),
        ("/tools/jobs/a?wait=1&wait=2", "wait", "unique"),
        ("/tools/jobs/a?wait=-1", "wait", "range"),
        ("/tools/jobs/a?wait=31", "wait", "range"),
        ("/tools/jobs/a?wait=30.001", "wait", "range"),
        ("/tools/jobs/a?wait=", "wait", "range"),
        ("/tools/jobs/a?wait=1e1", "wait", "range"),
        ("/tools/jobs/a?wait=nan", "wait", "range"),
        ("/tools/jobs/a?wait=%D9%A1", "wait", "range"),
        ("/tools/jobs/a?Wait=1", "Wait", "additionalProperties"),
        ("/tools/jobs?limit=0", "limit", "range"),
        ("/tools/jobs?limit=201", "limit", "range"),
        ("/tools/jobs?limit=1.0", "limit", "range"),
        ("/tools/jobs?limit=99999999999999999999", "limit", "range"),
        ("/tools/jobs?status=ended", "status", "enum"),
        ("/tools/jobs?status=", "status", "enum"),
        ("/tools/jobs?action=twitch.fly", "action", "enum"),
        ("/tools/jobs?mission_id=", "mission_id", "pattern"),
        ("/tools/jobs?mission_id=a%0Ab", "mission_id", "pattern"),
        ("/tools/jobs?correlation_id=" + "c" * 201, "correlation_id", "pattern"),
        ("/tools/jobs?cursor=", "cursor", "pattern"),
        ("/tools/jobs?cursor=a%20b", "cursor", "pattern"),
        ("/tools/jobs?cursor=a'--", "cursor", "pattern"),
        ("/tools/jobs?agent_id=x", "agent_id", "additionalProperties"),
        ("/events?cursor=x", "cursor", "pattern"),
        ("/events?cursor=", "cursor", "pattern"),
        ("/events?cursor=0123456789abcdef.1", "cursor", "pattern"),
        ("/events?types=chat,nonsense", "types", "enum"),
        ("/events?types=", "types", "enum"),
        ("/events?wait=31", "wait", "range"),
        ("/events?limit=0", "limit", "range"),
        ("/events?limit=201", "limit", "range"),
        ("/events?since=1", "since", "additionalProperties"),
        ("/tools/jobs?%FF=1", None, None),
        ("/tools/jobs?status=%G0", None, None),
        ("/tools/jobs?status=queued;limit=1", "status", "enum"),
        ("/tools/jobs?" + "&".join(f"a{number}=1" for number in range(30)), None, None),
        ("/tools/jobs?" + "x" * 5000 + "=1", "x" * 60 + "… (5000 characters)", "additionalProperties"),
    ],
)
def test_a_wrong_parameter_is_named(service: HttpService, path: str, parameter: str | None, rule: str | None) -> None:
    service.jobs.put(job("a"))
    answer = service.get(path)
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert fits("failure", answer.json)
    assert len(answer.raw) < 1500
    if parameter is not None:
        (violation,) = answer.json["error"]["details"]["violations"]
        assert (violation["path"], violation["rule"]) == (f"/query/{parameter}", rule)


@pytest.mark.parametrize("wait", ["0", "0.5", "30", "30.000", "07"])
def test_waits_in_range_are_accepted(service: HttpService, wait: str) -> None:
    service.jobs.put(job("a"))
    service.jobs.end("a")
    assert service.get(f"/tools/jobs/a?wait={wait}").status == 200


@given(st.text(st.characters(min_codepoint=0, max_codepoint=0x100), max_size=40))
def test_any_query_is_read_or_refused(text: str) -> None:
    try:
        values = query.parse(text, ("wait", "limit"))
    except InvalidRequest:
        return
    assert set(values) <= {"wait", "limit"}
