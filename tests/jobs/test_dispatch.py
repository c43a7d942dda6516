"""From a valid envelope to its answer: the order of checks, what answers say, and that nothing runs twice."""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from clawcraft.actions.catalogue import Policy
from clawcraft.authority.agent_file import AgentFile
from clawcraft.authority.audit_entries import newest_first
from clawcraft.clock import rfc3339
from clawcraft.errors import (
    Busy,
    ChannelNotAllowed,
    ClawcraftError,
    IdempotencyConflict,
    InternalError,
    Interrupted,
    RateLimited,
    Stopping,
    StorageUnavailable,
    Timeout,
    TwitchNotConfigured,
    TwitchRejected,
    TwitchUnavailable,
)
from clawcraft.jobs.answer import Answer
from clawcraft.jobs.idempotency import FALLBACK_WINDOW_S, fingerprint_of
from clawcraft.jobs.model import Envelope
from tests.support.agents import add_agent
from tests.support.clock import ManualClock
from tests.support.job_rig import TTL_S, JobRig, Places, envelope, start, stop, together
from tests.support.waiting import HANG_S


def title(request_id: str | None = "t", text: str = "hello", **fields: Any) -> Envelope:
    return envelope("twitch.set_title", request_id, args={"title": text}, **fields)


def reopened(rig: JobRig, folder: Path, clock: ManualClock) -> JobRig:
    rig.close()
    return JobRig(folder, clock=clock)


@contextlib.contextmanager
def in_the_middle(rig: JobRig, *requests: Envelope) -> Iterator[list[Future[Answer]]]:
    """While these sync requests run, which end with the block."""
    rig.sync.gate.clear()
    with ThreadPoolExecutor(len(requests)) as pool:
        running = [pool.submit(rig.execute, request) for request in requests]
        try:
            for _ in running:
                assert rig.sync.entered.acquire(timeout=HANG_S)
            yield running
        finally:
            rig.sync.gate.set()


# --- async answers ----------------------------------------------------------------------------------------------------


def test_an_accepted_job_is_answered_in_the_contracts_words(rig: JobRig, clock: ManualClock) -> None:
    answer = rig.execute(start("r"))
    job_id = answer.body["result"]["job_id"]
    assert answer == Answer(
        202,
        {
            "ok": True,
            "action": "twitch.start_stream",
            "result": {
                "job_id": job_id,
                "status": "queued",
                "progress": {"percent": 0, "message": "queued", "updated_at": rfc3339(clock.now_s)},
                "request_id": "r",
            },
        },
        {"Location": f"/tools/jobs/{job_id}"},
    )


def test_a_repeat_gets_the_first_job_as_it_is_now_while_it_is_kept(
    rig: JobRig, tmp_path: Path, clock: ManualClock
) -> None:
    first = rig.execute(start("r", args={"title": "a"}))
    ended = rig.ended(first.body["result"]["job_id"])
    clock.advance(TTL_S - 1)
    rig = reopened(rig, tmp_path, clock)
    again = rig.execute(start("r", args={"title": "a"}))
    told = again.body["result"]
    assert (told["job_id"], told["status"], told["progress"]) == (ended.id, "done", ended.progress.to_json())
    assert (again.status, again.headers["Idempotent-Replayed"]) == (202, "true")
    clock.advance(2)
    assert rig.accept(start("r", args={"title": "a"})) != first.body["result"]["job_id"]
    rig.close()


@pytest.mark.parametrize(
    "other",
    [
        start("r", args={"title": "b"}),
        start("r", args={"title": "a"}, agent_id="someone"),
        stop("r"),
        envelope("twitch.set_title", "r", args={"title": "a"}),
    ],
    ids=["args", "agent", "action", "sync action"],
)
def test_a_request_id_used_otherwise_conflicts_whatever_became_of_the_job(rig: JobRig, other: Envelope) -> None:
    rig.ended(rig.accept(start("r", args={"title": "a"})))
    with pytest.raises(IdempotencyConflict) as conflict:
        rig.execute(other)
    assert conflict.value.details["first_action"] == "twitch.start_stream"
    assert len(rig.store.list({}, 10)[0]) == 1


def test_a_mission_is_not_part_of_what_a_request_id_stands_for(rig: JobRig) -> None:
    assert rig.accept(start("r", mission_id="m")) == rig.accept(start("r", mission_id="n"))


