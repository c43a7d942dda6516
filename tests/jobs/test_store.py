"""What the job table promises beyond its model (test_store_machine): it outlives restarts, waiting ends when the job
does, and all of it is bounded."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from clawcraft.errors import InvalidRequest, JobNotFound, QueueFull, SceneNotFound, Stopping
from clawcraft.jobs import store as module
from clawcraft.jobs.model import IllegalTransition, Job, JobStatus
from clawcraft.jobs.store import MAX_ACTIVE, MAX_ACTIVE_OF_AGENT, ROOM_FOR_STOPS, SWEEP_BATCH, JobStore
from tests.support.clock import ManualClock
from tests.support.events import RecordedEvents
from tests.support.job_rig import TTL_S, code, finished, start, stop, together
from tests.support.waiting import HANG_S

Reopen = Callable[[], JobStore]


def test_a_job_and_its_outcome_outlive_a_restart(store: JobStore, reopen: Reopen, clock: ManualClock) -> None:
    done = store.create(start("a", args={"title": "Tür 🚪"}, mission_id="m", correlation_id="c"), "f")
    failed = store.create(stop("b"), "f")
    assert store.get(done.id) == done
    store.start(done.id)
    store.progress(done.id, 40, "half way")
    clock.advance(2)
    ended = store.finish(done.id, {"status": "started"})
    refused = store.fail(failed.id, SceneNotFound("no such scene", details={"scenes": ["A"]}))
    assert (ended.args, ended.mission_id, ended.correlation_id) == ({"title": "Tür 🚪"}, "m", "c")
    assert (ended.progress.percent, (refused.error or {})["details"]) == (100, {"scenes": ["A"]})
    store = reopen()
    assert [store.get(done.id), store.get(failed.id)] == [ended, refused]


@pytest.mark.parametrize("reached", [JobStatus.QUEUED, JobStatus.RUNNING])
def test_a_job_found_unfinished_ends_as_interrupted(
    store: JobStore, reopen: Reopen, clock: ManualClock, events: RecordedEvents, reached: JobStatus
) -> None:
    job = store.create(start("r", args={"title": "t"}), "f")
    if reached is JobStatus.RUNNING:
        store.start(job.id)
        store.progress(job.id, 30, "connecting")
    store.close()
    clock.advance(60)
    events.entries.clear()
    store = reopen()
    found = store.get(job.id)
    assert (found.args, found.finished_at, code(found)) == ({"title": "t"}, clock.now_s, "interrupted")
    (told,) = events.named("job")
    assert (told["job_id"], told["outcome"]) == (job.id, "interrupted")
    assert store.queue_length() == 0


def test_an_illegal_move_changes_nothing(store: JobStore) -> None:
    moves: dict[str, Callable[[str], object]] = {
        "start": store.start,
        "finish": lambda id_: store.finish(id_, {}),
        "progress": lambda id_: store.progress(id_, 10, ""),
    }
    queued, ended = store.create(start("r"), "f"), finished(store, start("s"))
    for job, illegal in ((queued, ("finish", "progress")), (ended, tuple(moves))):
        for name in illegal:
            with pytest.raises(IllegalTransition):
                moves[name](job.id)
        assert store.get(job.id) == job


def test_each_change_of_state_is_told_once_with_ids_duration_and_outcome(
    store: JobStore, clock: ManualClock, events: RecordedEvents
) -> None:
    job = store.create(start("r", mission_id="m"), "f")
    clock.advance(1)
    store.start(job.id)
    store.progress(job.id, 50, "no event for this")
    assert [each["status"] for each in events.named("job")] == ["queued", "running"]  # long before it ends
    clock.advance(2.5)
    store.finish(job.id, {"status": "started"})
    queued, running, done = events.named("job")
    assert [each["status"] for each in (queued, running, done)] == ["queued", "running", "done"]
    assert {(each["job_id"], each["request_id"], each["mission_id"]) for each in (queued, running, done)} == {
        (job.id, "r", "m")
    }
    assert running["queued_s"] == 1.0
    assert (done["duration_s"], done["outcome"]) == (3.5, "started")
    assert done["holder"] is None
    store.create(start("of a named one", holder="moderator"), "f")
    assert events.named("job")[-1]["holder"] == "moderator"


def test_an_unknown_id_is_not_found(store: JobStore) -> None:
    for look_up in (store.get, lambda id_: store.wait_ended(id_, 5)):
        with pytest.raises(JobNotFound):
            look_up("job_nope")


# --- in memory --------------------------------------------------------------------------------------------------------


def test_a_poll_waits_for_no_commit_and_asks_no_database(store: JobStore) -> None:
    active, ended = store.create(start("a"), "f"), finished(store, start("b"))
    with store._database.transaction():  # which holds the lock
        polled = together([lambda: store.get(active.id), lambda: store.get(ended.id), store.queue_length])
    assert polled == [active, ended, 1]


def test_only_the_jobs_that_ended_last_stay_in_memory(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENDED_IN_MEMORY", 3)
    jobs = [finished(store, start(f"r{n}")) for n in range(5)]
    assert list(store._ended.values()) == jobs[2:]
    assert not store._active
    assert [store.get(job.id) for job in jobs] == jobs


# --- waiting ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def waiting(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> threading.Semaphore:
    """Released each time a thread is about to wait for the store's condition, so that a test can act only then."""
    noticed = threading.Semaphore(0)
    wait: Callable[[float | None], bool] = store._changed.wait

    def notice(timeout: float | None = None) -> bool:
        noticed.release()
        return wait(timeout)

    monkeypatch.setattr(store._changed, "wait", notice)
    return noticed


