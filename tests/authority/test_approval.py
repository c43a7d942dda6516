"""Questions to the streamer: nothing runs without a yes, a yes holds for what was asked, all else is a no."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clawcraft.actions.catalogue import ACTIONS, Policy
from clawcraft.authority.approval import NOTICE_S
from clawcraft.errors import ActionDisabled, ClawcraftError, IdempotencyConflict
from clawcraft.jobs.model import ApprovalState, Envelope, Job, JobStatus
from tests.support.clock import ManualClock
from tests.support.job_rig import Hold, JobRig, code, envelope, start, stop
from tests.support.waiting import wait_until

TITLE = "twitch.set_title"


def title(request_id: str | None = "t", text: str = "hello", **fields: Any) -> Envelope:
    return envelope(TITLE, request_id, args={"title": text}, **fields)


@pytest.fixture
def rig(tmp_path: Path, clock: ManualClock) -> Iterator[JobRig]:
    """Everything is asked but the stop, and a start counts down for 5 s."""
    opened = JobRig(tmp_path, clock=clock)
    opened.chosen.choose({action.name: Policy.ASK for action in ACTIONS if not action.supersedes})
    yield opened
    opened.close()


def pass_time(rig: JobRig, clock: ManualClock, seconds: float) -> None:
    clock.advance(seconds)
    rig.approvals._wake.set()


def allow(rig: JobRig, job_id: str, **how: bool) -> None:
    assert rig.approvals.allow("panel", job_id, **how)


def allowed(rig: JobRig, job_id: str) -> Job:
    """The job once the yes is stored."""
    allow(rig, job_id)
    wait_until(lambda: not rig.store.get(job_id).is_pending, "it is allowed")
    return rig.store.get(job_id)


def said(job: Job) -> tuple[ApprovalState, str | None]:
    """What was said to the job's question, and by whom."""
    assert job.approval is not None
    return job.approval.state, job.approval.by


def test_a_sync_action_becomes_a_job_that_runs_once_allowed_with_the_arguments_stored(rig: JobRig) -> None:
    answer = rig.execute(title())
    told = answer.body["result"]
    assert (answer.status, told["status"], told["approval"]["state"]) == (202, "queued", "pending")
    assert told["progress"]["message"] == "waiting for the streamer; nothing has been done yet"
    assert rig.sync.runs == []
    allow(rig, told["job_id"])
    job = rig.ended(told["job_id"])
    assert (job.status, job.result) == (JobStatus.DONE, {"status": "updated", "run": 1})
    assert rig.sync.runs == [{"title": "hello"}]
    assert said(job) == (ApprovalState.ALLOWED, "panel")


def test_a_repeat_asks_no_second_time_and_another_use_of_the_id_conflicts(rig: JobRig) -> None:
    job_id = rig.accept(title())
    assert rig.accept(title()) == job_id
    with pytest.raises(IdempotencyConflict):
        rig.execute(title(text="other"))
    assert len(rig.approvals.questions()) == 1
    allow(rig, job_id)
    rig.ended(job_id)
    rig.chosen.choose({TITLE: Policy.ALLOW})
    assert rig.execute(title()).body["result"]["job_id"] == job_id  # now that it would be answered with its result
    assert len(rig.sync.runs) == 1


def test_what_was_answered_unasked_is_answered_so_again(rig: JobRig) -> None:
    rig.chosen.choose({TITLE: Policy.ALLOW})
    first = rig.execute(title())
    rig.chosen.choose({TITLE: Policy.ASK})
    again = rig.execute(title())
    assert (first.status, again.status, again.body) == (200, 200, first.body)
    assert rig.approvals.questions() == ()


def test_a_no_is_final(rig: JobRig) -> None:
    job_id = rig.accept(title())
    assert rig.approvals.deny("hotkey")
    job = rig.ended(job_id)
    assert (code(job), rig.sync.runs) == ("denied_by_operator", [])
    assert job.error is not None
    assert job.error["retryable"] is False
    assert said(job) == (ApprovalState.DENIED, "hotkey")
    assert not rig.approvals.allow("panel", job_id)


def test_silence_is_a_no(rig: JobRig, clock: ManualClock) -> None:
    job_id = rig.accept(start("s"))
    pass_time(rig, clock, 119.0)
    assert rig.store.get(job_id).is_pending
    pass_time(rig, clock, 1.0)
    job = rig.ended(job_id)
    assert (code(job), said(job)[0]) == ("approval_expired", ApprovalState.EXPIRED)