def test_sixteen_equal_requests_at_once_are_one_job(rig: JobRig) -> None:
    ids = together([lambda: rig.accept(start("same"))] * 16)
    assert len(set(ids)) == 1
    rig.ended(ids[0])
    assert rig.stream.calls.count("start None") == 1
    assert rig.limiter.taken == ["twitch.start_stream"]


# --- the fallback key -------------------------------------------------------------------------------------------------


def test_without_request_id_the_mission_recognises_a_repeat_for_a_while(rig: JobRig, clock: ManualClock) -> None:
    request = start(mission_id="m", args={"title": "a"})
    first = rig.connecting(request)
    assert rig.accept(request) == first
    rig.stream.let(rig.stream.connects)
    rig.ended(first)
    clock.advance(FALLBACK_WINDOW_S - 0.1)
    assert rig.accept(request) == first
    clock.advance(0.2)
    assert rig.accept(request) != first


M = start(mission_id="m")
STOP_M = stop(mission_id="m")


@pytest.mark.parametrize(
    ("requests", "jobs"),
    [
        ([M, start(mission_id="n")], [0, 1]),
        ([M, start(mission_id="m", agent_id="someone")], [0, 1]),
        ([M, start(mission_id="m", correlation_id="c")], [0, 1]),
        ([M, start(correlation_id="m")], [0, 1]),
        ([M, start("r", mission_id="m")], [0, 1]),
        ([M, STOP_M, M, STOP_M, STOP_M], [0, 1, 2, 3, 3]),
        ([start(correlation_id="c"), stop(correlation_id="c"), start(correlation_id="c")], [0, 1, 2]),
        ([M, stop("s", mission_id="m", agent_id="someone"), stop(mission_id="n"), M], [0, 1, 2, 0]),
        ([M, stop("s", mission_id="m", correlation_id="other"), M], [0, 1, 2]),
    ],
    ids=[
        "another mission",
        "another agent",
        "a correlation too",
        "another kind of id",
        "a request_id",
        "start, stop, start, stop and its repeat",
        "the same by correlation",
        "a stop of someone else, or of another mission, does not come between",
        "a stop with a request_id of its own comes between",
    ],
)
def test_which_requests_of_a_mission_are_one_job(rig: JobRig, requests: list[Envelope], jobs: list[int]) -> None:
    ids = [rig.run(request).id for request in requests]
    distinct = list(dict.fromkeys(ids))
    assert [distinct.index(job_id) for job_id in ids] == jobs


def test_a_sync_action_that_the_streamer_was_asked_about_comes_between_no_two_equal_starts(rig: JobRig) -> None:
    first = rig.run(M)
    rig.chosen.choose({"twitch.set_title": Policy.ASK})
    asked = rig.execute(title(mission_id="m"))
    assert asked.status == 202
    assert rig.accept(M) == first.id


def test_with_other_args_the_mission_conflicts_only_while_its_job_is_active(rig: JobRig) -> None:
    first = rig.connecting(start(mission_id="m", args={"title": "a"}))
    with pytest.raises(IdempotencyConflict) as conflict:
        rig.execute(start(mission_id="m", args={"title": "b"}))
    assert conflict.value.details == {"job_id": first}
    rig.stream.let(rig.stream.connects)
    rig.ended(first)
    assert rig.accept(start(mission_id="m", args={"title": "b"})) != first


def test_a_clock_set_back_does_not_stretch_the_window(rig: JobRig, clock: ManualClock) -> None:
    first = rig.run(start(mission_id="m"))
    clock.advance(-3600)
    assert rig.accept(start(mission_id="m")) != first.id


# --- the order of checks ----------------------------------------------------------------------------------------------


def test_a_replay_takes_nothing_of_the_rate_limit_and_passes_when_it_is_used_up(rig: JobRig) -> None:
    rig.accept(start("r"))
    rig.execute(title("t"))
    taken = list(rig.limiter.taken)
    rig.limiter.refuses_with = RateLimited("too many", retry_after_s=3.0)
    assert rig.execute(start("r")).status == 202
    assert rig.execute(title("t")).status == 200
    assert rig.limiter.taken == taken
    for refused in (start("s"), title("u"), title(None)):
        with pytest.raises(RateLimited):
            rig.execute(refused)
    with pytest.raises(IdempotencyConflict):  # idempotency comes first
        rig.execute(stop("r"))
    rig.limiter.refuses_with = None
    assert rig.execute(start("s")).status == 202  # a refusal leaves no trace
    assert rig.execute(title("u")).status == 200


