"""With 100,000 jobs no statement reads more than it needs: judged by SQLite's own plan, not by a watch."""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clawcraft.jobs.store import JobStore
from tests.support.job_rig import TTL_S, TurnedClock, open_store, start, stop

ROWS = 100_000


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobStore]:
    clock = TurnedClock()
    store = open_store(tmp_path_factory.mktemp("full"), clock)
    with store._database.transaction() as connection:
        connection.executemany(
            "INSERT INTO jobs (id, action, args, agent_id, request_id, mission_id, correlation_id, fingerprint, status,"
            " percent, message, updated_at, created_at, started_at, finished_at, result)"
            " VALUES (?, 'twitch.start_stream', '{}', 'agent', ?, ?, ?, 'f', 'done', 100, 'done', ?1, ?, ?, ?, ?)"
            .replace("?1", "1.0"),
            (
                (
                    f"job_{n}",
                    f"r{n}" if n % 2 else None,
                    f"m{n % 50}" if n % 3 else None,
                    uuid.uuid4().hex,
                    *[clock.time() - n % 1000] * 3,
                    json.dumps({"status": "started"}),
                )
                for n in range(ROWS)
            ),
        )  # fmt: skip
        connection.executemany(
            "INSERT INTO answers VALUES (?, 'twitch.set_title', 'f', ?, 200, '{}')",
            ((f"s{n}", clock.time()) for n in range(1000)),
        )
    yield store
    store.close()


def plans(store: JobStore, act: Callable[[], object]) -> dict[str, str]:
    """Each statement that ``act`` really runs, with SQLite's plan for it."""
    statements: list[str] = []
    with store._database.reading() as connection:
        connection.set_trace_callback(statements.append)
        try:
            act()
        finally:
            connection.set_trace_callback(None)
        found = {}
        for statement in statements:
            if re.match(r"(?i)\s*(select|insert|update|delete)", statement):
                steps = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
                found[statement] = "; ".join(step[3] for step in steps)
    assert found
    return found


CASES: dict[str, Callable[[JobStore], object]] = {
    "poll": lambda store: store.get("job_50000"),
    "request_id": lambda store: store.by_request_id("r50001"),
    "fallback key": lambda store: store.latest_without_request_id(start(mission_id="m7")),
    "fallback key by correlation": lambda store: store.latest_without_request_id(start(correlation_id="c")),
    "other action in the mission": lambda store: store.other_action_since(10, start(mission_id="m7")),
    "other action in the correlation": lambda store: store.other_action_since(10, start(correlation_id="c")),
    "accept": lambda store: store.create(stop(f"new-{uuid.uuid4().hex}"), "f"),
    "sweep": lambda store: store.sweep(),
    "kept answer": lambda store: store.answers.get("s500"),
    "signature": lambda store: store.seen_signature("s", 0.0),
    "list by status": lambda store: store.list({"status": "failed"}, 50, "90000"),
    "list the active": lambda store: store.list({"status": "running", "action": "twitch.start_stream"}, 50),
    "list by action": lambda store: store.list({"action": "twitch.stop_stream"}, 50, "90000"),
    "list by mission": lambda store: store.list({"mission_id": "m7"}, 50, "90000"),
    "list by correlation": lambda store: store.list({"correlation_id": "c"}, 50, "90000"),
    "list by action and status": lambda store: store.list({"action": "twitch.start_stream", "status": "failed"}, 50),
    "list by mission and status": lambda store: store.list({"mission_id": "m7", "status": "failed"}, 50),
}


@pytest.mark.parametrize("case", CASES)
def test_each_statement_searches_an_index_and_sorts_nothing(full: JobStore, case: str) -> None:
    for statement, plan in plans(full, lambda: CASES[case](full)).items():
        assert "SCAN jobs" not in plan, f"{statement}\n{plan}"
        assert "SCAN answers" not in plan, f"{statement}\n{plan}"
        assert "SCAN signatures" not in plan, f"{statement}\n{plan}"
        assert "TEMP B-TREE" not in plan, f"{statement}\n{plan}"


def test_the_whole_listing_walks_the_table_backwards_and_stops_at_its_limit(full: JobStore) -> None:
    (plan,) = plans(full, lambda: full.list({}, 50)).values()
    assert plan == "SCAN jobs"  # no sorting: in the order of the table, of which LIMIT reads one page
    (plan,) = plans(full, lambda: full.list({}, 50, "50000")).values()
    assert plan == "SEARCH jobs USING INTEGER PRIMARY KEY (rowid<?)"


def test_opening_looks_only_at_jobs_that_did_not_end(tmp_path: Path, full: JobStore) -> None:
    for statement, plan in plans(full, full._end_leftovers).items():
        assert "SCAN jobs" not in plan, f"{statement}\n{plan}"


def test_expired_jobs_are_found_by_their_end(full: JobStore) -> None:
    clock = full._clock
    assert isinstance(clock, TurnedClock)
    clock.turn(TTL_S - 995)  # about 400 of them are past their time
    swept = 0

    def sweep() -> None:
        nonlocal swept
        swept = full.sweep()

    deletes = [plan for statement, plan in plans(full, sweep).items() if "jobs" in statement]
    assert swept == 400
    assert all("jobs_by_end" in plan and "SCAN jobs" not in plan for plan in deletes)
    left = full.list({}, 200)[0]
    assert all((job.finished_at or clock.time()) >= clock.time() - TTL_S for job in left)
    clock.turn(995 - TTL_S)
