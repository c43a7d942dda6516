"""The actions of a show beside title, chat and clips: what each does, what Twitch's refusals become, and the limits."""

from typing import Any

import pytest

from clawcraft.actions.catalogue import ACTIONS, BY_NAME, Kind, Policy
from clawcraft.errors import (
    ChannelNotAllowed,
    ChannelOffline,
    ClawcraftError,
    RateLimited,
    TwitchMissingScope,
    TwitchRejected,
    TwitchUnavailable,
)
from clawcraft.settings import Settings
from tests.support.examples import EXAMPLES
from tests.support.settings import make_settings
from tests.support.twitch_rig import Rig
from tests.support.waiting import wait_until
from twitch_sim.show import AD_PAUSE_S, RAID_S, SAME_SHOUTOUT_S, SHOUTOUT_S

LATER = [action.key for action in ACTIONS if action.policy is Policy.OFF and action.name.startswith("twitch.")]
EFFECTS = {
    "create_marker": "POST /streams/markers",
    "set_tags": "PATCH /channels",
    "set_labels": "PATCH /channels",
    "announce": "POST /chat/announcements",
    "shoutout": "POST /chat/shoutouts",
    "raid": "POST /raids",
    "cancel_raid": "DELETE /raids",
    "run_ad": "POST /channels/commercial",
    "snooze_ad": "POST /channels/ads/schedule/snooze",
    "create_poll": "POST /polls",
    "get_clip": "GET /clips",
    "end_poll": "PATCH /polls",
}
REPEATED = {"set_tags", "set_labels", "cancel_raid", "get_clip"}
"""What may be sent again when an answer is lost."""
POLL = EXAMPLES["twitch.create_poll"]


@pytest.fixture
def live(rig: Rig) -> Rig:
    rig.sim.world.go_live()
    rig.sim.world.show.next_ad_at = rig.clock.time() + 600
    rig.start()
    # Else the first check of the token may be under way while a test moves the clock, past its deadline.
    wait_until(lambda: rig.twitch.status()["state"] == "ok", "the token is checked")
    return rig


def refusal(rig: Rig, action: str, args: dict[str, Any] | None = None) -> ClawcraftError:
    with pytest.raises(ClawcraftError) as raised:
        rig.run(action, EXAMPLES[f"twitch.{action}"] if args is None else args)
    assert raised.value.hint
    return raised.value


# --- what each does -------------------------------------------------------------------------------------------------


def test_a_marker_is_set_where_the_stream_is(live: Rig) -> None:
    live.clock.advance(75)
    result = live.run("create_marker", {"description": "the boss fight"})
    [marker] = live.sim.world.show.markers
    assert result == {
        "status": "created",
        "marker_id": marker["id"],
        "position_s": 75,
        "created_at": marker["created_at"],
        "description": "the boss fight",
        "channel": "clawstreamer",
    }
    assert live.run("create_marker")["description"] == ""


def test_tags_are_replaced_and_read_back(rig: Rig) -> None:
    rig.start().run("set_tags", {"tags": ["English", "Übung"]})
    assert rig.run("set_tags", {"tags": ["chill"]}) == {
        "status": "updated",
        "previous_tags": ["English", "Übung"],
        "tags": ["chill"],
        "verified": True,
        "channel": "clawstreamer",
    }
    assert rig.run("set_tags", {"tags": []})["tags"] == []
    assert rig.sim.world.channels["1001"].title == "My first stream"


def test_labels_are_replaced_and_what_twitch_sets_by_the_category_is_left_out(rig: Rig) -> None:
    rig.sim.world.show.labels["1001"] = ["MatureGame", "Gambling"]
    result = rig.start().run("set_labels", {"labels": ["SexualThemes", "ProfanityVulgarity"]})
    assert (result["previous_labels"], result["verified"]) == (["Gambling"], True)
    assert sorted(result["labels"]) == ["ProfanityVulgarity", "SexualThemes"]
    assert rig.run("set_labels", {"labels": []})["labels"] == []
    assert rig.sim.world.show.labels["1001"] == ["MatureGame"]


@pytest.mark.parametrize(("action", "shown"), [("set_tags", "tags"), ("set_labels", "labels")])
def test_lists_that_twitch_does_not_show_are_not_verified(rig: Rig, action: str, shown: str) -> None:
    unchanged = {"data": [{"tags": ["old"], "content_classification_labels": ["Gambling"]}]}
    rig.sim.fault("GET /channels", times=9, status=200, body=unchanged)
    result = rig.start().run(action, {shown: []})
    assert (result["verified"], bool(result["warning"])) == (False, True)
    assert result[shown] == result[f"previous_{shown}"] != []
    assert rig.sim.world.count("PATCH /channels") == 1


