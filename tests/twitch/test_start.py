"""What a start of the stream asks of Twitch: channel, title and game before, live or not afterwards."""

from types import SimpleNamespace

import pytest

from clawcraft.errors import ChannelNotAllowed, ClawcraftError, Interrupted, TwitchNotConfigured, TwitchUnavailable
from clawcraft.twitch.live_check import Expected
from tests.support.twitch_rig import Rig


def unseen(*_: object) -> None:
    """The progress of a job that nobody looks at."""


def test_title_and_game_go_out_in_one_change(rig: Rig) -> None:
    rig.start()
    result = rig.twitch.apply_metadata({"title": "Tonight", "game": "minecraft", "obs_scene": "Main"}, rig.may)
    assert result["current"] == {"title": "Tonight", "game_id": "27471", "game": "Minecraft"}
    assert result["verified"] is True
    [patch] = [call for call in rig.sim.world.calls if call.endpoint == "PATCH /channels"]
    assert dict(patch.body) == {"title": "Tonight", "game_id": "27471"}


def test_a_start_without_title_and_game_asks_twitch_nothing(rig: Rig) -> None:
    assert rig.twitch.apply_metadata({"obs_scene": "Main", "channel": "clawstreamer"}, rig.may) == {}
    assert rig.sim.world.endpoints() == []


def test_live_is_confirmed_as_soon_as_helix_shows_it(rig: Rig) -> None:
    rig.sim.world.live_delay_s = 61
    rig.sim.world.go_live()
    seen: list[tuple[int, str]] = []
    result = rig.start().twitch.wait_until_live(lambda *shown: seen.append(shown))
    assert result["live"] is True
    assert 61 <= result["waited_s"] <= 64
    assert result["started_at"] == "2026-05-28T20:26:40Z"
    percents = [percent for percent, _ in seen]
    assert percents == sorted(percents)
    assert percents[0] == 80
    assert percents[-1] <= 99
    assert "61 s" in seen[-1][1] or "63 s" in seen[-1][1]


def test_a_stream_that_has_ended_and_is_still_listed_is_not_taken_for_the_new_one(rig: Rig) -> None:
    rig.sim.play("ended_still_listed")
    before = rig.start().twitch.listed_stream()
    assert before
    rig.sim.world.go_live()
    result = rig.twitch.wait_until_live(unseen, expected=Expected(0.0, before))
    assert result["live"] is True
    assert result["waited_s"] >= 90


def test_an_old_stream_is_told_by_its_age_where_nobody_looked_before_the_start(rig: Rig) -> None:
    rig.sim.world.go_live()
    rig.clock.advance(600)
    rig.sim.world.offline_delay_s = 150
    rig.sim.world.go_offline()
    result = rig.start().twitch.wait_until_live(unseen, expected=Expected(5.0))
    assert result["live"] is False
    rig.sim.world.go_live()
    rig.clock.advance(3600)
    # The streamer's own stream, which the agent finds on air.
    assert rig.twitch.wait_until_live(unseen, expected=Expected(3600.0))["live"] is True


