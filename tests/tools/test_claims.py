"""A claim of the service is judged by what the local Twitch knew when it was made."""

import json
from typing import Any

import pytest

from claims import Claim, State, judged
from tests.support.clock import ManualClock
from twitch_sim import World, control
from twitch_sim.answers import Asked
from twitch_sim.faults import Faults
from twitch_sim.shelf import timestamp
from twitch_sim.world import Clip


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def world(clock: ManualClock) -> World:
    return World(clock, live_delay_s=75, offline_delay_s=120)


def state(world: World) -> State:
    """As another process gets it."""
    body = control.answer(world, Faults(), Asked("GET", "/_sim/state", {}, {}, {}, {})).body
    found: State = json.loads(json.dumps(body))
    return found


def otherwise(world: World, kind: str, says: dict[str, Any], before: State | None = None, refused: str = "") -> str:
    """What is said against a claim made now."""
    now = state(world)
    claim = Claim(kind, world.clock.time(), world.clock.time(), says, refused=refused)
    return judged(claim, before or now, now)


def live(started_s: float) -> dict[str, Any]:
    return {"status": "started", "live": {"live": True, "started_at": timestamp(started_s)}}


def test_live_is_true_of_the_stream_that_runs_and_not_of_the_one_before(world: World, clock: ManualClock) -> None:
    first_s = clock.time()
    world.go_live()
    clock.advance(80)
    assert otherwise(world, "start_stream", live(first_s)) == ""
    world.go_offline()
    assert otherwise(world, "start_stream", live(first_s)) == "nothing is on air"
    clock.advance(10)
    world.go_live()
    assert "started_at" in otherwise(world, "start_stream", live(first_s))
    assert otherwise(world, "start_stream", live(clock.time())) == ""


def test_not_shown_live_is_true_until_it_is_listed(world: World, clock: ManualClock) -> None:
    not_yet = {"status": "started", "live": {"live": False}}
    world.go_live()
    clock.advance(60)
    assert otherwise(world, "start_stream", not_yet) == ""
    clock.advance(60)
    assert otherwise(world, "start_stream", not_yet) == "it is listed"


def test_live_with_a_title_is_true_once_it_is_listed(world: World, clock: ManualClock) -> None:
    world.go_live()
    says = live(clock.time())
    says["live"]["title"] = "My first stream"
    assert otherwise(world, "start_stream", says) == "it is not listed"
    clock.advance(80)
    assert otherwise(world, "start_stream", says) == ""


def test_stopped_is_true_once_nothing_is_on_air(world: World) -> None:
    world.go_live()
    assert otherwise(world, "stop_stream", {"status": "stopped"})
    world.go_offline()
    assert otherwise(world, "stop_stream", {"status": "stopped"}) == ""


def test_a_clip_is_confirmed_once_it_is_listed(world: World, clock: ManualClock) -> None:
    world.clips = [Clip("one", "1001", "A moment", 30.0, clock.time() + 25)]
    confirmed = {"clip_id": "one", "confirmed": True, "title": "A moment", "duration_s": 30.0}
    unconfirmed = {"clip_id": "one", "confirmed": False}
    assert otherwise(world, "create_clip", confirmed)
    assert otherwise(world, "get_clip", unconfirmed) == ""
    clock.advance(26)
    assert otherwise(world, "create_clip", confirmed) == ""
    assert otherwise(world, "get_clip", unconfirmed) == "it is listed"
    assert otherwise(world, "get_clip", {**confirmed, "clip_id": "two"}) == "there is no such clip"


def test_what_was_refused_has_not_been_done(world: World) -> None:
    before = state(world)
    assert otherwise(world, "announce", {}, before, refused="twitch_rejected") == ""
    world.show.announcements.append({"message": "Hello", "color": "blue"})
    assert "something was done" in otherwise(world, "announce", {}, before, refused="twitch_rejected")
    assert otherwise(world, "announce", {}, before, refused="timeout") == "", "the service says that it does not know"


def test_offline_is_not_true_of_a_channel_that_streams(world: World) -> None:
    assert otherwise(world, "create_clip", {}, refused="channel_offline") == ""
    world.go_live()
    assert otherwise(world, "create_clip", {}, refused="channel_offline") == "the channel is live"


def test_a_change_that_is_not_verified_claims_nothing(world: World) -> None:
    says = {"current": {"title": "New", "game_id": "509658"}, "verified": False}
    assert otherwise(world, "set_title", says) == ""
    assert "title" in otherwise(world, "set_title", {**says, "verified": True})


def test_what_is_shown_is_what_twitch_listed_then(world: World, clock: ManualClock) -> None:
    started_s = clock.time()
    world.go_live()

    def shown(*, is_live: bool) -> str:
        as_of = timestamp(clock.time())
        row = {"stream_id": world.streams[0].id, "started_at": timestamp(started_s)} if is_live else {}
        return otherwise(world, "shown stream", {"live": is_live, "as_of": as_of, **row})

    assert (bool(shown(is_live=True)), shown(is_live=False)) == (True, "")
    clock.advance(80)
    assert (shown(is_live=True), bool(shown(is_live=False))) == ("", True)
    world.go_offline()
    clock.advance(60)
    assert shown(is_live=True) == "", "an ended stream is what Twitch shows for a while"
    clock.advance(70)
    assert (bool(shown(is_live=True)), shown(is_live=False)) == (True, "")


def test_a_message_that_was_missed_without_a_gap_is_seen(world: World) -> None:
    now = state(world)
    said, args = {"heard": ["a"]}, {"written": ["a", "b"]}
    assert judged(Claim("nothing missed", 0, 0, said, args), now, now)
    assert judged(Claim("nothing missed", 0, 0, {"heard": ["b", "a"]}, args), now, now) == ""


def test_that_no_raid_is_pending_may_be_said_of_one_that_was_cancelled_only_where_an_answer_was_lost(
    world: World, clock: ManualClock
) -> None:
    raid = {"target": "friendlyneighbour", "at_s": clock.time(), "cancelled": False}
    world.show.raids.append(raid)
    pending = state(world)
    says = {"status": "no_raid_pending"}
    doubtful = {**says, "warning": "no raid is pending now; this may have cancelled one, or it may have gone already"}
    assert otherwise(world, "cancel_raid", doubtful, pending) == "one is pending"
    raid["cancelled"] = True
    assert otherwise(world, "cancel_raid", doubtful, pending) == ""
    assert otherwise(world, "cancel_raid", says, pending) == "one is pending"