def test_tags_are_set_although_the_old_ones_cannot_be_read(rig: Rig) -> None:
    rig.sim.fault("GET /channels", times=3, status=500)
    result = rig.start().run("set_tags", {"tags": ["chill"]})
    assert (result["previous_tags"], result["tags"], result["verified"]) == (None, ["chill"], True)


def test_an_announcement_has_its_colour_and_is_made_by_the_tokens_user(rig: Rig) -> None:
    assert rig.start().run("announce", {"message": "We begin", "colour": "purple"}) == {
        "status": "sent",
        "colour": "purple",
        "channel": "clawstreamer",
    }
    assert rig.run("announce", {"message": "Again"})["colour"] == "primary"
    assert rig.sim.world.show.announcements == [
        {"message": "We begin", "color": "purple"},
        {"message": "Again", "color": "primary"},
    ]


def test_a_shoutout_goes_to_the_channel_of_that_login(live: Rig) -> None:
    result = live.run("shoutout", {"target": "FriendlyNeighbour"})
    assert result == {"status": "sent", "target": "friendlyneighbour", "channel": "clawstreamer"}
    assert [target for _, target in live.sim.world.show.shoutouts] == ["1002"]


def test_a_raid_is_pending_and_can_be_cancelled_until_it_goes(live: Rig) -> None:
    result = live.run("raid", {"target": "FriendlyNeighbour"})
    assert (result["status"], result["target"], result["goes_after_s"]) == ("pending", "friendlyneighbour", 90)
    live.clock.advance(RAID_S - 1)
    assert live.run("cancel_raid")["status"] == "cancelled"
    assert live.run("cancel_raid")["status"] == "no_raid_pending"
    live.run("raid", {"target": "friendlyneighbour"})
    live.clock.advance(RAID_S)
    late = live.run("cancel_raid")
    assert (late["status"], "may have gone" in late["warning"]) == ("no_raid_pending", True)
    assert [raid["cancelled"] for raid in live.sim.world.show.raids] == [True, False]


@pytest.mark.parametrize("lost", [{"drop": True}, {"status": 502}], ids=["no answer", "502"])
def test_a_raid_whose_cancellation_was_not_answered_is_told_as_not_pending(live: Rig, lost: dict[str, Any]) -> None:
    live.run("raid", {"target": "friendlyneighbour"})
    live.sim.fault("DELETE /raids", applies=True, **lost)
    result = live.run("cancel_raid")
    assert (result["status"], "may have cancelled" in result["warning"]) == ("no_raid_pending", True)
    assert live.sim.world.count("DELETE /raids") == 2


def test_an_ad_tells_its_length_and_when_the_next_may_be(live: Rig) -> None:
    assert live.run("run_ad", {"length": 90}) == {
        "status": "started",
        "length_s": 90,
        "retry_after_s": AD_PAUSE_S,
        "message": "",
        "channel": "clawstreamer",
    }


def test_a_snooze_tells_when_the_ad_comes_and_what_is_left(live: Rig) -> None:
    result = live.run("snooze_ad")
    assert (result["status"], result["snooze_count"]) == ("snoozed", 2)
    assert result["next_ad_at"] == str(int(live.clock.time() + 900))


def test_a_poll_is_created_ended_and_its_votes_are_told(rig: Rig) -> None:
    rig.sim.world.show.votes = (7, 2)
    created = rig.start().run("create_poll", POLL)
    assert (created["status"], created["duration_s"], created["title"]) == ("running", 60, "Which boss?")
    ended = rig.run("end_poll")
    assert ended == {
        "status": "ended",
        "poll_id": created["poll_id"],
        "title": "Which boss?",
        "choices": [{"title": "this", "votes": 7}, {"title": "that", "votes": 2}],
        "channel": "clawstreamer",
    }
    assert rig.run("end_poll", {"poll_id": created["poll_id"]}) == {**ended, "status": "already_ended"}
    assert rig.sim.world.count("PATCH /polls") == 1


def test_a_poll_can_be_ended_without_its_result(rig: Rig) -> None:
    rig.start().run("create_poll", POLL)
    rig.run("end_poll", {"show_result": False})
    assert rig.sim.world.show.polls[0].ended == "ARCHIVED"