def pause(rig: JobRig) -> None:
    rig.pause.pause(survive_restart=False)


def switch_off(rig: JobRig) -> None:
    rig.chosen.choose({"twitch.start_stream": Policy.OFF})


@pytest.mark.parametrize(
    ("forbid", "expected"), [(pause, "paused_by_operator"), (switch_off, "action_disabled")], ids=["pause", "off"]
)
@pytest.mark.parametrize("counting", [False, True], ids=["pending", "counting down"])
def test_what_the_streamer_forbids_ends_a_question_and_a_countdown(
    rig: JobRig, clock: ManualClock, forbid: Callable[[JobRig], None], expected: str, counting: bool
) -> None:
    job_id = rig.accept(start("s"))
    if counting:
        allowed(rig, job_id)
    forbid(rig)
    assert code(rig.ended(job_id)) == expected
    pass_time(rig, clock, 1000)
    assert "start None" not in rig.stream.calls


@contextlib.contextmanager
def disk_held(rig: JobRig, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While the end of a question is being written."""
    hold, fail = Hold(), rig.store.fail

    def slow(job_id: str, error: ClawcraftError, by: str | None = None) -> Job:
        hold()
        return fail(job_id, error, by)

    rig.accept(title())
    with monkeypatch.context() as patch:
        patch.setattr(rig.store, "fail", slow)
        rig.chosen.choose({TITLE: Policy.OFF})
        hold.until_reached()
        try:
            yield
        finally:
            hold.let_go()


def test_a_no_in_the_countdown_counts_however_long_the_disk_takes(
    rig: JobRig, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = rig.accept(start("s"))
    allowed(rig, job_id)
    with disk_held(rig, monkeypatch):
        clock.advance(4.0)
        assert rig.approvals.deny("hotkey", job_id)
        clock.advance(2.0)
    assert code(rig.ended(job_id)) == "denied_by_operator"
    assert "start None" not in rig.stream.calls


def test_a_yes_in_time_counts_however_long_the_disk_takes(
    rig: JobRig, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = rig.accept(envelope("twitch.post_chat_message", "m", args={"message": "hi"}))
    with disk_held(rig, monkeypatch):
        clock.advance(119.0)
        allow(rig, job_id)
        clock.advance(2.0)
    assert rig.ended(job_id).status is JobStatus.DONE


@pytest.mark.parametrize("counting", [False, True], ids=["pending", "counting down"])
def test_a_pause_is_a_no_also_if_the_streamer_resumes_at_once(
    rig: JobRig, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, counting: bool
) -> None:
    job_id = rig.accept(start("s"))
    if counting:
        allowed(rig, job_id)
    with disk_held(rig, monkeypatch):
        pause(rig)
        rig.pause.resume()
        clock.advance(6.0)
    assert code(rig.ended(job_id)) == "paused_by_operator"
    assert "start None" not in rig.stream.calls


def test_a_start_begins_after_its_countdown_and_not_before(rig: JobRig, clock: ManualClock) -> None:
    job_id = rig.accept(start("s"))
    assert allowed(rig, job_id).progress.message == "allowed by the streamer; starts in 5 s"
    pass_time(rig, clock, 4.9)
    assert rig.store.get(job_id).status is JobStatus.QUEUED
    assert "start None" not in rig.stream.calls
    pass_time(rig, clock, 0.1)
    assert rig.ended(job_id).status is JobStatus.DONE


def test_a_no_ends_the_countdown(rig: JobRig, clock: ManualClock) -> None:
    job_id = rig.accept(start("s"))
    other = rig.accept(title())
    allowed(rig, job_id)
    assert rig.approvals.deny("hotkey")  # what is about to happen, not the question behind
    job = rig.ended(job_id)
    assert (code(job), said(job)[0]) == ("denied_by_operator", ApprovalState.DENIED)
    assert rig.store.get(other).is_pending
    pass_time(rig, clock, 10)
    assert "start None" not in rig.stream.calls


def test_a_stop_supersedes_a_start_that_waits_for_the_streamer_or_counts_down(rig: JobRig, clock: ManualClock) -> None:
    pending, counting = rig.accept(start("s1")), rig.accept(start("s2"))
    allowed(rig, counting)
    assert rig.run(stop("stop")).status is JobStatus.DONE
    assert [code(rig.store.get(job_id)) for job_id in (pending, counting)] == ["superseded"] * 2
    pass_time(rig, clock, 1000)
    assert "start None" not in rig.stream.calls


def test_the_streamers_own_stop_ends_a_start_that_waits_for_them_or_counts_down(
    rig: JobRig, clock: ManualClock
) -> None:
    pending, counting, other = rig.accept(start("s1")), rig.accept(start("s2")), rig.accept(title())
    allowed(rig, counting)
    rig.approvals.stand_down()
    assert [code(rig.ended(job_id)) for job_id in (pending, counting)] == ["superseded"] * 2
    assert rig.store.get(other).is_pending
    pass_time(rig, clock, 10)
    assert "start None" not in rig.stream.calls


def test_a_yes_of_a_moment_before_does_not_outlive_the_streamers_own_stop(
    rig: JobRig, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = rig.accept(start("s"))
    with disk_held(rig, monkeypatch):
        allow(rig, job_id)
        rig.approvals.stand_down()
        clock.advance(6.0)
    assert code(rig.ended(job_id)) == "superseded"
    assert "start None" not in rig.stream.calls


def test_a_stop_that_had_to_be_allowed_supersedes_once_it_is(rig: JobRig) -> None:
    rig.chosen.choose({"twitch.stop_stream": Policy.ASK})
    waiting, stopping = rig.accept(start("s")), rig.accept(stop("stop"))
    assert rig.store.get(waiting).is_pending
    allow(rig, stopping)
    assert rig.ended(stopping).status is JobStatus.DONE
    assert code(rig.ended(waiting)) == "superseded"


def test_a_yes_to_a_stop_leaves_the_question_of_a_start_that_was_asked_for_later(
    rig: JobRig, clock: ManualClock
) -> None:
    rig.chosen.choose({"twitch.stop_stream": Policy.ASK})
    stopping = rig.accept(stop("stop"))
    clock.advance(1.0)
    later = rig.accept(start("s"))
    allow(rig, stopping)
    assert rig.ended(stopping).status is JobStatus.DONE
    assert rig.store.get(later).is_pending


def test_a_start_that_was_queued_unasked_becomes_a_question(rig: JobRig) -> None:
    rig.chosen.choose({"twitch.start_stream": Policy.ALLOW})
    first, hold = rig.at_twitch(start("first", args={"title": "a"}))
    second = rig.accept(start("second"))
    rig.chosen.choose({"twitch.start_stream": Policy.ASK})
    hold.let_go()
    assert code(rig.ended(first)) == "denied_by_operator"  # it had begun, so it can be no question any more
    wait_until(lambda: rig.store.get(second).is_pending, "the streamer is asked")
    assert rig.approvals.deny("panel", second)
    assert code(rig.ended(second)) == "denied_by_operator"
    assert "start None" not in rig.stream.calls


def test_a_start_that_the_streamer_allowed_goes_on_whatever_they_want_to_be_asked_then(
    rig: JobRig, clock: ManualClock
) -> None:
    rig.twitch.before_return = hold = Hold()
    job_id = rig.accept(start("s", args={"title": "a"}))
    allowed(rig, job_id)
    pass_time(rig, clock, 5)
    hold.until_reached()
    for policy in (Policy.ALLOW, Policy.ASK):
        rig.chosen.choose({"twitch.start_stream": policy})
    hold.let_go()
    assert rig.ended(job_id).status is JobStatus.DONE


def test_a_yes_for_the_show_ends_with_it_and_is_one_agents(rig: JobRig) -> None:
    job_id = rig.accept(title("one"))
    allow(rig, job_id, for_show=True)
    rig.ended(job_id)
    assert rig.execute(title("two")).status == 200
    assert rig.execute(title("three", agent_id="other")).status == 202
    rig.show = 2
    assert rig.execute(title("four")).status == 202


@pytest.mark.parametrize("other", [Policy.OFF, Policy.ALLOW])
def test_a_yes_for_the_show_ends_with_the_policy_that_asked_for_it(rig: JobRig, other: Policy) -> None:
    job_id = rig.accept(title("one"))
    allow(rig, job_id, for_show=True)
    rig.ended(job_id)
    rig.chosen.choose({"twitch.announce": other})
    assert rig.execute(title("two")).status == 200
    rig.chosen.choose({TITLE: other})
    rig.chosen.choose({TITLE: Policy.ASK})
    assert rig.execute(title("three")).status == 202


def test_a_yes_for_the_show_that_comes_late_is_none(rig: JobRig, monkeypatch: pytest.MonkeyPatch) -> None:
    message = "twitch.post_chat_message"
    job_id = rig.accept(envelope(message, "one", args={"message": "hi"}))
    with disk_held(rig, monkeypatch):
        allow(rig, job_id, for_show=True)
        rig.chosen.choose({message: Policy.OFF})
    assert code(rig.ended(job_id)) == "action_disabled"
    rig.chosen.choose({message: Policy.ASK})
    assert rig.execute(envelope(message, "two", args={"message": "hi"})).status == 202


def test_a_yes_to_a_start_is_for_one_start(rig: JobRig) -> None:
    job_id = rig.accept(start("s"))
    allow(rig, job_id, for_show=True)
    wait_until(lambda: not rig.store.get(job_id).is_pending, "it is allowed")
    assert rig.execute(start("again")).body["result"]["approval"]["state"] == "pending"


def test_a_key_says_yes_to_nothing_that_was_not_to_be_seen_for_a_moment(rig: JobRig, clock: ManualClock) -> None:
    assert not rig.approvals.allow("hotkey")
    first, second = rig.accept(title("one")), rig.accept(title("two"))
    assert not rig.approvals.allow("hotkey")
    clock.advance(NOTICE_S)
    assert rig.approvals.allow("hotkey")
    rig.ended(first)
    assert not rig.approvals.allow("hotkey")  # pressed twice
    assert rig.store.get(second).is_pending
    clock.advance(NOTICE_S)
    assert rig.approvals.allow("hotkey")
    assert rig.ended(second).status is JobStatus.DONE


def test_obs_that_ends_is_a_no_for_what_waits_and_an_interruption_of_the_countdown(rig: JobRig, tmp_path: Path) -> None:
    pending, counting = rig.accept(title()), rig.accept(start("s"))
    allowed(rig, counting)
    assert rig.approvals.stop(10)
    assert (code(rig.store.get(pending)), code(rig.store.get(counting))) == ("approval_expired", "interrupted")


def test_a_crash_is_a_no(tmp_path: Path, clock: ManualClock) -> None:
    with_a_crash = JobRig(tmp_path, clock=clock, working=False)
    with_a_crash.chosen.choose({TITLE: Policy.ASK})
    job_id = with_a_crash.accept(title())
    with_a_crash.store._database.close()
    after = JobRig(tmp_path, clock=clock)
    job = after.store.get(job_id)
    assert (code(job), said(job)[0]) == ("approval_expired", ApprovalState.EXPIRED)
    assert after.execute(title()).body["result"]["job_id"] == job_id
    after.close()
    with_a_crash.worker.begin_stop()


def test_one_defect_ends_no_later_question(rig: JobRig, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rig.store, "allow", lambda *_: 1 / 0)
        job_id = rig.accept(title("one"))
        allow(rig, job_id)
        rig.log.wait_for("incident", 1)
    allow(rig, job_id)
    assert rig.ended(job_id).status is JobStatus.DONE


def test_what_is_off_is_not_asked_about(rig: JobRig) -> None:
    rig.chosen.choose({TITLE: Policy.OFF})
    with pytest.raises(ActionDisabled):
        rig.execute(title())
    assert rig.approvals.questions() == ()


def test_the_audit_trail_has_who_said_what(rig: JobRig, tmp_path: Path) -> None:
    def told(job_id: str) -> list[tuple[str, str]]:
        with contextlib.closing(sqlite3.connect(tmp_path / "audit.sqlite3")) as connection:
            return connection.execute(
                "SELECT kind, outcome FROM entries WHERE ref = ? ORDER BY seq", (job_id,)
            ).fetchall()

    denied, done = rig.accept(title("no")), rig.accept(title("yes"))
    assert rig.approvals.deny("hotkey", denied)
    allow(rig, done)
    for job_id in (denied, done):
        wait_until(lambda: told(job_id)[-1][0] == "ended", "its end is in the trail")  # noqa: B023
    assert told(denied) == [("asked", "asked"), ("decided", "denied"), ("ended", "denied_by_operator")]
    assert told(done) == [("asked", "asked"), ("decided", "allowed"), ("ended", "updated")]
