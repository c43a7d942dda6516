"""With 100,000 jobs no statement reads more than it needs: judged by SQLite's own plan, not by a watch."""

import re
import uuid
from collections.abc import Callable, Iterator

import pytest

from clawcraft.jobs.store import JobStore
from tests.support.clock import ManualClock
from tests.support.job_rig import TTL_S, open_store, start, stop

ROWS = 100_000


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobStore]:
    clock = ManualClock()
    store = open_store(tmp_path_factory.mktemp("full"), clock)
    rows = (
        (f"job_{n}", f"r{n}" if n % 2 else None, f"m{n % 50}" if n % 3 else None, f"c{n}", clock.now_s - n % 1000)
        for n in range(ROWS)
    )
    with store._database.transaction() as connection:
        connection.executemany(
            "INSERT INTO jobs (id, request_id, mission_id, correlation_id, created_at, started_at, finished_at,"
            " updated_at, action, args, agent_id, fingerprint, status, percent, message, result)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?5, ?5,"
            " 'twitch.start_stream', '{}', 'agent', 'f', 'done', 100, 'done', '{}')",
            rows,
        )
        connection.executemany(
            "INSERT INTO answers VALUES ('', ?, 'twitch.set_title', 'f', ?, 200, '{}')",
            ((f"s{n}", clock.now_s) for n in range(1000)),
        )
    yield store
    store.close()


def plans(store: JobStore, act: Callable[[], object]) -> set[str]:
    """SQLite's plan for each statement that ``act`` really runs."""
    statements: list[str] = []
    with store._database.reading() as connection:
        connection.set_trace_callback(statements.append)
        try:
            act()
        finally:
            connection.set_trace_callback(None)
        found = {
            "; ".join(step["detail"] for step in connection.execute(f"EXPLAIN QUERY PLAN {statement}"))
            for statement in statements
            if re.match(r"(?i)\s*(select|insert|update|delete)", statement)
        }
    assert found
    return found


CASES: dict[str, Callable[[JobStore], object]] = {
    "poll": lambda store: store.get("job_50000"),
    "request_id": lambda store: store.by_request_key(("", "r50001")),
    "fallback key": lambda store: store.latest_without_request_id(start(mission_id="m7")),
    "fallback key with both": lambda store: store.latest_without_request_id(start(mission_id="m7", correlation_id="c")),
    "fallback key by correlation": lambda store: store.latest_without_request_id(start(correlation_id="c")),
    "other action in the mission": lambda store: store.other_action_since(10, start(mission_id="m7")),
    "other action in the correlation": lambda store: store.other_action_since(10, start(correlation_id="c")),
    "accept": lambda store: store.create(stop(f"new-{uuid.uuid4().hex}"), "f"),
    "sweep": lambda store: store.sweep(),
    "leftovers": lambda store: store._end_leftovers(),
    "kept answer": lambda store: store.answers.get(("", "s500")),
    "signature": lambda store: store.seen_signature("s", 0.0),
    "list the active": lambda store: store.list({"status": "running", "action": "twitch.start_stream"}, 50),
    "list by mission": lambda store: store.list({"mission_id": "m7"}, 50, "90000"),
    "list by mission and status": lambda store: store.list({"mission_id": "m7", "status": "failed"}, 50),
    "list by mission, the active": lambda store: store.list({"mission_id": "m7", "status": "queued"}, 50),
    "list by correlation": lambda store: store.list({"correlation_id": "c", "action": "twitch.stop_stream"}, 50),
    "list an agent's own": lambda store: store.list({"holder": "nobody"}, 50),
    "list an agent's own by mission": lambda store: store.list({"holder": "nobody", "mission_id": "m7"}, 50),
    "list by both": lambda store: store.list({"mission_id": "m7", "correlation_id": "c"}, 50),
}


@pytest.mark.parametrize("case", CASES)
def test_each_statement_searches_an_index_and_sorts_nothing(full: JobStore, case: str) -> None:
    for plan in plans(full, lambda: CASES[case](full)):
        assert "SCAN" not in plan
        assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("filters", [{}, {"status": "failed"}, {"action": "twitch.stop_stream", "status": "done"}])
def test_what_no_index_serves_walks_the_table_backwards_until_its_page_is_full(
    full: JobStore, filters: dict[str, str]
) -> None:
    assert plans(full, lambda: full.list(filters, 50)) == {"SCAN jobs"}
    assert plans(full, lambda: full.list(filters, 50, "500")) == {"SEARCH jobs USING INTEGER PRIMARY KEY (rowid<?)"}


def test_expired_jobs_are_found_by_their_end(full: JobStore) -> None:
    clock = full._clock
    assert isinstance(clock, ManualClock)
    clock.advance(TTL_S - 995)  # about 400 of them are past their time
    swept: list[int] = []
    found = plans(full, lambda: swept.append(full.sweep()))
    assert swept == [400]
    assert any("jobs_by_end (finished_at<?)" in plan for plan in found)
    assert not any("SCAN" in plan for plan in found)
    clock.advance(995 - TTL_S)