def test_a_wait_ends_with_the_job(store: JobStore, waiting: threading.Semaphore) -> None:
    job = store.create(start("r"), "f")
    store.start(job.id)

    def finish() -> Job:
        for _ in range(3):
            assert waiting.acquire(timeout=HANG_S)
        return store.finish(job.id, {"status": "started"})

    *waited, ended = together([*[lambda: store.wait_ended(job.id, HANG_S)] * 3, finish])
    assert waited == [ended] * 3


def test_a_wait_that_runs_out_gives_the_job_as_it_is(store: JobStore) -> None:
    job = store.create(start("r"), "f")
    assert store.wait_ended(job.id, 0.01) == job
    assert store.wait_ended(job.id, 0) == job


def test_waking_all_ends_each_wait_now_and_later(store: JobStore, waiting: threading.Semaphore) -> None:
    job = store.create(start("r"), "f")

    def wake() -> None:
        for _ in range(8):
            assert waiting.acquire(timeout=HANG_S)
        store.wake_all()

    *waited, _ = together([*[lambda: store.wait_ended(job.id, 3600)] * 8, wake])
    assert waited == [job] * 8
    assert store.wait_ended(job.id, 3600) == job


def test_a_closed_store_says_that_the_service_stops(store: JobStore) -> None:
    job = store.create(start("r"), "f")
    store.close()
    store.close()
    assert store.sweep() == 0
    attempts: list[Callable[[], object]] = [
        lambda: store.get(job.id),
        lambda: store.create(start("s"), "f"),
        lambda: store.list({}, 5),
        lambda: store.seen_signature("s", 0),
    ]
    for attempt in attempts:
        with pytest.raises(Stopping):
            attempt()


# --- listing ----------------------------------------------------------------------------------------------------------


def test_a_listing_is_newest_first_and_pages_without_gap_or_repeat(store: JobStore) -> None:
    ids = [store.create(start(f"r{n}"), "f").id for n in range(6)]
    first, cursor = store.list({}, 3)
    store.create(start("late"), "f")  # what comes meanwhile must not shift the pages
    second, end = store.list({}, 3, cursor)
    assert [job.id for job in first + second] == ids[::-1]
    assert end is None  # although the page is full


