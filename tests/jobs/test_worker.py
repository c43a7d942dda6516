"""The worker: one job at a time in the order of acceptance, stops before starts, and an end for every job."""

import contextlib
import json
import math
import threading
from functools import partial
from pathlib import Path

import pytest

from clawcraft.errors import ActionDisabled, ClawcraftError, SceneNotFound
from clawcraft.jobs.model import Envelope, Job, JobStatus
from clawcraft.obs.port import ProgressSink
from tests.support.clock import ManualClock
from tests.support.job_rig import JobRig, code, envelope, start, stop, together
from tests.support.waiting import HANG_S


def test_jobs_run_one_at_a_time_in_the_order_of_their_acceptance(rig: JobRig) -> None:
    first, *more = [start(f"r{n}", args={"obs_scene": "Game"}) for n in range(16)]
    ids = [rig.connecting(first), *map(rig.accept, more)]
    assert [rig.store.get(id_).status for id_ in ids] == ["running"] + ["queued"] * 15
    rig.stream.let(rig.stream.connects)
    ended = [rig.ended(id_) for id_ in ids]
    assert [(job.result or {})["status"] for job in ended] == ["started"] + ["already_running"] * 15
    assert [job.id for job in rig.transitions if job.status is JobStatus.DONE] == ids
    assert rig.stream.calls.count("start Game") == 16


def test_sixteen_different_requests_at_once_run_in_the_order_of_the_table(rig: JobRig) -> None:
    outcomes = together([partial(rig.accept, start(f"r{n}", agent_id=f"agent-{n}")) for n in range(16)])
    assert len(set(outcomes)) == 16
    for job_id in outcomes:
        assert rig.ended(job_id).status is JobStatus.DONE
    table = [job.id for job in rig.store.list({}, 50)[0]][::-1]
    assert [job.id for job in rig.transitions if job.status is JobStatus.RUNNING] == table


def test_of_two_jobs_of_an_action_the_later_one_acts_last_whatever_the_first_waits_behind(rig: JobRig) -> None:
    message = "twitch.post_chat_message"
    first, second = (rig.store.create(envelope(f"twitch.set_{what}", what), "f") for what in ("title", "game"))
    rig.sync.gate.clear()
    for job in (first, second):
        rig.worker.submit(job)
        assert rig.sync.entered.acquire(timeout=HANG_S)
    same = [rig.store.create(envelope(message, f"m{n}", args={"message": str(n)}), "f") for n in range(3)]
    for job in same:
        rig.worker.submit(job)
    lanes = [lane for lane in rig.worker._actions if lane.has(message)]
    assert [[accepted.job.id for accepted in lane.queue] for lane in lanes] == [[job.id for job in same]]
    rig.sync.gate.set()
    for job in (first, second, *same):
        assert rig.ended(job.id).status is JobStatus.DONE
    assert [args["message"] for args in rig.sync.runs if "message" in args] == ["0", "1", "2"]


def test_an_enqueued_job_begins_at_the_wake_and_supersedes_before(rig: JobRig) -> None:
    waiting, job = (rig.store.create(request, "f") for request in (start("r"), stop("s")))
    rig.worker.enqueue(waiting)
    rig.worker.enqueue(job)
    assert code(rig.store.get(waiting.id)) == "superseded"
    assert rig.store.wait_ended(job.id, 0.05).status is JobStatus.QUEUED
    rig.worker.wake()
    assert rig.ended(job.id).status is JobStatus.DONE
    rig.worker.wake()  # which nothing waits for


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("\ud83d broken", "\ufffd broken"),
        (object, "<class 'object'>"),
        ({1: {"\udfff"}}, {"1": ["\ufffd"]}),
        ([math.inf, 2**70, b"bytes"], [None, 2**70, "b'bytes'"]),
    ],
)
def test_a_result_that_cannot_be_stored_is_stored_as_what_can_be(
    rig: JobRig, monkeypatch: pytest.MonkeyPatch, given: object, kept: object
) -> None:
    monkeypatch.setattr(rig.stream, "start", lambda *_: {"status": "started", "given": given})
    job = rig.run(start("r"))
    assert job.result is not None
    assert (job.status, job.result["given"]) == ("done", kept)
    assert rig.store.list({}, 1)[0][0].result == job.result
    json.dumps(job.to_json(), ensure_ascii=False).encode()


def test_an_error_and_a_progress_that_cannot_be_stored_end_their_job_and_no_other(
    rig: JobRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_scene: object, progress: ProgressSink, _may: object) -> None:
        progress(20, "half \ud800")
        raise SceneNotFound("no \udcff scene", details={"\ud800": ["\ud800"]})

    monkeypatch.setattr(rig.stream, "start", fail)
    job = rig.run(start("r"))
    assert (code(job), job.progress.message) == ("scene_not_found", "no \ufffd scene")
    assert rig.run(stop("s")).status is JobStatus.DONE


