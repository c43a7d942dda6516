"""Whatever state the file or the disk is in, the service starts, and says what it lost or what is in its way."""

import contextlib
import hashlib
import sqlite3
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clawcraft.errors import IdempotencyConflict, StorageUnavailable
from clawcraft.jobs import store as job_store
from clawcraft.jobs.database import JOB_TABLE, MIGRATIONS
from clawcraft.jobs.store import JobStore
from tests.support.agents import add_agent
from tests.support.clock import ManualClock
from tests.support.events import RecordedEvents
from tests.support.full_disk import full_database
from tests.support.job_rig import JobRig, code, envelope, finished, open_store, start, stop
from tests.support.waiting import HANG_S

OF_0_1_0 = Path(__file__).parents[1] / "upgrade" / "home_of_0_1_0" / "jobs.sql"
ALSO_KEPT = f"""
INSERT INTO answers VALUES ('answered', 'twitch.set_title', '{"d" * 64}', 1800000001.0, 200, '{{"ok": true}}');
INSERT INTO signatures VALUES (X'{hashlib.sha256(b"signed").hexdigest()}', 1800000301.0);
"""
SCHEMA = """SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"""


def one_job(folder: Path, clock: ManualClock) -> None:
    store = open_store(folder, clock)
    finished(store, start("r"))
    store.close()


def changed_by(sql: str) -> Callable[[Path], None]:
    """Spoil a file by running ``sql`` in it."""

    def spoil(path: Path) -> None:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.executescript(sql)

    return spoil


