"""What each action does when Twitch does what it should."""

from typing import Any

import pytest

from clawcraft.actions.chat import DEFAULT_HINT
from clawcraft.errors import (
    ChannelNotAllowed,
    ChatMessageDropped,
    GameNotFound,
    TwitchRejected,
)
from tests.support.twitch_rig import EFFECTS, Rig
from twitch_sim.chat import ChatRules


def test_set_title_changes_reads_back_and_reports_both(rig: Rig) -> None:
    result = rig.start().run("set_title", {"title": "New title"})
    assert result == {
        "status": "updated",
        "channel": "clawstreamer",
        "broadcaster_id": "1001",
        "previous": {"title": "My first stream", "game_id": "509658", "game": "Just Chatting"},
        "current": {"title": "New title", "game_id": "509658", "game": "Just Chatting"},
        "verified": True,
    }
    assert rig.sim.world.endpoints() == [
        "GET /oauth2/validate",
        "GET /channels",
        "PATCH /channels",
        "GET /channels",
    ]


def test_title_that_twitch_squeezes_counts_as_applied(rig: Rig) -> None:
    assert rig.start().run("set_title", {"title": "  two   spaces "})["verified"] is True


def test_a_204_that_shows_late_is_read_again_until_it_shows(rig: Rig) -> None:
    rig.start().run("set_title", {"title": "First"})
    rig.sim.world.stale_reads = 3
    result = rig.run("set_title", {"title": "Second"})
    assert result["verified"] is True
    assert result["current"]["title"] == "Second"
    assert rig.sim.world.count("PATCH /channels") == 2


def test_a_204_that_never_applied_is_reported_as_not_verified(rig: Rig) -> None:
    rig.sim.world.ignored_fields = frozenset({"title", "game_id"})
    result = rig.start().run("set_title", {"title": "Never"})
    assert result["verified"] is False
    assert result["current"]["title"] == "My first stream"
    assert "warning" in result
    assert rig.sim.world.count("PATCH /channels") == 1


@pytest.mark.parametrize(("scenario", "named"), [("ignored_title", "new title"), ("ignored_game", "new game")])
def test_which_of_title_and_game_was_not_applied_is_said(rig: Rig, scenario: str, named: str) -> None:
    rig.sim.play(scenario)
    result = rig.start().twitch.apply_metadata({"title": "Never", "game": "Rust"}, rig.may)
    assert result["verified"] is False
    assert named in result["warning"]


def test_a_title_that_twitch_refuses_does_not_take_the_game_with_it(rig: Rig) -> None:
    rig.sim.play("banned_title")
    with pytest.raises(TwitchRejected, match="banned words") as raised:
        rig.start().twitch.apply_metadata({"title": "So banned", "game": "Rust"}, rig.may)
    assert raised.value.details["refused"] == "title"
    assert raised.value.details["applied"]["current"] == {
        "title": "My first stream",
        "game_id": "263490",
        "game": "Rust",
    }
    assert rig.sim.world.channels["1001"].game_id == "263490"


def test_a_channel_that_cannot_be_read_is_changed_and_what_it_showed_is_not_known(rig: Rig) -> None:
    rig.sim.play("unreadable_channel")
    result = rig.start().run("set_title", {"title": "Blind"})
    assert (result["previous"], result["current"], result["verified"]) == (None, None, False)
    assert rig.sim.world.channels["1001"].title == "Blind"


def test_a_token_that_does_not_own_the_channel_is_named_as_the_cause(rig: Rig) -> None:
    rig.change(broadcaster_login="friendlyneighbour").start()
    with pytest.raises(TwitchRejected, match="the token is that of clawstreamer") as raised:
        rig.run("set_title", {"title": "x"})
    assert "as the channel's owner" in raised.value.hint


@pytest.mark.parametrize(
    ("args", "game_id"),
    [
        ({"game": "Minecraft"}, "27471"),
        ({"game": "mineCRAFT"}, "27471"),
        ({"game": "pubg: battlegrounds"}, "493057"),
        ({"game_id": "263490"}, "263490"),
        ({"game_id": "0"}, ""),
    ],
)
def test_set_game_takes_exact_name_other_case_or_id(rig: Rig, args: dict[str, Any], game_id: str) -> None:
    result = rig.start().run("set_game", args)
    assert result["verified"] is True
    assert result["current"]["game_id"] == game_id
    assert rig.sim.world.channels["1001"].game_id == game_id


