"""What grows with what lies in the service: kept jobs, named agents, clients that wait. Flat is right."""

import contextlib
import sqlite3
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.agent import Agent
from bench.answers import REST_S
from bench.compare import timed_ms
from bench.target import Target, agent
from clawcraft.authority.agent_file import MAX_AGENTS, AgentFile, NamedAgent, hash_of
from clawcraft.jobs.store import FILE_NAME
from clawcraft.secrets import new_token

JOBS: Final = (100, 10_000, 1_000_000)
AGENTS: Final = (1, 16, MAX_AGENTS)
WAITING: Final = (1, 50, 200)
"""More than there are places to wait: those beyond are answered at once, and ask again after REST_AFTER_S."""
REST_AFTER_S: Final = 1.0
_COLUMNS: Final = (
    *("action", "args", "agent_id", "fingerprint", "status", "percent", "message", "updated_at", "created_at"),
    *("started_at", "finished_at", "result", "holder"),
)

Row = dict[str, float | str | None]


def grow(target: Target, times: int, jobs: Sequence[int]) -> Iterator[Row]:
    """A row for each kind and number: medians of ``times`` accepts, polls and listings, ms."""
    for number in jobs:
        ready_s = target.restart(lambda folder, number=number: fill(folder / FILE_NAME, number))  # type: ignore[misc]
        yield {**_row(target, "jobs kept", number, times), "start_s": round(ready_s, 2)}
    target.restart(lambda folder: fill(folder / FILE_NAME, 0))
    for number in AGENTS:
        ready_s = target.restart(lambda folder, number=number: hire(folder, number))  # type: ignore[misc]
        yield {**_row(target, "named agents", number, times), "start_s": round(ready_s, 2)}
    target.restart(lambda folder: AgentFile(folder).path.unlink())
    for number in WAITING:
        with _waiting(target, number):
            yield _row(target, "long polls", number, times)


def fill(path: Path, number: int) -> None:
    """So many ended jobs, in all that is kept of the last one; OBS is closed."""
    names = ", ".join(_COLUMNS)
    with contextlib.closing(sqlite3.connect(path)) as table:
        table.execute("DELETE FROM jobs WHERE seq < (SELECT max(seq) FROM jobs)")
        table.execute(
            f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
            INSERT INTO jobs (id, request_id, {names})
            SELECT printf('job_%032x', i), 'kept-' || i, {names} FROM n, (SELECT * FROM jobs ORDER BY seq LIMIT 1)
            WHERE ? > 0""",
            (number, number),
        )
        table.commit()
        table.execute("VACUUM")


def hire(folder: Path, number: int) -> None:
    """So many named agents besides the service's own token."""
    file = AgentFile(folder)
    file.path.unlink(missing_ok=True)
    for n in range(number):
        file.add(NamedAgent(f"agent-{n}", hash_of(new_token()), time.time()))


def _row(target: Target, what: str, number: int, times: int) -> Row:
    ours, prefix = agent(target), f"growth-{what.replace(' ', '-')}-{number}-"
    job_id = ours.accept("twitch.stop_stream", f"{prefix}first")
    ours.ended(job_id)

    def accept(n: int) -> Callable[[], object]:
        time.sleep(REST_S)
        return lambda: ours.accept("twitch.stop_stream", f"{prefix}{n}")

    accepts = [timed_ms(accept(n)) for n in range(times)]
    polls = [timed_ms(lambda: ours.get(f"/tools/jobs/{job_id}")) for _ in range(4 * times)]
    lists = [timed_ms(lambda: ours.get("/tools/jobs?limit=20")) for _ in range(times)]
    ours.close()
    row: Row = {"what": what, "number": number}
    for name, taken in (("accept_ms", accepts), ("poll_ms", polls), ("list_ms", lists)):
        row[name] = round(statistics.median(taken), 3)
    return row


@contextlib.contextmanager
def _waiting(target: Target, number: int) -> Iterator[None]:
    """So many clients that wait for events, each on a connection of its own."""
    over = threading.Event()

    def wait(each: Agent) -> None:
        cursor = each.get("/events")["next_cursor"]
        while not over.is_set():
            if timed_ms(lambda: each.get(f"/events?wait=1&cursor={cursor}")) < REST_AFTER_S * 500:
                over.wait(REST_AFTER_S)
        each.close()

    threads = [threading.Thread(target=wait, args=(agent(target),)) for _ in range(number)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    yield
    over.set()
    for thread in threads:
        thread.join()
