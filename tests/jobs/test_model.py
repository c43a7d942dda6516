"""A job's states by themselves: what each move takes, what it refuses, and the words in which a job is told."""

from dataclasses import replace
from typing import Any

import pytest

from clawcraft.jobs.model import (
    PENDING_MESSAGE,
    Approval,
    ApprovalState,
    Envelope,
    IllegalTransition,
    Job,
    JobStatus,
    Progress,
)

QUEUED = Job(
    "j", "twitch.start_stream", {}, "agent", "r", "m", None, JobStatus.QUEUED, Progress(0, "queued", 10.0), 10.0
)
RUNNING = QUEUED.moved(JobStatus.RUNNING, now_s=11.0)
ASKED = QUEUED.asked(130.0, now_s=11.0)
ERROR = {"code": "timeout", "message": "too slow", "retryable": False}
ENDED = [
    RUNNING.moved(JobStatus.DONE, now_s=12.0, result={"status": "started"}),
    QUEUED.moved(JobStatus.FAILED, now_s=12.0, error=ERROR),
]


def test_a_job_that_runs_is_at_one_percent_until_it_says_more() -> None:
    assert RUNNING.progress == Progress(1, "running", 11.0)
    assert (RUNNING.started_at, RUNNING.finished_at) == (11.0, None)


def test_percent_never_falls_and_a_hundred_is_for_the_end_alone() -> None:
    further = RUNNING.progressed(60, "connecting", now_s=12.0)
    assert further.progress == Progress(60, "connecting", 12.0)
    assert further.progressed(30, "again", now_s=13.0).progress == Progress(60, "again", 13.0)
    assert further.progressed(100, "nearly", now_s=13.0).progress.percent == 99
    assert further.moved(JobStatus.FAILED, now_s=14.0, error=ERROR).progress == Progress(60, "too slow", 14.0)
    assert further.moved(JobStatus.DONE, now_s=14.0, result={}).progress == Progress(100, "done", 14.0)


@pytest.mark.parametrize("job", ENDED)
def test_an_ended_job_moves_no_more(job: Job) -> None:
    for status in JobStatus:
        outcome: dict[str, Any] = (
            {"result": {}} if status is JobStatus.DONE else {"error": ERROR} if status.ended else {}
        )
        with pytest.raises(IllegalTransition):
            job.moved(status, now_s=13.0, **outcome)
    with pytest.raises(IllegalTransition):
        job.progressed(99, "more", now_s=13.0)
    with pytest.raises(IllegalTransition):
        job.asked(130.0, now_s=13.0)


def test_a_job_that_has_not_begun_has_no_progress() -> None:
    with pytest.raises(IllegalTransition):
        QUEUED.progressed(10, "early", now_s=11.0)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (JobStatus.DONE, {}),
        (JobStatus.DONE, {"error": ERROR}),
        (JobStatus.DONE, {"result": {}, "error": ERROR}),
        (JobStatus.FAILED, {}),
        (JobStatus.FAILED, {"result": {}}),
        (JobStatus.FAILED, {"result": {}, "error": ERROR}),
    ],
)
def test_an_end_needs_exactly_its_own_outcome(status: JobStatus, outcome: dict[str, Any]) -> None:
    with pytest.raises(IllegalTransition, match="exactly its own outcome"):
        RUNNING.moved(status, now_s=12.0, **outcome)


def test_a_job_that_was_asked_about_runs_only_with_a_yes() -> None:
    assert ASKED.is_pending
    assert ASKED.progress == Progress(0, PENDING_MESSAGE, 11.0)
    with pytest.raises(IllegalTransition, match="without the streamer's yes"):
        ASKED.moved(JobStatus.RUNNING, now_s=12.0)
    allowed = ASKED.allowed("the page", "allowed", now_s=12.0)
    assert allowed.approval == Approval(ApprovalState.ALLOWED, 130.0, 12.0, "the page")
    assert allowed.progress == Progress(0, "allowed", 12.0)
    assert allowed.moved(JobStatus.RUNNING, now_s=13.0).status is JobStatus.RUNNING