@pytest.mark.parametrize(
    ("args", "details", "hint"),
    [
        ({"game": "Minecraf Story"}, {"suggestions": ["Minecraft: Story Mode", "Minecraft"]}, "suggestions"),
        ({"game": "Qwxyz"}, {"suggestions": []}, "exact name"),
        ({"game_id": "999999999"}, {}, ""),
    ],
    ids=["a near name", "one that resembles nothing", "an unknown id"],
)
def test_a_game_that_is_not_exactly_meant_is_never_chosen(
    rig: Rig, args: dict[str, str], details: dict[str, Any], hint: str
) -> None:
    with pytest.raises(GameNotFound) as raised:
        rig.start().run("set_game", args)
    assert details.items() <= raised.value.details.items()
    assert hint in raised.value.hint
    assert rig.sim.world.count("PATCH /channels") == 0


def test_two_games_that_differ_in_case_only_are_told_apart_by_id(rig: Rig) -> None:
    with pytest.raises(GameNotFound) as raised:
        rig.start().run("set_game", {"game": "twins"})
    assert {found["game_id"] for found in raised.value.details["candidates"]} == {"1001001", "1001002"}
    assert "game_id" in raised.value.hint


def test_chat_message_is_sent_as_the_tokens_user(rig: Rig) -> None:
    reply_to = "885196de-cb67-427a-baa8-82f9b0fcd05f"
    result = rig.start().run("post_chat_message", {"message": "Hello", "reply_parent_message_id": reply_to})
    [said] = rig.sim.world.chat
    assert result == {
        "status": "sent",
        "message_id": said["message_id"],
        "channel": "clawstreamer",
        "broadcaster_id": "1001",
        "sender": "clawstreamer",
    }
    assert said["sender_id"] == "1001"
    assert said["reply_parent_message_id"] == reply_to


@pytest.mark.parametrize(
    ("drop", "shown"),
    [
        ({"code": "msg_duplicate", "message": "Too similar."}, {"code": "msg_duplicate", "message": "Too similar."}),
        ([{"code": "slow_mode", "message": "Slow."}], {"code": "slow_mode", "message": "Slow."}),
        ([], {"code": "", "message": ""}),
        (False, {"code": "", "message": ""}),
    ],
)
def test_a_dropped_message_is_a_failure_with_twitchs_reason(rig: Rig, drop: Any, shown: dict[str, str]) -> None:
    rig.sim.world.chat_drop = drop
    with pytest.raises(ChatMessageDropped) as raised:
        rig.start().run("post_chat_message", {"message": "Hello"})
    assert raised.value.details["drop_reason"] == shown
    assert raised.value.retryable is False
    assert rig.sim.world.count("POST /chat/messages") == 1


@pytest.mark.parametrize(
    ("scenario", "texts", "code", "hint"),
    [
        ("strict_chat", ("one", "two"), "msg_slowmode", "once more in a minute"),
        ("strict_chat", ("held",), "msg_rejected", "moderator"),
        ("strict_chat", ("blocked",), "msg_rejected_mandatory", "others"),
        ("busy_chat", tuple(f"message {number}" for number in range(21)), "msg_ratelimit", "half a minute"),
        ("timed_out", ("one",), "msg_timedout", "until then"),
    ],
)
def test_what_to_do_about_a_dropped_message_depends_on_why(
    rig: Rig, scenario: str, texts: tuple[str, ...], code: str, hint: str
) -> None:
    rig.sim.play(scenario)
    rig.start()
    for text in texts[:-1]:
        rig.run("post_chat_message", {"message": text})
    with pytest.raises(ChatMessageDropped) as raised:
        rig.run("post_chat_message", {"message": texts[-1]})
    assert raised.value.details["drop_reason"]["code"] == code
    assert hint in raised.value.hint


