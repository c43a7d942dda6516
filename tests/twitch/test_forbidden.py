"""The streamer forbids an action while it is at Twitch: nothing more is sent, what may have been done is not denied.

``may`` is what the streamer says by now; here it says no once an endpoint was called so often.
"""

from typing import Any

import pytest

from clawcraft.errors import ClawcraftError, PausedByOperator, Superseded, TwitchUnavailable
from clawcraft.jobs.idempotency import kept
from tests.support.twitch_rig import EFFECTS, Rig
from twitch_sim.faults import HTML_502

CALLS = {
    "set_title": "PATCH /channels",
    "set_game": "PATCH /channels",
    "post_chat_message": "POST /chat/messages",
    "create_clip": "POST /clips",
}
PATCH = "PATCH /channels"
BEFORE = "My first stream", "509658"
TITLE = "set_title", {"title": "x"}
TOO_MANY: dict[str, Any] = {"status": 429, "body": {"message": "Too Many"}, "headers": {"Retry-After": "4"}}
EXPIRED: dict[str, Any] = {"status": 401, "body": {"message": "Invalid OAuth token"}}
LOST: dict[str, Any] = {"drop": True, "applies": True}
BROKEN: dict[str, Any] = {"status": 502, "body": HTML_502, "applies": True}


def paused_after(rig: Rig, endpoint: str, calls: int, error: type[ClawcraftError] = PausedByOperator) -> None:
    def may() -> None:
        if rig.sim.world.count(endpoint) >= calls:
            raise error("the streamer has paused agent access")

    rig.may = may


def title_of(rig: Rig) -> str:
    return rig.sim.world.channels["1001"].title


def nothing_was_done(rig: Rig) -> bool:
    world = rig.sim.world
    channel = world.channels["1001"]
    return (channel.title, channel.game_id, world.chat, world.clips) == (*BEFORE, [], [])


@pytest.mark.parametrize("action", EFFECTS)
def test_after_a_pause_what_twitch_put_off_is_not_sent_again(rig: Rig, action: str) -> None:
    rig.sim.world.go_live()
    rig.start().sim.fault(CALLS[action], **TOO_MANY)
    paused_after(rig, CALLS[action], 1)
    with pytest.raises(PausedByOperator):
        rig.run(action, EFFECTS[action])
    assert rig.sim.world.count(CALLS[action]) == 1
    assert nothing_was_done(rig)


@pytest.mark.parametrize("action", EFFECTS)
def test_a_pause_before_the_first_try_has_nothing_sent(rig: Rig, action: str) -> None:
    rig.sim.world.go_live()
    paused_after(rig.start(), CALLS[action], 0)
    with pytest.raises(PausedByOperator):
        rig.run(action, EFFECTS[action])
    assert rig.sim.world.count(CALLS[action]) == 0


def test_a_pause_after_the_change_does_not_keep_its_outcome_from_being_read(rig: Rig) -> None:
    rig.start()
    paused_after(rig, PATCH, 1)
    assert rig.run(*TITLE)["verified"] is True


@pytest.mark.parametrize(
    "faults",
    [[LOST], [BROKEN], [BROKEN, TOO_MANY], [BROKEN, EXPIRED]],
    ids=["lost", "502", "502, then 429", "502, then 401"],
)
def test_what_may_have_been_done_before_the_pause_is_said_to_be_unknown(rig: Rig, faults: list[dict[str, Any]]) -> None:
    rig.start()
    for fault in faults:
        rig.sim.fault(PATCH, **fault)
    paused_after(rig, PATCH, len(faults))
    with pytest.raises(TwitchUnavailable, match="paused agent access") as raised:
        rig.run(*TITLE)
    error = raised.value
    assert not error.retryable
    assert kept(error)
    assert "not known whether it took effect" in error.hint
    assert error.details == {"endpoint": PATCH, "refusal": "paused_by_operator"}
    assert (rig.sim.world.count(PATCH), title_of(rig)) == (len(faults), "x")


def test_a_token_is_renewed_whatever_is_paused_and_the_message_is_not_sent_with_it(rig: Rig) -> None:
    rig.start().sim.fault("POST /chat/messages", **EXPIRED)
    paused_after(rig, "POST /chat/messages", 1)
    with pytest.raises(PausedByOperator):
        rig.run("post_chat_message", {"message": "x"})
    assert rig.sim.world.count("POST /oauth2/token") == 1
    assert rig.sim.world.count("POST /chat/messages") == 1


@pytest.mark.parametrize("error", [PausedByOperator, Superseded])
def test_of_title_and_game_only_what_went_out_before_is_set_and_the_error_says_so(
    rig: Rig, error: type[ClawcraftError]
) -> None:
    rig.start().sim.fault(PATCH, status=400, body={"message": "Not together."})
    paused_after(rig, PATCH, 2, error)
    with pytest.raises(error) as raised:
        rig.twitch.apply_metadata({"title": "x", "game": "Minecraft"}, rig.may)
    assert rig.sim.world.count(PATCH) == 2
    current = raised.value.details["applied"]["current"]
    assert current == {"title": "x", "game_id": BEFORE[1], "game": "Just Chatting"}
    assert raised.value.details["refused"] == "game"
