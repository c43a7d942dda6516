"""Guard rails on a job's way: at its arrival, while it waits, when it begins, and in the task that has OBS start."""

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from clawcraft.authority.agent_starts import AgentStarts
from clawcraft.errors import RefusedByGuardRail, StreamConnectFailed
from clawcraft.hours import Hours
from clawcraft.obs.port import ProgressSink
from tests.support.clock import ManualClock
from tests.support.job_rig import JobRig, code, envelope, start, stop
from tests.support.settings import make_settings
from tests.support.waiting import HANG_S

CLOSED: dict[str, Any] = {"start_hours": Hours(0, 1)}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[JobRig]:
    # Time zones differ by quarters of an hour: nowhere is this in the first minute of a day.
    rig = JobRig(tmp_path, clock=ManualClock(15 * 60 * 1_977_777 + 300.0))
    yield rig
    rig.close()


def set_rails(rig: JobRig, **rails: Any) -> None:
    """As the service does."""
    rig.settings = make_settings(**rails)
    rig.worker.forbid()


@pytest.mark.parametrize(
    ("rails", "args"),
    [
        (CLOSED, {}),
        ({"allowed_scenes": ("Chat",)}, {"obs_scene": "Game"}),
        ({"refused_words": ("heck",)}, {"title": "what the heck"}),
        ({"refuse_links": True}, {"title": "example.com"}),
    ],
)
def test_a_start_beyond_a_rail_is_refused_before_there_is_a_job(
    rig: JobRig, rails: dict[str, Any], args: dict[str, Any]
) -> None:
    set_rails(rig, **rails)
    with pytest.raises(RefusedByGuardRail):
        rig.execute(start("r", args=args))
    assert (rig.store.list({}, 1)[0], rig.stream.calls, rig.twitch.calls) == ([], [], [])
    assert rig.limiter.taken == []
    assert code(rig.run(stop("s"))) is None


def test_a_message_beyond_a_rail_reaches_no_handler(rig: JobRig) -> None:
    set_rails(rig, refused_words=("heck",))
    with pytest.raises(RefusedByGuardRail):
        rig.execute(envelope("twitch.post_chat_message", "m", args={"message": "heck"}))
    assert rig.sync.runs == []


@pytest.mark.parametrize(
    "rails", [CLOSED, {"allowed_scenes": ("Chat",)}, {"refused_words": ("nice",)}, {"refuse_links": True}]
)
def test_a_rail_that_is_set_ends_what_is_queued(rig: JobRig, rails: dict[str, Any]) -> None:
    running = rig.connecting(start("running"))
    queued = rig.accept(start("queued", args={"obs_scene": "Game", "title": "nice.example"}))
    set_rails(rig, **rails)
    assert code(rig.ended(queued)) == "refused_by_guard_rail"
    assert "start Game" not in rig.stream.calls
    rig.stream.let(rig.stream.connects)
    rig.ended(running)


def test_a_rail_that_is_set_while_a_start_waits_in_obs_ends_it(rig: JobRig) -> None:
    job_id = rig.connecting(start("r"))
    set_rails(rig, **CLOSED)
    assert code(rig.ended(job_id)) == "refused_by_guard_rail"
    assert not rig.stream.live


def test_a_rail_that_is_set_while_twitch_hangs_is_met_in_the_task_that_starts(rig: JobRig) -> None:
    job_id, hold = rig.at_twitch(start("r", args={"title": "x"}))
    rig.settings = make_settings(**CLOSED)
    hold.let_go()
    assert code(rig.ended(job_id)) == "refused_by_guard_rail"
    assert not rig.stream.live


def test_hours_that_end_while_twitch_hangs_end_the_start(rig: JobRig) -> None:
    now = datetime.fromtimestamp(rig.clock.time())
    minute = now.hour * 60 + now.minute
    set_rails(rig, start_hours=Hours(minute, (minute + 1) % (24 * 60)))
    job_id, hold = rig.at_twitch(start("r", args={"title": "x"}))
    rig.clock.advance(60)  # type: ignore[attr-defined]
    hold.let_go()
    assert code(rig.ended(job_id)) == "refused_by_guard_rail"


def test_starts_are_counted_when_obs_carried_them_out_and_a_repeat_gets_what_the_first_came_to(rig: JobRig) -> None:
    set_rails(rig, starts_per_hour=1)
    first = rig.run(start("first"))
    with pytest.raises(RefusedByGuardRail):
        rig.execute(start("second"))
    assert rig.accept(start("first")) == first.id
    rig.clock.advance(3600)  # type: ignore[attr-defined]
    assert (rig.run(start("third")).result or {})["status"] == "already_running"
    assert (rig.run(start("fourth")).result or {})["status"] == "already_running"


def test_of_two_starts_that_were_accepted_at_once_the_second_is_refused_when_it_begins(rig: JobRig) -> None:
    set_rails(rig, starts_per_hour=1)
    first = rig.connecting(start("first"))
    second = rig.accept(start("second"))
    rig.stream.let(rig.stream.connects)
    assert code(rig.ended(first)) is None
    assert code(rig.ended(second)) == "refused_by_guard_rail"


def test_the_retries_of_a_start_are_not_further_starts(rig: JobRig, monkeypatch: pytest.MonkeyPatch) -> None:
    set_rails(rig, starts_per_hour=1)

    def fail(_scene: object, progress: ProgressSink, may: Any) -> None:
        for percent in (40, 60, 45, 60):
            progress(percent, "connecting")
            may()
        raise StreamConnectFailed("no server")

    monkeypatch.setattr(rig.stream, "start", fail)
    assert code(rig.run(start("first"))) == "stream_connect_failed"
    assert len(rig.starts.last_hour()) == 1
    with pytest.raises(RefusedByGuardRail):
        rig.execute(start("second"))


def test_a_start_that_did_not_get_as_far_as_to_connect_is_none(rig: JobRig) -> None:
    set_rails(rig, starts_per_hour=1)
    assert code(rig.run(start("first", args={"obs_scene": "Nowhere"}))) == "scene_not_found"
    assert rig.starts.last_hour() == []
    assert code(rig.run(start("second"))) is None


@pytest.mark.parametrize(("told", "counted"), [((10,), 0), ((10, 30), 1), ((10, 30, 60), 1), ((10, 55), 0)])
def test_a_start_that_a_stop_cuts_off_counts_from_where_obs_was_told(
    rig: JobRig, monkeypatch: pytest.MonkeyPatch, told: tuple[int, ...], counted: int
) -> None:
    """Its last step is told behind the stop; 55 is that of a start which the streamer had begun."""
    first, hold = threading.Event(), threading.Event()

    def begin(_scene: object, progress: ProgressSink, may: Any) -> None:
        for percent in told[:-1]:
            progress(percent, "starting")
        first.set()
        assert hold.wait(HANG_S)
        progress(told[-1], "starting")

    monkeypatch.setattr(rig.stream, "start", begin)
    job_id = rig.accept(start("first"))
    assert first.wait(HANG_S)
    rig.accept(stop("off"))
    hold.set()
    assert code(rig.ended(job_id)) == "superseded"
    assert len(rig.starts.last_hour()) == counted


def test_starts_of_the_last_hour_are_known_again_behind_many_that_did_not_count(rig: JobRig) -> None:
    rig.run(start("first"))
    rig.stream.live = False
    for n in range(201):
        rig.run(start(f"nowhere-{n}", args={"obs_scene": "Nowhere"}))
    again = AgentStarts(rig.clock)
    again.recall(rig.store)
    assert again.last_hour() == rig.starts.last_hour() != []