def test_a_repetition_and_a_code_nobody_knows_have_their_hints(rig: Rig) -> None:
    rig.sim.world.chat_rules = ChatRules(repeat_s=30)
    rig.start().run("post_chat_message", {"message": "same"})
    with pytest.raises(ChatMessageDropped) as raised:
        rig.run("post_chat_message", {"message": "same"})
    assert "other words" in raised.value.hint
    rig.sim.world.chat_drop = {"code": "something_new", "message": "No."}
    with pytest.raises(ChatMessageDropped) as raised:
        rig.run("post_chat_message", {"message": "x"})
    assert raised.value.hint == DEFAULT_HINT


@pytest.mark.parametrize("scenario", ["prompt", "too_long_422"])
def test_a_message_that_is_too_long_for_twitch_is_to_be_shortened(rig: Rig, scenario: str) -> None:
    rig.sim.play(scenario)
    with pytest.raises(TwitchRejected) as raised:
        rig.start().run("post_chat_message", {"message": "x" * 501})
    assert "shorter" in raised.value.hint


def test_clip_is_confirmed_once_twitch_lists_it(rig: Rig) -> None:
    rig.sim.world.go_live()
    result = rig.start().run("create_clip", {"title": "What a move", "duration": 20.5})
    [clip] = rig.sim.world.clips
    assert result["status"] == "created"
    assert result["clip_id"] == clip.id
    assert result["url"] == f"https://clips.twitch.tv/{clip.id}"
    assert result["edit_url"] == f"https://clips.twitch.tv/{clip.id}/edit"
    assert (result["confirmed"], result["title"], result["duration_s"]) == (True, "What a move", 20.5)
    assert rig.sim.world.count("POST /clips") == 1


def test_clip_that_does_not_appear_is_created_but_not_confirmed(rig: Rig) -> None:
    rig.sim.play("lost_clips")
    rig.sim.world.go_live()
    began = rig.clock.monotonic()
    result = rig.start().run("create_clip")
    assert result["confirmed"] is False
    assert "twitch.get_clip" in result["check_later"]
    assert result["url"].endswith(result["clip_id"])
    assert rig.clock.monotonic() - began < rig.settings.action_timeout_s
    assert rig.sim.world.count("POST /clips") == 1


def test_confirming_a_clip_survives_a_twitch_that_fails_meanwhile(rig: Rig) -> None:
    rig.sim.world.go_live()
    rig.sim.fault("GET /clips", times=3, status=500, body="<html>")
    assert rig.start().run("create_clip")["confirmed"] is True


def test_a_strangers_channel_is_refused_before_any_effect(rig: Rig) -> None:
    rig.start()
    for action, args in EFFECTS.items():
        with pytest.raises(ChannelNotAllowed):
            rig.run(action, {**args, "channel": "Stranger"})
    assert set(rig.sim.world.endpoints()) == {"GET /oauth2/validate"}


def test_own_channel_may_be_named_in_any_case(rig: Rig) -> None:
    rig.start().run("post_chat_message", {"message": "x", "channel": "ClawStreamer"})
    assert rig.sim.world.chat[0]["broadcaster_id"] == "1001"


def test_an_allowlisted_channel_is_looked_up_once_and_used(rig: Rig) -> None:
    rig.change(allowed_channels=("friendlyneighbour",)).start()
    for text in ("one", "two"):
        result = rig.run("post_chat_message", {"message": text, "channel": "FriendlyNeighbour"})
    assert (result["channel"], result["sender"]) == ("friendlyneighbour", "clawstreamer")
    assert [said["broadcaster_id"] for said in rig.sim.world.chat] == ["1002", "1002"]
    assert rig.sim.world.count("GET /users") == 1


@pytest.mark.parametrize("setting", [{"broadcaster_id": "1002"}, {"broadcaster_login": "friendlyneighbour"}])
def test_configured_broadcaster_comes_before_the_tokens_own(rig: Rig, setting: dict[str, str]) -> None:
    rig.change(**setting).start()
    assert rig.run("post_chat_message", {"message": "x"})["channel"] == "friendlyneighbour"
    assert rig.run("post_chat_message", {"message": "x", "channel": "friendlyneighbour"})["broadcaster_id"] == "1002"
    with pytest.raises(ChannelNotAllowed):
        rig.run("post_chat_message", {"message": "x", "channel": "clawstreamer"})