def test_nobody_is_asked_twice_nor_allows_what_was_not_asked() -> None:
    for job in (ASKED, RUNNING):
        with pytest.raises(IllegalTransition):
            job.asked(130.0, now_s=12.0)
    for job in (QUEUED, ASKED.allowed("the page", "allowed", now_s=12.0), RUNNING, replace(RUNNING, approval=None)):
        with pytest.raises(IllegalTransition):
            job.allowed("the page", "allowed", now_s=13.0)


@pytest.mark.parametrize(
    ("code", "by", "state", "told_by"),
    [
        ("denied_by_operator", "the panel", ApprovalState.DENIED, "the panel"),
        ("approval_expired", None, ApprovalState.EXPIRED, "approval_expired"),
        ("interrupted", None, ApprovalState.DENIED, "interrupted"),
    ],
)
def test_whatever_ends_a_job_while_it_is_asked_about_is_a_no(
    code: str, by: str | None, state: ApprovalState, told_by: str
) -> None:
    ended = ASKED.moved(JobStatus.FAILED, now_s=20.0, error={**ERROR, "code": code}, by=by)
    assert ended.approval == Approval(state, 130.0, 20.0, told_by)


def test_what_ends_a_job_after_the_yes_changes_nothing_about_the_yes_unless_somebody_takes_it_back() -> None:
    allowed = ASKED.allowed("the page", "allowed", now_s=12.0)
    assert allowed.moved(JobStatus.FAILED, now_s=13.0, error=ERROR).approval == allowed.approval
    taken_back = allowed.moved(JobStatus.FAILED, now_s=13.0, error=ERROR, by="the page")
    assert taken_back.approval == Approval(ApprovalState.DENIED, 130.0, 13.0, "the page")
    done = allowed.moved(JobStatus.RUNNING, now_s=13.0).moved(JobStatus.DONE, now_s=14.0, result={})
    assert done.approval == allowed.approval
    assert QUEUED.moved(JobStatus.FAILED, now_s=13.0, error=ERROR, by="the page").approval is None


def test_an_error_that_could_be_retried_is_final_for_its_job_and_says_what_to_do_instead() -> None:
    error = RUNNING.moved(JobStatus.FAILED, now_s=12.0, error={**ERROR, "retryable": True, "hint": "Wait."}).error
    assert error == {
        **ERROR,
        "retryable": False,
        "hint": "Wait. This job has ended: try again with a new request_id.",
    }
    assert RUNNING.moved(JobStatus.FAILED, now_s=12.0, error=ERROR).error == ERROR


def test_a_job_is_told_with_what_it_has() -> None:
    told = QUEUED.to_json()
    assert (told["status"], told["started_at"], told["finished_at"]) == ("queued", None, None)
    assert told["created_at"] == "1970-01-01T00:00:10.000Z"
    assert not {"approval", "result", "error"} & told.keys()
    assert told["progress"] == {"percent": 0, "message": "queued", "updated_at": "1970-01-01T00:00:10.000Z"}
    assert [status for status in JobStatus if status.ended] == [JobStatus.DONE, JobStatus.FAILED]
    done, failed = (job.to_json() for job in ENDED)
    assert (done["started_at"], done["finished_at"]) == ("1970-01-01T00:00:11.000Z", "1970-01-01T00:00:12.000Z")
    assert (done["result"], "error" in done) == ({"status": "started"}, False)
    assert (failed["error"], "result" in failed) == (ERROR, False)
    assert ASKED.to_json()["approval"] == {"state": "pending", "expires_at": "1970-01-01T00:02:10.000Z"}
    decided = ASKED.allowed("the page", "allowed", now_s=12.0).to_json()["approval"]
    assert decided == {
        "state": "allowed",
        "expires_at": "1970-01-01T00:02:10.000Z",
        "decided_at": "1970-01-01T00:00:12.000Z",
        "by": "the page",
    }


def test_a_request_is_the_same_one_by_its_holder_and_id() -> None:
    request = Envelope("twitch.set_title", {}, "agent", "r")
    assert request.request_key == ("", "r")
    assert request.held_by("night-bot").request_key == ("night-bot", "r")
    assert replace(request, request_id=None).request_key is None


def test_a_request_is_shown_by_the_ids_it_has() -> None:
    request = Envelope("twitch.set_title", {"title": "t"}, "agent", mission_id="m")
    assert request.claims() == {"agent_id": "agent", "action": "twitch.set_title", "mission_id": "m"}
    assert request.held_by("night-bot").claims()["holder"] == "night-bot"
