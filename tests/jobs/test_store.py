"""What the job table promises: nothing accepted is lost, states move one way, waiting ends when the job does."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from clawcraft.errors import InvalidRequest, JobNotFound, QueueFull, SceneNotFound, Stopping
from clawcraft.jobs.model import IllegalTransition, Job, JobStatus
from clawcraft.jobs.store import MAX_ACTIVE, SWEEP_BATCH, JobStore
from tests.support.job_rig import PATIENCE_S, TTL_S, Journal, TurnedClock, open_store, start, stop, together


def test_a_job_is_on_disk_when_create_returns(tmp_path: Path, store: JobStore, clock: TurnedClock) -> None:
    job = store.create(start("r", args={"title": "Tür 🚪"}, mission_id="m", correlation_id="c"), "f")
    assert store.get(job.id) == job
    store.close()
    reopened = open_store(tmp_path, clock)
    again = reopened.get(job.id)
    reopened.close()
    assert (again.args, again.request_id, again.agent_id) == ({"title": "Tür 🚪"}, "r", "agent")
    assert (again.mission_id, again.correlation_id, again.created_at) == ("m", "c", clock.now_s)


def test_a_job_keeps_its_outcome_over_a_restart(tmp_path: Path, store: JobStore, clock: TurnedClock) -> None:
    done, failed = store.create(start("a"), "f"), store.create(start("b"), "f")
    store.start(done.id)
    store.progress(done.id, 40, "half way")
    clock.turn(2)
    ended = store.finish(done.id, {"status": "started"})
    refused = store.fail(failed.id, SceneNotFound("no such scene", details={"scenes": ["A"]}))
    store.close()
    reopened = open_store(tmp_path, clock)
    assert reopened.get(done.id) == ended
    assert reopened.get(failed.id) == refused
    assert ended.progress.percent == 100
    assert refused.error is not None
    assert refused.error["details"] == {"scenes": ["A"]}
    reopened.close()


@pytest.mark.parametrize("reached", [JobStatus.QUEUED, JobStatus.RUNNING])
def test_a_job_found_unfinished_ends_as_interrupted(
    tmp_path: Path, store: JobStore, clock: TurnedClock, reached: JobStatus
) -> None:
    job = store.create(start("r"), "f")
    if reached is JobStatus.RUNNING:
        store.start(job.id)
        store.progress(job.id, 30, "connecting")
    store.close()
    clock.turn(60)
    heard: list[Job] = []
    log = Journal()
    reopened = open_store(tmp_path, clock, log, heard.append)
    found = reopened.get(job.id)
    assert (found.status, found.finished_at) == (JobStatus.FAILED, clock.now_s)
    assert found.error is not None
    assert found.error["code"] == "interrupted"
    assert heard == [found]
    assert log.named("job")[0]["outcome"] == "interrupted"
    assert reopened.queue_length() == 0
    with pytest.raises(IllegalTransition):
        reopened.start(job.id)
    reopened.close()


def test_an_illegal_move_changes_nothing(store: JobStore) -> None:
    job = store.create(start("r"), "f")
    with pytest.raises(IllegalTransition):
        store.finish(job.id, {})
    with pytest.raises(IllegalTransition):
        store.progress(job.id, 10, "too early")
    assert store.get(job.id) == job
    store.start(job.id)
    ended = store.finish(job.id, {})
    moves: list[Callable[[str], object]] = [
        store.start,
        lambda id_: store.finish(id_, {}),
        lambda id_: store.progress(id_, 5, ""),
    ]
    for move in moves:
        with pytest.raises(IllegalTransition):
            move(job.id)
    assert store.get(job.id) == ended


def test_each_change_of_state_is_told_once_with_ids_duration_and_outcome(
    store: JobStore, clock: TurnedClock, log: Journal
) -> None:
    job = store.create(start("r", mission_id="m"), "f")
    clock.turn(1)
    store.start(job.id)
    store.progress(job.id, 50, "no event for this")
    clock.turn(2.5)
    store.finish(job.id, {"status": "started"})
    queued, running, done = log.named("job")
    assert [each["status"] for each in (queued, running, done)] == ["queued", "running", "done"]
    assert all(each["job_id"] == job.id and each["request_id"] == "r" and each["mission_id"] == "m" for each in
               (queued, running, done))  # fmt: skip
    assert running["queued_s"] == 1.0
    assert (done["duration_s"], done["outcome"]) == (3.5, "started")


def test_an_unknown_id_is_not_found(store: JobStore) -> None:
    with pytest.raises(JobNotFound):
        store.get("job_nope")
    with pytest.raises(JobNotFound):
        store.wait_ended("job_nope", 5)


# --- waiting ----------------------------------------------------------------------------------------------------------


class NoticedWait:
    """Tells a test that a thread is about to wait for the store's condition, so that it can act only then."""

    def __init__(self, store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.waiting = threading.Semaphore(0)
        wait: Callable[[float | None], bool] = store._changed.wait

        def noticed(timeout: float | None = None) -> bool:
            self.waiting.release()
            return wait(timeout)

        monkeypatch.setattr(store._changed, "wait", noticed)


def test_a_wait_ends_with_the_job(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    job = store.create(start("r"), "f")
    store.start(job.id)
    noticed = NoticedWait(store, monkeypatch)

    def finish() -> Job:
        for _ in range(3):
            assert noticed.waiting.acquire(timeout=PATIENCE_S)
        return store.finish(job.id, {"status": "started"})

    *waited, ended = together([*[lambda: store.wait_ended(job.id, PATIENCE_S)] * 3, finish])
    assert waited == [ended] * 3


def test_a_wait_that_runs_out_gives_the_job_as_it_is(store: JobStore) -> None:
    job = store.create(start("r"), "f")
    assert store.wait_ended(job.id, 0.01) == job
    assert store.wait_ended(job.id, 0) == job


def test_waking_all_ends_each_wait_now_and_later(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    job = store.create(start("r"), "f")
    noticed = NoticedWait(store, monkeypatch)

    def wake() -> None:
        for _ in range(8):
            assert noticed.waiting.acquire(timeout=PATIENCE_S)
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
    ids = [store.create(start(f"r{n}"), "f").id for n in range(7)]
    pages, cursor = [], None
    while True:
        jobs, cursor = store.list({}, 3, cursor)
        pages.append([job.id for job in jobs])
        if cursor is None:
            break
        store.create(start(f"late-{cursor}"), "f")  # what comes meanwhile must not shift the pages
    assert [len(page) for page in pages] == [3, 3, 1]
    assert [id_ for page in pages for id_ in page] == ids[::-1]


def test_a_page_that_is_just_full_is_the_last(store: JobStore) -> None:
    for n in range(3):
        store.create(start(f"r{n}"), "f")
    jobs, cursor = store.list({}, 3)
    assert (len(jobs), cursor) == (3, None)


def test_filters_combine(store: JobStore) -> None:
    one = store.create(start("a", mission_id="m", correlation_id="c"), "f")
    two = store.create(stop("b", mission_id="m", correlation_id="d"), "f")
    three = store.create(start("c", mission_id="n", correlation_id="c"), "f")
    store.start(one.id)
    store.finish(one.id, {})

    def ids(**filters: str) -> list[str]:
        return [job.id for job in store.list(filters, 50)[0]]

    assert ids(mission_id="m") == [two.id, one.id]
    assert ids(correlation_id="c") == [three.id, one.id]
    assert ids(action="twitch.start_stream") == [three.id, one.id]
    assert ids(status="queued") == [three.id, two.id]
    assert ids(status="done", action="twitch.start_stream") == [one.id]
    assert ids(status="queued", mission_id="m", action="twitch.stop_stream", correlation_id="d") == [two.id]
    assert ids(mission_id="m", correlation_id="c", status="failed") == []


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
    first = store.create(start("first"), "f")
    for n in range(MAX_ACTIVE - 1):
        store.create(start(f"r{n}"), "f")
    with pytest.raises(QueueFull) as full:
        store.create(start("one-too-many"), "f")
    assert full.value.retry_after_s
    assert store.by_request_id("one-too-many") is None
    assert store.queue_length() == MAX_ACTIVE
    store.start(first.id)
    assert store.queue_length() == MAX_ACTIVE - 1
    store.finish(first.id, {})
    assert store.create(start("one-too-many"), "f").request_id == "one-too-many"


def test_an_ended_job_goes_after_its_ttl_and_an_active_one_never(store: JobStore, clock: TurnedClock) -> None:
    active, old, young = (store.create(start(name), "f") for name in ("active", "old", "young"))
    store.start(old.id)
    store.finish(old.id, {})
    clock.turn(TTL_S - 10)
    store.start(young.id)
    store.finish(young.id, {})
    clock.turn(11)
    with pytest.raises(JobNotFound):
        store.get(old.id)  # even before a sweep
    assert [job.id for job in store.list({}, 10)[0]] == [young.id, active.id]
    assert store.sweep() == 1
    assert store.sweep() == 0
    assert [job.id for job in store.list({}, 10)[0]] == [young.id, active.id]


def test_an_expired_job_frees_its_request_id_before_any_sweep(store: JobStore, clock: TurnedClock) -> None:
    old = store.create(start("r"), "f")
    store.start(old.id)
    store.finish(old.id, {})
    clock.turn(TTL_S + 1)
    assert store.by_request_id("r") is None
    new = store.create(start("r"), "f")
    found = store.by_request_id("r")
    assert found is not None
    assert found.job.id == new.id != old.id


def test_a_sweep_takes_small_batches_until_nothing_is_left(store: JobStore, clock: TurnedClock) -> None:
    for n in range(SWEEP_BATCH + 1):
        job = store.create(start(f"r{n}"), "f")
        store.start(job.id)
        store.finish(job.id, {})
        store.answers.begin(f"s{n}", "twitch.set_title", "f")
    clock.turn(TTL_S + 1)
    assert store.sweep() == SWEEP_BATCH + 1
    assert store.answers.sweep(1000) == 0


# --- signatures -------------------------------------------------------------------------------------------------------


def test_a_signature_is_seen_until_it_expires_also_over_a_restart(
    tmp_path: Path, store: JobStore, clock: TurnedClock
) -> None:
    assert not store.seen_signature("abc", clock.now_s + 300)
    assert store.seen_signature("abc", clock.now_s + 300)
    assert not store.seen_signature("abd", clock.now_s + 300)
    store.close()
    reopened = open_store(tmp_path, clock)
    assert reopened.seen_signature("abc", clock.now_s + 300)
    clock.turn(301)
    assert not reopened.seen_signature("abc", clock.now_s + 300)
    reopened.close()
    assert b"abc" not in (tmp_path / "jobs.sqlite3").read_bytes()


def test_one_of_many_equal_signatures_at_once_passes(store: JobStore, clock: TurnedClock) -> None:
    seen = together([lambda: store.seen_signature("same", clock.now_s + 300)] * 8)
    assert sorted(seen) == [False] + [True] * 7