def test_a_clock_of_this_machine_that_is_wrong_does_not_matter(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    right = rig.clock.time
    monkeypatch.setattr(rig.sim.world, "clock", SimpleNamespace(time=right))
    monkeypatch.setattr(rig.clock, "time", lambda: right() - 86_400)
    rig.sim.world.go_live()
    assert rig.start().twitch.wait_until_live(unseen, expected=Expected(0.0))["live"] is True


def test_what_is_listed_is_nothing_where_twitch_does_not_say(rig: Rig) -> None:
    rig.sim.world.go_live()
    rig.sim.fault("GET /streams", times=9, status=500, body="<html>")
    assert rig.start().twitch.listed_stream() == ""


def test_after_180_s_not_live_is_a_warning_and_no_failure(rig: Rig) -> None:
    began = rig.clock.monotonic()
    result = rig.start().twitch.wait_until_live(unseen)
    assert result["live"] is False
    assert "does not show the channel live" in result["warning"]
    assert 175 <= rig.clock.monotonic() - began <= 181
    assert rig.sim.world.count("GET /streams") <= 60


def test_waiting_for_live_bears_with_a_twitch_that_fails(rig: Rig) -> None:
    rig.sim.world.go_live()
    rig.sim.fault("GET /streams", times=7, status=500, body="<html>")
    assert rig.start().twitch.wait_until_live(unseen)["live"] is True


@pytest.mark.parametrize("how", ["revoked", "not configured"])
def test_waiting_for_live_ends_at_once_when_it_is_hopeless(rig: Rig, how: str) -> None:
    if how == "revoked":
        rig.sim.world.revoke_all()
    else:
        rig.change(twitch_oauth_token=None, twitch_refresh_token=None)
    result = rig.start().twitch.wait_until_live(unseen)
    assert result["live"] is False
    assert result["waited_s"] == 0


@pytest.mark.parametrize("shown", [False, True])
def test_a_stream_that_is_over_in_obs_is_not_waited_for_nor_called_live(rig: Rig, shown: bool) -> None:
    rig.sim.world.live_delay_s = 31 if shown else 10_000
    rig.sim.world.go_live()
    began_s = rig.clock.monotonic()
    result = rig.start().twitch.wait_until_live(unseen, is_over=lambda: rig.clock.monotonic() - began_s >= 30)
    assert (result["live"], 30 <= result["waited_s"] < 33) == (False, True)
    assert "ended in OBS" in result["warning"]


def test_what_progress_raises_ends_the_wait(rig: Rig) -> None:
    def progress(*_: object) -> None:
        raise Interrupted("OBS closes")

    with pytest.raises(Interrupted):
        rig.start().twitch.wait_until_live(progress)


# --- which channel a start or stop may name -------------------------------------------------------------------------


def test_own_channel_and_allowlisted_ones_pass_without_a_call(rig: Rig) -> None:
    rig.change(allowed_channels=("friendlyneighbour",)).start().twitch.helix("").ready()
    rig.sim.world.calls.clear()
    rig.twitch.check_channel("ClawStreamer")
    rig.twitch.check_channel("FriendlyNeighbour")
    with pytest.raises(ChannelNotAllowed):
        rig.twitch.check_channel("stranger")
    assert rig.sim.world.endpoints() == []


def test_the_configured_login_decides_without_credentials(rig: Rig) -> None:
    rig.change(twitch_oauth_token=None, twitch_refresh_token=None, broadcaster_login="clawstreamer").start()
    rig.twitch.check_channel("clawstreamer")
    with pytest.raises(ChannelNotAllowed):
        rig.twitch.check_channel("stranger")


def test_without_credentials_and_settings_nobody_knows_the_own_channel(rig: Rig) -> None:
    rig.change(twitch_oauth_token=None, twitch_refresh_token=None).start()
    with pytest.raises(TwitchNotConfigured):
        rig.twitch.check_channel("clawstreamer")


def test_a_configured_id_is_looked_up_once(rig: Rig) -> None:
    rig.change(broadcaster_id="1002").start()
    rig.twitch.check_channel("friendlyneighbour")
    rig.twitch.check_channel("friendlyneighbour")
    with pytest.raises(ChannelNotAllowed):
        rig.twitch.check_channel("clawstreamer")
    assert rig.sim.world.count("GET /users") == 1


def test_a_channel_that_only_twitch_could_tell_is_unknown_while_twitch_fails(rig: Rig) -> None:
    rig.sim.fault("*", times=99, status=500, body="<html>")
    with pytest.raises(TwitchUnavailable):
        rig.start().twitch.check_channel("clawstreamer")


def test_a_configured_channel_that_does_not_exist_is_a_matter_of_the_settings(rig: Rig) -> None:
    rig.change(broadcaster_id="999").start()
    with pytest.raises(ClawcraftError) as raised:
        rig.run("set_title", {"title": "x"})
    assert raised.value.code == "twitch_not_configured"
    assert "TWITCH_BROADCASTER_ID" in raised.value.hint