def test_a_poll_whose_time_runs_out_meanwhile_has_ended(rig: Rig) -> None:
    rig.start().run("create_poll", POLL)
    running = {"data": [{"id": rig.sim.world.show.polls[0].id, "status": "ACTIVE"}]}
    rig.clock.advance(60)
    rig.sim.fault("GET /polls", status=200, body=running)
    assert rig.run("end_poll")["status"] == "already_ended"


def test_a_clip_is_looked_up_until_twitch_has_it(live: Rig) -> None:
    live.sim.play("late_clips")
    clip_id = live.run("create_clip", {"title": "What a move"})["clip_id"]
    first = live.run("get_clip", {"clip_id": clip_id})
    assert (first["status"], first["confirmed"], bool(first["warning"])) == ("unconfirmed", False, True)
    live.clock.advance(60)
    found = live.run("get_clip", {"clip_id": clip_id})
    assert (found["status"], found["confirmed"], found["title"]) == ("confirmed", True, "What a move")
    assert first["url"] == found["url"] == f"https://clips.twitch.tv/{clip_id}"


def test_a_clip_of_another_channel_is_not_shown(live: Rig) -> None:
    live.run("create_clip")
    live.clock.advance(60)
    [clip] = live.sim.world.clips
    clip.broadcaster_id = "1003"
    assert isinstance(refusal(live, "get_clip", {"clip_id": clip.id}), ChannelNotAllowed)


# --- what Twitch refuses --------------------------------------------------------------------------------------------


def test_what_needs_a_live_channel_says_so(rig: Rig) -> None:
    assert isinstance(refusal(rig.start(), "create_marker"), ChannelOffline)


@pytest.mark.parametrize(
    ("action", "args", "change", "status", "hint"),
    [
        ("run_ad", None, {"affiliate": False}, 400, "affiliate"),
        ("snooze_ad", None, {"next_ad_at": None}, 400, "no ad ahead"),
        ("create_poll", None, {"affiliate": False}, 403, "affiliates"),
        ("end_poll", {"poll_id": "no-such-poll"}, {}, 404, "poll_id"),
        ("raid", None, {"no_raids": ("friendlyneighbour",)}, 400, "takes no raids"),
        ("raid", {"target": "clawstreamer"}, {}, 400, "itself"),
        ("shoutout", {"target": "clawstreamer"}, {}, 400, "another one"),
        ("set_tags", {"tags": ["Ünï", "ünï"]}, {}, 400, "word it anew"),
    ],
)
def test_a_refusal_of_twitch_has_its_words_and_a_hint(
    live: Rig, action: str, args: dict[str, Any] | None, change: dict[str, Any], status: int, hint: str
) -> None:
    for name, value in change.items():
        setattr(live.sim.world.show, name, value)
    error = refusal(live, action, args)
    assert isinstance(error, TwitchRejected)
    assert (error.details["twitch_status"], bool(error.details["twitch_message"])) == (status, True)
    assert hint in error.hint
    assert error.retryable is False


def test_one_raid_and_one_poll_at_a_time(live: Rig) -> None:
    for action, status in (("raid", 409), ("create_poll", 400)):
        live.run(action, EXAMPLES[f"twitch.{action}"])
        assert refusal(live, action).details["twitch_status"] == status


def test_an_offline_channel_has_neither_ads_nor_shoutouts(rig: Rig) -> None:
    rig.start()
    for action in ("run_ad", "snooze_ad", "shoutout"):
        error = refusal(rig, action)
        assert (error.code, "live" in error.hint) == ("twitch_rejected", True)


@pytest.mark.parametrize("action", ["shoutout", "raid"])
def test_a_login_that_twitch_does_not_know_is_refused_before_any_effect(live: Rig, action: str) -> None:
    error = refusal(live, action, {"target": "nobody_at_all"})
    assert (error.code, error.details["target"]) == ("twitch_rejected", "nobody_at_all")
    assert live.sim.world.count(EFFECTS[action]) == 0


def test_a_channel_that_never_had_a_poll_has_none_to_end(rig: Rig) -> None:
    assert "no poll" in refusal(rig.start(), "end_poll", {}).message


# --- limits ---------------------------------------------------------------------------------------------------------