@pytest.mark.parametrize(
    ("filters", "cursor"),
    [({"status": "lost"}, None), ({"agent": "x"}, None), ({}, "1; DROP TABLE jobs"), ({}, ""), ({}, "٣"),
     ({}, "9" * 19)],
)  # fmt: skip
def test_a_listing_refuses_what_it_does_not_know(store: JobStore, filters: dict[str, str], cursor: str | None) -> None:
    with pytest.raises(InvalidRequest):
        store.list(filters, 10, cursor)


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_the_queue_is_bounded_and_frees_up(store: JobStore) -> None:
    first, *_ = (store.create(start(f"r{n}"), "f") for n in range(MAX_ACTIVE))
    with pytest.raises(QueueFull) as full:
        store.create(start("one-too-many"), "f")
    assert full.value.retry_after_s
    assert store.by_request_key(("", "one-too-many")) is None
    assert store.queue_length() == MAX_ACTIVE
    store.start(first.id)
    assert store.queue_length() == MAX_ACTIVE - 1
    store.finish(first.id, {})
    assert store.create(start("one-too-many"), "f").request_id == "one-too-many"


def test_a_full_queue_of_an_agent_has_room_for_stops_alone_and_is_nobody_elses(store: JobStore) -> None:
    for n in range(MAX_ACTIVE_OF_AGENT):
        store.create(start(f"r{n}").held_by("night-bot"), "f")
    with pytest.raises(QueueFull) as full:
        store.create(start("one-too-many").held_by("night-bot"), "f")
    assert full.value.details == {"limit": MAX_ACTIVE_OF_AGENT}
    for n in range(ROOM_FOR_STOPS):
        store.create(stop(f"s{n}").held_by("night-bot"), "f")
    with pytest.raises(QueueFull):
        store.create(stop("one-too-many").held_by("night-bot"), "f")
    assert store.create(start("r0"), "f").holder == ""


def test_a_sweep_takes_small_batches_until_nothing_is_left(store: JobStore, clock: ManualClock) -> None:
    for n in range(SWEEP_BATCH + 1):
        finished(store, start(f"r{n}"))
        store.answers.begin(("", f"s{n}"), "twitch.set_title", "f")
    clock.advance(TTL_S + 1)
    assert store.sweep() == SWEEP_BATCH + 1
    assert store.answers.sweep(1000) == 0


# --- signatures -------------------------------------------------------------------------------------------------------


def test_a_signature_is_seen_until_it_expires_also_over_a_restart(
    tmp_path: Path, store: JobStore, reopen: Reopen, clock: ManualClock
) -> None:
    until_s = clock.now_s + 300
    assert [store.seen_signature(name, until_s) for name in ("abc", "abc", "abd")] == [False, True, False]
    store = reopen()
    clock.advance(300)
    assert store.seen_signature("abc", until_s)
    clock.advance(1)
    assert not store.seen_signature("abc", until_s)
    store.close()
    assert b"abc" not in (tmp_path / "jobs.sqlite3").read_bytes()


def test_one_of_many_equal_signatures_at_once_passes(store: JobStore, clock: ManualClock) -> None:
    seen = together([lambda: store.seen_signature("same", clock.now_s + 300)] * 8)
    assert sorted(seen) == [False] + [True] * 7


def test_a_job_that_cannot_be_written_is_set_aside_and_said_so_and_the_others_are_written(
    store: JobStore, events: RecordedEvents, reopen: Reopen, clock: ManualClock
) -> None:
    bad, good = store.create(start("bad"), "f"), store.create(start("good"), "f")
    store.start(bad.id)
    store.start(good.id)
    broken = replace(store.get(bad.id), status=JobStatus.DONE, finished_at=clock.time(), result={"x": "\ud800"})
    with store._database.lock:
        store._save([broken, store.get(good.id).progressed(50, "on", now_s=clock.time())])
    (event,) = events.named("job_set_aside")
    assert (event["job_id"], event["status"]) == (bad.id, "done")
    assert store.get(bad.id).status is JobStatus.DONE
    store.close()
    assert reopen().get(good.id).progress.percent == 50