def test_a_stopped_dispatcher_refuses_everything(rig: JobRig) -> None:
    rig.dispatcher.stop()
    for request in (start("r"), title()):
        with pytest.raises(Stopping):
            rig.execute(request)
    assert rig.sync.runs == []


# --- sync answers -----------------------------------------------------------------------------------------------------


def test_a_sync_result_carries_request_id_and_status(rig: JobRig) -> None:
    answer = rig.execute(title("t"))
    assert answer == Answer(
        200,
        {
            "ok": True,
            "action": "twitch.set_title",
            "result": {"request_id": "t", "status": "updated", "run": 1},
        },
    )


def test_a_sync_answer_is_given_again_also_after_a_restart(rig: JobRig, tmp_path: Path, clock: ManualClock) -> None:
    first = rig.execute(title("t"))
    rig = reopened(rig, tmp_path, clock)
    again = rig.execute(title("t"))
    assert (again.status, again.body) == (first.status, first.body)
    assert (dict(first.headers), dict(again.headers)) == ({}, {"Idempotent-Replayed": "true"})
    assert rig.sync.runs == []
    with pytest.raises(IdempotencyConflict):
        rig.execute(title("t", text="other"))
    clock.advance(TTL_S + 1)
    assert rig.execute(title("t")).headers == {}
    rig.close()


def test_equal_numbers_are_equal_args(rig: JobRig) -> None:
    rig.execute(envelope("twitch.set_title", "t", args={"duration": 30, "deep": [{"n": 1.0}]}))
    again = rig.execute(envelope("twitch.set_title", "t", args={"deep": [{"n": 1}], "duration": 30.0}))
    assert "Idempotent-Replayed" in again.headers


@pytest.mark.parametrize("other", [{"tags": ["b"]}, {"tags": []}, {"tags": ["a", "a"]}, {"tags": {"a": 1}}, {}])
def test_other_args_are_another_request_however_deep(other: dict[str, Any]) -> None:
    asked = fingerprint_of(envelope("twitch.set_tags", args={"tags": ["a"]}))
    assert fingerprint_of(envelope("twitch.set_tags", args={"tags": ["a"]})) == asked
    assert fingerprint_of(envelope("twitch.set_tags", args=other)) != asked
    assert fingerprint_of(envelope("twitch.set_tags", args={"tags": ["a"]}, agent_id="other")) != asked
    assert fingerprint_of(envelope("twitch.set_labels", args={"tags": ["a"]})) != asked


def test_a_sync_request_without_request_id_runs_each_time(rig: JobRig) -> None:
    for run in (1, 2):
        answer = rig.execute(title(None))
        assert answer.body["result"] == {"request_id": None, "status": "updated", "run": run}


KEPT = [
    TwitchRejected("no"),
    Timeout("late"),
    Interrupted("cut off"),
    TwitchUnavailable("sent, then nothing", retryable=False),
    Stopping("sent, then the service ended", retryable=False),
]
NOT_KEPT = [
    TwitchNotConfigured("no credentials"),
    TwitchUnavailable("down"),
    Busy("busy", retry_after_s=2.2),
    TwitchRejected("wait", retryable=True, retry_after_s=7),
    Stopping("nothing was sent"),
]


@pytest.mark.parametrize("error", [*KEPT, *NOT_KEPT], ids=lambda error: f"{error.code}-{error.retryable}")
def test_a_failure_is_replayed_only_if_the_action_may_have_taken_effect(rig: JobRig, error: ClawcraftError) -> None:
    rig.sync.fails_with = error
    first = rig.execute(title("t"))
    assert first.status == error.status
    assert first.body == {
        "ok": False,
        "action": "twitch.set_title",
        "request_id": "t",
        "error": error.to_json(),
    }
    in_whole_seconds = {2.2: "3", 7: "7", None: None}
    assert first.headers.get("Retry-After") == in_whole_seconds[error.retry_after_s]
    rig.sync.fails_with = None
    second = rig.execute(title("t"))
    if error in KEPT:
        assert (second.status, second.body) == (first.status, first.body)
        assert second.headers["Idempotent-Replayed"] == "true"
        assert len(rig.sync.runs) == 1
    else:
        assert (second.status, second.headers, len(rig.sync.runs)) == (200, {}, 2)