def test_a_table_that_fails_in_whatever_way_does_not_end_the_worker(
    rig: JobRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patch:
        for name in ("finish", "fail"):
            patch.setattr(rig.store, name, broken)
        job_id = rig.accept(start("r"))
        rig.log.wait_for("incident", 1)
    assert rig.run(stop("s")).status is JobStatus.DONE
    assert rig.store.get(job_id).status is JobStatus.RUNNING


def test_a_defect_ends_its_job_with_an_incident_and_the_worker_lives_on(
    rig: JobRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object) -> None:
        raise KeyError("boom")

    with monkeypatch.context() as patch:
        patch.setattr(rig.stream, "start", broken)
        job = rig.run(start("r"))
    assert job.error is not None
    assert job.error["code"] == "internal_error"
    assert "boom" not in str(job.error)
    (incident,) = rig.log.named("incident")
    assert incident["incident_id"] == job.error["details"]["incident"]
    assert "KeyError: 'boom'" in incident["traceback"]
    assert incident["job_id"] == job.id
    assert rig.run(start("s")).status is JobStatus.DONE


# --- a stop comes after a start ---------------------------------------------------------------------------------------


def test_a_stop_makes_a_connecting_start_give_way(rig: JobRig) -> None:
    starting = rig.connecting(start("start"))
    stopping = rig.accept(stop("stop"))
    assert code(rig.ended(starting)) == "superseded"
    assert rig.ended(stopping).status is JobStatus.DONE
    assert not rig.stream.live


def test_a_start_still_queued_before_a_stop_never_reaches_obs(rig: JobRig) -> None:
    rig.stream.stop_gate.clear()
    first = rig.accept(stop("first"))
    assert rig.stream.reached.acquire(timeout=HANG_S)
    starts = [rig.accept(start(f"start-{n}")) for n in range(3)]
    second = rig.accept(stop("second"))
    for job_id in starts:  # they end at once, not in their turn
        job = rig.ended(job_id)
        assert (code(job), job.started_at) == ("superseded", None)
        assert (job.error or {})["details"] == {"stop_job_id": second}
    later = rig.accept(start("later"))
    rig.stream.let(rig.stream.stop_gate)
    for job_id in (first, second, later):  # a stop supersedes no other stop
        assert rig.ended(job_id).status is JobStatus.DONE
    assert [call for call in rig.stream.calls if not call.startswith("check")] == ["stop", "stop", "start None"]
    assert not rig.log.named("incident")


@pytest.mark.parametrize(
    ("args", "stopped"), [({"title": "t"}, "already_stopped"), ({"wait_until_live": True}, "stopped")]
)
def test_a_stop_ends_a_start_that_is_at_twitch_before_obs_or_after(
    rig: JobRig, args: dict[str, object], stopped: str
) -> None:
    starting, twitch = rig.at_twitch(start("start", args=args))
    stopping = rig.accept(stop("stop"))
    twitch.let_go()
    assert code(rig.ended(starting)) == "superseded"
    assert (rig.ended(stopping).result or {})["status"] == stopped
    assert ("start None" in rig.stream.calls) == (stopped == "stopped")


# --- the service stops ------------------------------------------------------------------------------------------------


def test_an_agent_takes_back_what_has_not_begun_and_nothing_else(rig: JobRig) -> None:
    running = rig.connecting(start("a"))
    taken_back, after = rig.accept(start("b")), rig.accept(start("c"))
    assert rig.worker.withdraw(taken_back)
    assert code(rig.store.get(taken_back)) == "superseded"
    assert not rig.worker.withdraw(taken_back)
    assert not rig.worker.withdraw(running)
    rig.stream.let(rig.stream.connects)
    assert [rig.ended(job_id).status for job_id in (running, after)] == [JobStatus.DONE] * 2


def test_what_forbids_one_start_does_not_end_the_next(rig: JobRig, monkeypatch: pytest.MonkeyPatch) -> None:
    first = rig.connecting(start("a", agent_id="A"))
    judges, ends = threading.Event(), threading.Event()

    def forbids(_job: Job) -> ClawcraftError:
        judges.set()
        assert ends.wait(HANG_S)
        return ActionDisabled("A is revoked")

    monkeypatch.setattr(rig.worker, "_forbids", forbids)

    def goes_on() -> str:
        assert judges.wait(HANG_S)
        rig.stream.let(rig.stream.connects)
        rig.ended(first)
        rig.stream.live = False
        second = rig.connecting(start("b", agent_id="B"))
        ends.set()
        return second

    _, second = together([rig.worker.forbid, goes_on])
    rig.stream.let(rig.stream.connects)
    assert rig.ended(second).error is None


def pause_and_resume(rig: JobRig) -> None:
    rig.pause.pause(survive_restart=False)
    rig.pause.resume()


def test_a_pause_ends_a_start_that_is_not_up_yet_also_if_the_streamer_resumes_at_once(rig: JobRig) -> None:
    job_id, twitch = rig.at_twitch(start("s", args={"title": "t"}))
    pause_and_resume(rig)
    twitch.let_go()
    assert code(rig.ended(job_id)) == "paused_by_operator"
    assert "start None" not in rig.stream.calls


def test_a_start_that_is_up_ends_as_started_whatever_is_paused_then(rig: JobRig) -> None:
    job_id, twitch = rig.at_twitch(start("s", args={"wait_until_live": True}))
    pause_and_resume(rig)
    twitch.let_go()
    assert rig.ended(job_id).status is JobStatus.DONE
    assert rig.stream.live


@pytest.mark.parametrize("request_", [start("s"), envelope("twitch.set_title", "t", args={"title": "t"})])
def test_a_pause_ends_what_is_queued_also_if_the_streamer_resumes_before_its_turn(
    tmp_path: Path, clock: ManualClock, request_: Envelope
) -> None:
    with contextlib.closing(JobRig(tmp_path, clock=clock, working=False)) as rig:
        job, after = (rig.store.create(request, "f") for request in (request_, start("after")))
        rig.worker.enqueue(job)
        pause_and_resume(rig)
        rig.worker.enqueue(after)
        rig.worker.start()
        assert code(rig.ended(job.id)) == "paused_by_operator"
        assert rig.ended(after.id).status is JobStatus.DONE
        assert rig.stream.calls.count("start None") == 1
        assert rig.sync.runs == []


def test_the_streamers_stop_ends_the_starts_accepted_before_but_not_the_one_that_is_up(rig: JobRig) -> None:
    up, twitch = rig.at_twitch(start("up", args={"wait_until_live": True}))
    queued = rig.accept(start("queued"))
    rig.stream.live = False
    rig.worker.stand_down(own=False)
    after = rig.accept(start("after"))
    twitch.let_go()
    assert rig.ended(up).status is JobStatus.DONE
    assert code(rig.ended(queued)) == "superseded"
    assert rig.ended(after).status is JobStatus.DONE
    assert rig.stream.calls.count("start None") == 2


def test_the_streamers_stop_ends_a_start_that_connects_unless_it_is_the_very_stream_that_was_stopped(
    rig: JobRig,
) -> None:
    job_id, queued = rig.connecting(start("s")), rig.accept(start("queued"))
    rig.worker.stand_down(own=True)
    assert code(rig.ended(queued)) == "superseded"
    assert rig.store.get(job_id).status is JobStatus.RUNNING
    rig.worker.stand_down(own=False)
    assert code(rig.ended(job_id)) == "superseded"


def test_at_stop_the_running_job_and_the_queued_end_as_interrupted(rig: JobRig) -> None:
    ids = [rig.connecting(start("r0")), *(rig.accept(start(f"r{n}")) for n in range(1, 5))]
    assert rig.worker.stop(HANG_S)
    late = rig.store.create(start("late"), "f")
    rig.worker.submit(late)
    assert [code(rig.store.get(id_)) for id_ in (*ids, late.id)] == ["interrupted"] * 6
    assert rig.store.get(ids[0]).started_at is not None
    assert rig.stream.calls == ["start None"]
    assert rig.worker.stop(HANG_S)


def test_a_start_at_twitch_never_reaches_obs_once_the_service_stops(rig: JobRig) -> None:
    job_id, twitch = rig.at_twitch(start("start", args={"title": "t"}))
    rig.worker.begin_stop()
    twitch.let_go()
    assert rig.worker.stop(HANG_S)
    assert code(rig.store.get(job_id)) == "interrupted"
    assert "start None" not in rig.stream.calls


def test_a_handler_that_does_not_return_does_not_hold_up_the_stop(rig: JobRig) -> None:
    job_id, twitch = rig.at_twitch(start("start", args={"title": "t"}))
    assert not rig.worker.stop(0.01)
    assert code(rig.store.get(job_id)) == "interrupted"
    twitch.let_go()
    assert rig.worker.stop(HANG_S)
    assert code(rig.store.get(job_id)) == "interrupted"
    assert rig.log.named("job_end_ignored")[0]["job_id"] == job_id


def test_stopping_a_worker_that_never_started_ends_its_queue(tmp_path: Path, clock: ManualClock) -> None:
    rig = JobRig(tmp_path, clock=clock, working=False)
    job_id = rig.accept(start("r"))
    assert rig.worker.stop(HANG_S)
    assert code(rig.store.get(job_id)) == "interrupted"
    rig.close()


def test_whatever_the_moment_of_the_stop_no_start_outlives_it(tmp_path: Path, clock: ManualClock) -> None:
    """Starts and one stop from many threads at once: each start accepted before the stop in the table is superseded
    or was stopped by it, so that only those accepted after it can leave the stream live."""
    for round_ in range(20):
        rig = JobRig(tmp_path / str(round_), clock=clock)
        requests = [start(f"s{n}") for n in range(6)]
        requests.insert(3, stop("stop"))
        ids = together([partial(rig.accept, request) for request in requests])
        for job_id in ids:
            assert code(rig.ended(job_id)) in (None, "superseded")
        order = [job.id for job in rig.store.list({}, 50)[0]][::-1]
        after = order[order.index(ids[3]) + 1 :]
        assert rig.stream.live == bool(after)
        for job_id in after:
            assert rig.store.get(job_id).status is JobStatus.DONE
        rig.close()