def read(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def spoil_start(path: Path) -> None:
    path.write_bytes(b"this is no database" + path.read_bytes()[19:])


def spoil_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


SPOILS: dict[str, Callable[[Path], None]] = {
    "its start": spoil_start,
    "its middle": spoil_middle,
    "cut off": cut_off,
    "of the future": changed_by("PRAGMA user_version = 99"),
    "of something else": changed_by("DROP TABLE jobs; CREATE TABLE jobs (name TEXT); PRAGMA user_version = 0"),
    "a job that cannot be read": changed_by("UPDATE jobs SET finished_at = NULL, args = '{'"),
}


@pytest.mark.parametrize("what", SPOILS)
def test_a_file_that_cannot_be_used_is_moved_aside_and_said_so(
    tmp_path: Path, clock: ManualClock, events: RecordedEvents, reopen: Callable[[], JobStore], what: str
) -> None:
    one_job(tmp_path, clock)
    path = tmp_path / "jobs.sqlite3"
    SPOILS[what](path)
    spoiled = path.read_bytes()
    store = reopen()
    (event,) = events.named("job_table_replaced")
    # All but SQLite's own header, which counts openings.
    assert Path(event["moved_to"]).read_bytes()[100:] == spoiled[100:]
    assert "request_ids" in event["lost"]
    assert event["reason"]
    assert store.list({}, 10) == ([], None)
    assert store.create(start("r"), "f").request_id == "r"


def test_two_files_spoiled_at_the_same_second_are_both_kept(tmp_path: Path, clock: ManualClock) -> None:
    for _ in range(2):
        one_job(tmp_path, clock)
        spoil_start(tmp_path / "jobs.sqlite3")
        open_store(tmp_path, clock).close()
    assert len(list(tmp_path.glob("jobs.sqlite3.unreadable-*"))) == 2


def test_the_table_of_version_0_1_0_is_led_on_and_keeps_what_it_held(
    tmp_path: Path, clock: ManualClock, events: RecordedEvents, reopen: Callable[[], JobStore]
) -> None:
    path, new = tmp_path / "jobs.sqlite3", tmp_path / "new"
    changed_by(OF_0_1_0.read_text("utf-8") + ALSO_KEPT)(path)
    for _ in range(2):  # the second time there is nothing left to do
        store = reopen()
        running, *ended = store.list({}, 10)[0]
        assert (running.request_id, code(running)) == ("saturday-start", "interrupted")
        assert [job.request_id for job in ended] == ["friday-nowhere", "friday-stop", "friday-start"]
        assert ended[1].result == {"status": "stopped", "reason": "end", "warnings": []}
        answer = store.answers.get(("", "answered"))
        assert (answer and answer.body) == {"ok": True}
        assert store.seen_signature("signed", clock.now_s)
    store.close()
    assert not events.named("job_table_replaced")
    open_store(new, clock).close()
    plain = [[(*row[:2], " ".join((row[2] or "").split())) for row in read(at, SCHEMA)] for at in
             (path, new / "jobs.sqlite3")]  # fmt: skip
    assert plain[0] == plain[1]


def test_what_was_asked_before_there_were_named_agents_is_answered_as_it_was(tmp_path: Path) -> None:
    changed_by((Path(__file__).parent / "table_of_version_2.sql").read_text("utf-8"))(tmp_path / "jobs.sqlite3")
    add_agent(tmp_path, "agent")
    rig = JobRig(tmp_path, clock=ManualClock(1_800_000_030.0))
    first_start, first_stop = start("done", args={"title": "Tür"}, mission_id="m"), stop(correlation_id="c")
    assert [rig.accept(first_start), rig.accept(first_stop)] == ["job_done", "job_stopped"]
    title = envelope("twitch.set_title", "answered", args={"title": "x"})
    assert rig.execute(title).headers["Idempotent-Replayed"] == "true"
    with pytest.raises(IdempotencyConflict):
        rig.execute(stop("done"))
    assert code(rig.store.get("job_running")) == "interrupted"
    assert rig.store.seen_signature("signed", 1_800_000_300.0)
    # They are the service token's own, also where an agent has the name that they were sent with.
    assert [job.holder for job in rig.store.list({}, 10)[0]] == [""] * 3
    assert rig.accept(first_start.held_by("agent")) != "job_done"
    assert "Idempotent-Replayed" not in rig.execute(title.held_by("agent")).headers
    rig.close()


def test_a_migration_that_fails_half_way_leaves_nothing_half_done(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_job(tmp_path, clock)
    broken = (*MIGRATIONS, ("ALTER TABLE jobs ADD COLUMN note TEXT", "INSERT INTO nowhere VALUES (1)"))
    monkeypatch.setattr(job_store, "JOB_TABLE", replace(JOB_TABLE, migrations=broken))
    with pytest.raises(StorageUnavailable):  # the new, empty file meets the same statement
        open_store(tmp_path, clock)
    (aside,) = tmp_path.glob("jobs.sqlite3.unreadable-*")
    columns = [row[1] for row in read(aside, "PRAGMA table_info(jobs)")]
    assert "request_id" in columns
    assert "note" not in columns


def test_a_second_service_on_the_same_file_is_refused_and_harms_nothing(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_store, "JOB_TABLE", replace(JOB_TABLE, busy_timeout_s=0.05))
    first = open_store(tmp_path, clock)
    job = first.create(start("r"), "f")
    first.start(job.id)
    with pytest.raises(StorageUnavailable, match="in use by another OBS"):
        open_store(tmp_path, clock)
    assert first.finish(job.id, {}).status == "done"
    first.close()
    assert not list(tmp_path.glob("*unreadable*"))
    open_store(tmp_path, clock).close()


def test_no_place_for_the_file_is_a_clear_error(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageUnavailable) as refused:
        open_store(tmp_path / "file", clock)
    assert refused.value.details["path"] == str(tmp_path / "file" / "jobs.sqlite3")
    assert refused.value.retryable
    (tmp_path / "jobs.sqlite3").mkdir()
    with pytest.raises(StorageUnavailable):
        open_store(tmp_path, clock)


def test_the_file_is_its_owners_alone(tmp_path: Path, store: JobStore) -> None:
    store.create(start("r"), "f")
    for path in tmp_path.glob("jobs.sqlite3*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_refused_statement_leaves_nothing_half_done(store: JobStore) -> None:
    store.create(start("r"), "f")
    with pytest.raises(sqlite3.IntegrityError):  # one request_id, one job, whoever asks
        store.create(start("r"), "f")
    assert store.queue_length() == len(store.list({}, 10)[0]) == 1
    assert store.create(start("s"), "f").status == "queued"


# --- the disk fills up -----------------------------------------------------------------------------------------------


def test_on_a_full_disk_no_job_is_accepted_and_the_table_stays_whole(store: JobStore) -> None:
    kept = store.create(start("kept"), "f")
    accepted = 0
    with full_database(store._database):
        with pytest.raises(StorageUnavailable, match="full") as full:  # noqa: PT012 - the free pages are used up first
            for n in range(100):
                store.create(start(f"r{n}", args={"title": "x" * 4000}), "f")
                accepted += 1
        assert full.value.details["path"].endswith("jobs.sqlite3")
        assert store.by_request_key(("", f"r{accepted}")) is None
        assert store.get(kept.id) == kept
    assert store.create(start(f"r{accepted}"), "f").status == "queued"


@pytest.mark.parametrize("written_by", ["the next change", "the next look after it", "the close"])
def test_an_end_the_disk_refuses_reaches_who_polls_is_told_and_is_written_later(
    store: JobStore, events: RecordedEvents, reopen: Callable[[], JobStore], written_by: str
) -> None:
    one, two = store.create(start("one"), "f"), store.create(start("two"), "f")
    store.start(one.id)
    assert store.trouble == ""
    with full_database(store._database):
        ended = store.finish(one.id, {"text": "x" * 100_000})
        store.tend()
        assert "full" in store.trouble
        assert events.named("job_not_stored")[0]["job_id"] == one.id
        assert store.get(one.id) == ended == store.wait_ended(one.id, HANG_S)
        assert ended in store.list({"action": "twitch.start_stream"}, 10)[0]
        known = store.by_request_key(("", "one"))
        assert known is not None
        assert known.job == ended
    if written_by == "the next change":
        store.start(two.id)
        store.progress(two.id, 50, "half of it")
    elif written_by == "the next look after it":
        store.tend()
    if written_by != "the close":
        assert (store.trouble, store._unsaved) == ("", {})
    assert reopen().get(one.id) == ended