@pytest.mark.parametrize("how", ["pause", "off", "ask", "revoked"])
def test_a_sync_action_that_waits_is_refused_once_it_is_forbidden_and_its_request_id_is_free(
    rig: JobRig, tmp_path: Path, how: str
) -> None:
    add_agent(tmp_path, "alpha")
    rig.sync.gate.clear()
    request = title("t", agent_id="alpha", holder="alpha")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(rig.execute, request)
        assert rig.sync.entered.acquire(timeout=HANG_S)
        if how == "pause":
            rig.pause.pause(survive_restart=False)
        elif how in ("off", "ask"):
            rig.chosen.choose({"twitch.set_title": Policy(how)})
        else:
            AgentFile(tmp_path).revoke("alpha")
        rig.sync.gate.set()
        error = answer.result(HANG_S).body["error"]
    codes = {"pause": "paused_by_operator", "ask": "denied_by_operator"}
    assert error["code"] == codes.get(how, "action_disabled")
    rig.pause.resume()
    rig.chosen.choose({"twitch.set_title": Policy.ALLOW})
    if how != "revoked":
        assert rig.execute(request).status == 200
        assert len(rig.sync.runs) == 2


def test_a_defect_in_a_sync_handler_is_an_internal_error_and_kept(rig: JobRig) -> None:
    rig.sync.fails_with = ZeroDivisionError("secret detail")
    answer = rig.execute(title("t"))
    assert (answer.status, answer.body["error"]["code"]) == (500, InternalError.code)
    assert "secret detail" not in str(answer.body)
    assert rig.log.named("incident")[0]["incident_id"] == answer.body["error"]["details"]["incident"]
    assert rig.execute(title("t")).body == answer.body


def test_the_end_of_the_service_waits_for_no_disk(rig: JobRig, monkeypatch: pytest.MonkeyPatch) -> None:
    commits, ends = threading.Event(), threading.Event()
    create = rig.store.create

    def hangs(*args: Any) -> Any:
        commits.set()
        assert ends.wait(HANG_S)
        return create(*args)

    monkeypatch.setattr(rig.store, "create", hangs)

    def stop() -> None:
        assert commits.wait(HANG_S)
        rig.dispatcher.stop()
        ends.set()

    together([lambda: rig.accept(start("r")), stop])


# --- duplicates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [None, TwitchRejected("no"), TwitchUnavailable("down")])
def test_duplicates_wait_for_the_first_and_it_runs_once(rig: JobRig, error: ClawcraftError | None) -> None:
    rig.sync.gate.clear()
    rig.sync.fails_with = error

    def let_go() -> None:
        for _ in range(15):
            assert rig.places.taken.acquire(timeout=HANG_S)
        rig.sync.gate.set()

    *answers, _ = together([*[lambda: rig.execute(title("t"))] * 16, let_go])
    assert len(rig.sync.runs) == 1
    assert all(answer.body == answers[0].body for answer in answers)
    assert sum("Idempotent-Replayed" in answer.headers for answer in answers) == 15
    assert rig.limiter.taken == ["twitch.set_title"]


def test_a_duplicate_that_asks_for_something_else_conflicts_at_once(rig: JobRig) -> None:
    with in_the_middle(rig, title("t")) as (first,):
        for other in (title("t", text="other"), envelope("twitch.set_game", "t")):
            with pytest.raises(IdempotencyConflict):
                rig.execute(other)
    assert first.result().status == 200


def test_a_duplicate_without_a_place_to_wait_is_told_to_come_back(rig: JobRig) -> None:
    rig.places = Places(0)
    with in_the_middle(rig, title("t")), pytest.raises(Busy) as busy:
        rig.execute(title("t"))
    assert busy.value.retry_after_s


