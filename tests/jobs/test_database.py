"""Whatever state the file or the disk is in, the service starts, and says what it lost or what is in its way."""

import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from clawcraft.errors import StorageUnavailable
from clawcraft.jobs import database
from clawcraft.jobs.store import JobStore
from tests.support.job_rig import PATIENCE_S, Journal, TurnedClock, open_store, start


def one_job(folder: Path, clock: TurnedClock) -> str:
    store = open_store(folder, clock)
    job = store.create(start("r"), "f")
    store.start(job.id)
    store.finish(job.id, {"status": "started"})
    store.close()
    return job.id


def spoil_start(path: Path) -> None:
    path.write_bytes(b"this is no database" + path.read_bytes()[19:])


def spoil_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def of_the_future(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()


def of_something_else(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE jobs (name TEXT)")
    connection.close()


def row_unreadable(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE jobs SET status = 'running', args = '{'")
    connection.close()


@pytest.mark.parametrize(
    "spoil", [spoil_start, spoil_middle, cut_off, of_the_future, of_something_else, row_unreadable]
)
def test_a_file_that_cannot_be_used_is_moved_aside_and_said_so(
    tmp_path: Path, clock: TurnedClock, spoil: Callable[[Path], None]
) -> None:
    one_job(tmp_path, clock)
    path = tmp_path / "jobs.sqlite3"
    spoil(path)
    spoiled, log = path.read_bytes(), Journal()
    store = open_store(tmp_path, clock, log)
    (event,) = log.named("job_table_replaced")
    # All but SQLite's own header, which counts openings.
    assert Path(event["moved_to"]).read_bytes()[100:] == spoiled[100:]
    assert "request_ids" in event["lost"]
    assert event["reason"]
    assert store.list({}, 10) == ([], None)
    assert store.create(start("r"), "f").request_id == "r"
    store.close()


def test_two_files_spoiled_at_the_same_second_are_both_kept(tmp_path: Path, clock: TurnedClock) -> None:
    for _ in range(2):
        one_job(tmp_path, clock)
        spoil_start(tmp_path / "jobs.sqlite3")
        open_store(tmp_path, clock).close()
    assert len(list(tmp_path.glob("jobs.sqlite3.unreadable-*"))) == 2


def test_an_older_schema_is_led_to_the_newest_and_keeps_its_jobs(
    tmp_path: Path, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = one_job(tmp_path, clock)
    newer = (*database.MIGRATIONS, ("ALTER TABLE jobs ADD COLUMN note TEXT", "UPDATE jobs SET note = 'led here'"))
    monkeypatch.setattr(database, "MIGRATIONS", newer)
    for _ in range(2):  # the second time there is nothing left to do
        log = Journal()
        store = open_store(tmp_path, clock, log)
        assert store.get(job_id).result == {"status": "started"}
        store.close()
        assert not log.named("job_table_replaced")
    with sqlite3.connect(tmp_path / "jobs.sqlite3") as connection:
        assert connection.execute("SELECT note FROM jobs").fetchall() == [("led here",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (len(newer),)
    connection.close()


def test_a_migration_that_fails_half_way_leaves_nothing_half_done(
    tmp_path: Path, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_job(tmp_path, clock)
    with monkeypatch.context() as patch:
        broken = (*database.MIGRATIONS, ("ALTER TABLE jobs ADD COLUMN note TEXT", "INSERT INTO nowhere VALUES (1)"))
        patch.setattr(database, "MIGRATIONS", broken)
        log = Journal()
        with pytest.raises(StorageUnavailable):  # the new, empty file meets the same statement
            open_store(tmp_path, clock, log)
    (aside,) = tmp_path.glob("jobs.sqlite3.unreadable-*")
    with sqlite3.connect(aside) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(jobs)")]
    connection.close()
    assert "note" not in columns
    assert "request_id" in columns


def test_a_second_service_on_the_same_file_is_refused_and_harms_nothing(
    tmp_path: Path, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    first = open_store(tmp_path, clock)
    job = first.create(start("r"), "f")
    first.start(job.id)
    with pytest.raises(StorageUnavailable, match="in use by another OBS"):
        open_store(tmp_path, clock)
    assert first.finish(job.id, {}).status == "done"
    first.close()
    assert not list(tmp_path.glob("*unreadable*"))
    open_store(tmp_path, clock).close()


def test_no_place_for_the_file_is_a_clear_error(tmp_path: Path, clock: TurnedClock) -> None:
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


def fill_disk(store: JobStore) -> None:
    """SQLite's own limit gives the very error of a full disk, SQLITE_FULL."""
    with store._database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1")


def free_disk(store: JobStore) -> None:
    with store._database.reading() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")


def test_on_a_full_disk_no_job_is_accepted_and_the_table_stays_whole(store: JobStore) -> None:
    kept = store.create(start("kept"), "f")
    fill_disk(store)
    accepted = 0
    with pytest.raises(StorageUnavailable, match="full") as full:  # noqa: PT012 - the free pages are used up first
        for n in range(100):
            store.create(start(f"r{n}", args={"title": "x" * 4000}), "f")
            accepted += 1
    assert full.value.details["path"].endswith("jobs.sqlite3")
    assert store.by_request_id(f"r{accepted}") is None
    assert store.get(kept.id) == kept
    free_disk(store)
    assert store.create(start(f"r{accepted}"), "f").status == "queued"


def test_an_end_the_disk_refuses_reaches_who_polls_and_is_written_later(
    tmp_path: Path, store: JobStore, clock: TurnedClock, log: Journal
) -> None:
    one, two = store.create(start("one"), "f"), store.create(start("two"), "f")
    store.start(one.id)
    store.start(two.id)
    fill_disk(store)
    ended = store.finish(one.id, {"text": "x" * 100_000})
    assert log.named("job_not_stored")[0]["job_id"] == one.id
    assert store.get(one.id) == ended == store.wait_ended(one.id, PATIENCE_S)
    assert ended in store.list({"action": "twitch.start_stream"}, 10)[0]
    free_disk(store)
    store.finish(two.id, {})
    store.close()
    reopened = open_store(tmp_path, clock)
    assert reopened.get(one.id) == ended
    reopened.close()