def test_the_same_channel_gets_one_shoutout_an_hour(live: Rig) -> None:
    live.run("shoutout", {"target": "friendlyneighbour"})
    live.clock.advance(SAME_SHOUTOUT_S - 100)
    error = refusal(live, "shoutout", {"target": "FriendlyNeighbour"})
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == pytest.approx(100)
    assert live.sim.world.count("POST /chat/shoutouts") == 1
    live.run("shoutout", {"target": "stranger"})
    live.clock.advance(max(100, SHOUTOUT_S))
    live.run("shoutout", {"target": "friendlyneighbour"})


def test_a_limit_of_twitchs_own_is_told_as_one(live: Rig) -> None:
    live.run("shoutout", {"target": "friendlyneighbour"})
    early = refusal(live, "shoutout", {"target": "stranger"})
    assert isinstance(early, RateLimited)
    assert (early.retry_after_s, "2 minutes" in early.hint) == (120.0, True)
    general = {"status": 429, "headers": {"Ratelimit-Remaining": "0", "Ratelimit-Reset": str(live.clock.time() + 59)}}
    live.sim.fault("POST /chat/shoutouts", **general)
    assert isinstance(refusal(live, "shoutout", {"target": "stranger"}), TwitchUnavailable)
    live.sim.world.show.snoozes = 0
    assert isinstance(refusal(live, "snooze_ad"), RateLimited)


def test_the_limits_are_twitchs_own_unless_the_streamer_sets_others() -> None:
    def limits(settings: Settings) -> dict[str, tuple[float, int]]:
        found = {name: settings.limit(BY_NAME[f"twitch.{name}"]) for name in ("announce", "shoutout", "raid")}
        return {name: (limit.per_min, limit.burst) for name, limit in found.items()}

    assert limits(make_settings()) == {"announce": (30, 1), "shoutout": (0.5, 1), "raid": (1, 1)}
    own = make_settings(own_rate_limits={"twitch.shoutout": 5})
    assert limits(own)["shoutout"] == (5, 1)


# --- what holds for all of them ---------------------------------------------------------------------------------------


def prepared(rig: Rig, action: str) -> dict[str, Any]:
    """Arguments with which ``action`` works now."""
    if action == "cancel_raid":
        rig.run("raid", EXAMPLES["twitch.raid"])
    if action == "end_poll":
        rig.run("create_poll", POLL)
    return EXAMPLES[f"twitch.{action}"]


@pytest.mark.parametrize("action", LATER)
def test_nothing_is_sent_twice_unless_twice_is_the_same_as_once(live: Rig, action: str) -> None:
    args = prepared(live, action)
    before = live.sim.world.count(EFFECTS[action])
    live.sim.fault(EFFECTS[action], drop=True, applies=True)
    if action in REPEATED:
        live.run(action, args)
    else:
        error = refusal(live, action, args)
        assert isinstance(error, TwitchUnavailable)
        assert error.retryable is False
    assert live.sim.world.count(EFFECTS[action]) - before == 1 + (action in REPEATED)


@pytest.mark.parametrize(
    ("action", "scope"), [(each.key, each.scope) for each in ACTIONS if each.scope and each.kind is Kind.SYNC]
)
def test_a_missing_scope_is_named_before_any_call(rig: Rig, action: str, scope: str) -> None:
    rig.token.scopes = tuple(found for found in rig.token.scopes if found != scope)
    rig.policies[f"twitch.{action}"] = Policy.ALLOW
    error = refusal(rig.start(), action)
    assert isinstance(error, TwitchMissingScope)
    assert (error.details["missing"], error.details["action"]) == ([scope], f"twitch.{action}")
    assert rig.sim.world.endpoints() == ["GET /oauth2/validate"]
    [missing] = rig.twitch.status()["scopes_missing"]
    assert (missing["scope"], f"twitch.{action}" in missing["blocks"]) == (scope, True)


def test_what_is_off_is_no_missing_scope_and_counts_at_once_when_it_is_on(rig: Rig) -> None:
    rig.token.scopes = ("channel:manage:broadcast", "clips:edit", "user:write:chat")
    rig.start().run("set_title", {"title": "x"})
    assert rig.twitch.status()["scopes_missing"] == []
    rig.policies["twitch.raid"] = Policy.ASK
    assert rig.twitch.status()["scopes_missing"] == [{"scope": "channel:manage:raids", "blocks": ["twitch.raid"]}]
    rig.policies["twitch.create_clip"] = Policy.OFF
    rig.policies["twitch.raid"] = Policy.OFF
    rig.token.scopes = ()
    assert rig.twitch.status()["scopes_missing"] == []