def test_stopping_lets_go_of_duplicates_at_once(rig: JobRig) -> None:
    rig.sync.gate.clear()

    def stop_all() -> None:
        for _ in range(3):
            assert rig.places.taken.acquire(timeout=HANG_S)
        rig.dispatcher.stop()

    def duplicate() -> None:
        assert rig.sync.entered.acquire(timeout=HANG_S)
        rig.sync.entered.release()
        with pytest.raises(Stopping):
            rig.execute(title("t"))
        done.append(None)
        if len(done) == 3:  # only now may the first end: no duplicate has waited for it
            rig.sync.gate.set()

    done: list[None] = []
    first, *rest = together([lambda: rig.execute(title("t")), duplicate, duplicate, duplicate, stop_all])
    assert (first.status, rest) == (200, [None] * 4)


# --- bounds and the disk ----------------------------------------------------------------------------------------------


def test_sync_actions_beyond_their_share_of_the_workers_are_busy(tmp_path: Path, clock: ManualClock) -> None:
    rig = JobRig(tmp_path, clock=clock, twitch_slots=2)
    with in_the_middle(rig, title("a"), title("b")) as running:
        with pytest.raises(Busy) as busy:
            rig.execute(title("c"))
        assert busy.value.retry_after_s
        assert rig.execute(start("job")).status == 202  # jobs need no such place
    assert [answer.result().status for answer in running] == [200, 200]
    assert rig.execute(title("c")).status == 200
    for n in range(5):  # each gave its place back, whatever it ended as
        rig.sync.fails_with = TwitchRejected("no")
        assert rig.execute(title(f"e{n}")).status == 502
    rig.close()


def full(*_: object) -> None:
    raise StorageUnavailable("disk full")


def test_what_cannot_be_recorded_is_not_begun(rig: JobRig, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rig.store.answers, "begin", full)
        for _ in range(5):  # more than there are places for sync actions
            with pytest.raises(StorageUnavailable):
                rig.execute(title("t"))
    assert rig.sync.runs == []
    assert rig.execute(title("t")).status == 200


def test_an_outcome_that_cannot_be_recorded_is_given_once_and_the_action_never_again(
    rig: JobRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rig.store.answers, "finish", full)
        assert rig.execute(title("t")).status == 200
    assert rig.log.named("answer_not_stored")[0]["request_id"] == "t"
    assert rig.execute(title("t")).body["error"]["code"] == "interrupted"
    assert len(rig.sync.runs) == 1


def test_an_answer_that_cannot_be_stored_is_given_and_kept_as_what_can_be(
    rig: JobRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rig.sync, "fails_with", ChannelNotAllowed("no \ud800", details={"channel": "\udfff"}))
    answers = [rig.execute(envelope("twitch.set_title", "r", args={"title": "x"})) for _ in range(2)]
    for answer in answers:
        assert answer.body["error"]["message"] == "no \ufffd"
        json.dumps(answer.body, ensure_ascii=False).encode()


# --- the audit trail --------------------------------------------------------------------------------------------------


def audited(folder: Path) -> list[tuple[str, Any, str]]:
    """Action, arguments and outcome of each entry on disk, oldest first."""
    with contextlib.closing(sqlite3.connect(folder / "audit.sqlite3")) as connection:
        entries = list(newest_first(connection))[::-1]
    return [(entry.first.action, entry.args, entry.outcome) for entry in entries if entry.first.action]


def test_what_is_about_to_run_is_in_the_audit_trail_before_it_does_anything(rig: JobRig, tmp_path: Path) -> None:
    job_id = rig.connecting(start("s", args={"title": "Live", "obs_scene": "Game"}))
    started = ("twitch.start_stream", {"title": "Live", "obs_scene": "Game"})
    with in_the_middle(rig, title("t")):
        assert audited(tmp_path) == [(*started, ""), ("twitch.set_title", {"title": "hello"}, "")]
    rig.stream.let(rig.stream.connects)
    rig.ended(job_id)
    rig.worker.stop(HANG_S)
    assert audited(tmp_path) == [(*started, "started"), ("twitch.set_title", {"title": "hello"}, "updated")]


def test_a_repeat_and_what_is_refused_are_no_entries(rig: JobRig, tmp_path: Path) -> None:
    for _ in range(2):
        rig.execute(title("t"))
        rig.run(stop("s"))
    with pytest.raises(IdempotencyConflict):
        rig.execute(title("t", "another"))
    rig.limiter.refuses_with = RateLimited("slow down")
    with pytest.raises(RateLimited):
        rig.execute(title("u"))
    assert [action for action, *_ in audited(tmp_path)] == ["twitch.set_title", "twitch.stop_stream"]
