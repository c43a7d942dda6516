"""The longest stream in the fake OBS: an agent's own stream ends on time, and no other one ever does."""

import pytest

from clawcraft.authority.longest_stream import AGAIN_S, NOTICE_S, LongestStream
from clawcraft.clock import rfc3339
from obs_mock import Scenario
from tests.obs.conftest import Rig
from tests.support.events import RecordedEvents

LIMIT_S = 120.0


class Rail:
    """The rail of one life of the script, as the supervisor asks it."""

    def __init__(self, rig: Rig, limit_min: int = 2) -> None:
        self.events = RecordedEvents()
        self.lines: list[str] = []
        rig.set(max_stream_min=limit_min)
        self.longest = LongestStream(rig.stream, lambda: rig.driver.in_force, rig.clock, self.events, self.lines.append)
        self.look = self.longest.enforce


@pytest.fixture
def rail(rig: Rig) -> Rail:
    return Rail(rig)


def streamer_starts(rig: Rig) -> None:
    # Right after a stream OBS still takes itself for streaming, and its button for a stop.
    rig.wait(lambda: not rig.driver.ui.call(lambda: rig.driver.obs.snapshot().stream.active, 5.0))
    rig.obs.press_stream_button()
    rig.wait_state("live")


def test_an_agents_stream_ends_when_its_time_is_over_and_that_is_told(rig: Rig, rail: Rail) -> None:
    assert rail.look() is None
    rig.start()
    assert rail.look() == LIMIT_S
    ends_at = rfc3339(rig.clock.time() + LIMIT_S)
    rig.clock.advance(LIMIT_S - 1)
    assert rail.look() == 1
    assert rail.longest.status()["stream_ends_at"] == ends_at
    assert rig.state() == "live"
    rig.clock.advance(1)
    assert rail.look() == AGAIN_S
    rig.wait_state("offline")
    assert rail.look() is None
    assert rail.events.named("stream_ended_by_guard_rail") == [{"limit_min": 2}]
    assert len(rail.lines) == 1
    assert rail.longest.status() == {
        "max_stream_minutes": 2,
        "stream_ends_at": None,
        "last_stream_ended_at": rfc3339(rig.clock.time()),
    }


def test_it_is_off_by_default(rig: Rig) -> None:
    rail = Rail(rig, 0)
    rig.start()
    rig.clock.advance(1e6)
    assert rail.look() is None
    assert rig.state() == "live"
    assert set(rail.longest.status().values()) == {None}


def test_the_streamers_own_stream_is_never_ended(rig: Rig, rail: Rail) -> None:
    streamer_starts(rig)
    rig.start()  # which finds it running
    rig.clock.advance(10 * LIMIT_S)
    assert rail.look() is None
    assert rail.longest.status()["stream_ends_at"] is None
    assert rig.state() == "live"


def test_a_stop_that_comes_late_does_not_hit_the_streamers_next_stream(rig: Rig, rail: Rail) -> None:
    rig.start()
    ours = rig.stream.agents_stream()
    assert ours is not None
    rig.stop()
    streamer_starts(rig)
    rig.stream.end_agents_stream(ours.number)
    theirs = rig.stream._state.snapshot().number
    rig.stream.end_agents_stream(theirs)
    rig.driver.do_pass_ui_queue()
    assert rig.state() == "live"
    assert rig.told().count("STOPPING") == 1


def test_a_second_stream_of_an_agent_has_its_own_time(rig: Rig, rail: Rail) -> None:
    rig.start()
    assert rail.look() == LIMIT_S
    rig.clock.advance(LIMIT_S - 1)
    rig.stop()
    rig.start()
    rig.clock.advance(1)
    assert rail.look() == LIMIT_S - 1
    assert rig.state() == "live"


def test_a_limit_that_is_lowered_below_what_has_passed_gives_notice(rig: Rig, rail: Rail) -> None:
    rig.set(max_stream_min=300)
    rig.start()
    rail.look()
    rig.clock.advance(3600)
    rig.set(max_stream_min=3)  # on the way to 360
    assert rail.look() == NOTICE_S
    rig.set(max_stream_min=360)
    assert rail.look() == 5 * 3600
    rig.set(max_stream_min=3)
    assert rail.look() == NOTICE_S
    rig.clock.advance(NOTICE_S)
    assert rail.look() == AGAIN_S
    rig.wait_state("offline")


def test_a_reload_of_the_script_does_not_lose_it(rig: Rig) -> None:
    Rail(rig)
    rig.start()
    rig.clock.advance(NOTICE_S)
    rig.obs.reload()
    rail = Rail(rig)
    assert rail.look() == LIMIT_S - NOTICE_S
    rig.clock.advance(LIMIT_S - NOTICE_S)
    rail.look()
    rig.wait_state("offline")


def test_time_that_passed_without_the_script_counts_after_a_minutes_notice(rig: Rig) -> None:
    Rail(rig)
    rig.start()
    rig.clock.advance(10 * LIMIT_S)
    rig.obs.reload()
    rail = Rail(rig)
    assert rail.look() == NOTICE_S
    assert rig.state() == "live"


def test_a_stream_that_reconnects_is_ended_too(rig: Rig, rail: Rail) -> None:
    rig.obs.scenario = Scenario("gone", live_s=0.0, retries_fail=99)
    rig.start()
    rig.wait_state("reconnecting")
    rail.look()
    rig.clock.advance(LIMIT_S)
    rail.look()
    rig.wait_state("offline")
