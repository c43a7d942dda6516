"""What will go wrong with Twitch is told while there is time: in the status, the panel and the metrics."""

from dataclasses import replace

import pytest

from clawcraft.panel.status import AMBER, GREEN, twitch_line
from clawcraft.secrets import Secret
from clawcraft.telemetry.metrics import Metrics
from tests.support.twitch_rig import Rig
from twitch_sim.world import TOKEN_LIFE_S


def played(rig: Rig, scenario: str) -> Rig:
    """The rig with the settings of ``scenario``, its token checked."""
    given = rig.sim.play(scenario)
    rig.settings = replace(
        rig.settings,
        twitch_client_id=given["TWITCH_CLIENT_ID"],
        twitch_oauth_token=Secret(given["TWITCH_OAUTH_TOKEN"]),
        twitch_refresh_token=Secret(given["TWITCH_REFRESH_TOKEN"]) if given["TWITCH_REFRESH_TOKEN"] else None,
        broadcaster_login=given["TWITCH_BROADCASTER_LOGIN"],
    )
    rig.start().twitch.helix("").ready()
    return rig


def codes(rig: Rig) -> set[str]:
    return {trouble["code"] for trouble in rig.twitch.status()["troubles"]}


def metrics_of(rig: Rig) -> list[str]:
    metrics = Metrics("test")
    metrics.watch_twitch(lambda: codes(rig))
    metrics.watch(token_s=lambda: rig.twitch.token_expires_in_s)
    return metrics.render().decode().splitlines()


@pytest.mark.parametrize(
    ("scenario", "code"),
    [("strangers_token", "not_the_owner"), ("dying_token", "token_ends"), ("poor_token", "missing_scope")],
)
def test_what_will_fail_later_shows_at_once_and_everywhere(rig: Rig, scenario: str, code: str) -> None:
    played(rig, scenario)
    status = rig.twitch.status()
    [trouble] = status["troubles"]
    assert trouble["code"] == code
    assert trouble["fix"]
    line = twitch_line(status)
    assert AMBER in line
    assert trouble["fix"].split(".")[0] in line
    assert f'clawcraft_twitch_trouble{{code="{code}"}} 1.0' in metrics_of(rig)


def test_a_refused_renewal_shows_an_hour_before_the_token_ends(rig: Rig) -> None:
    played(rig, "confidential")
    assert codes(rig) == set()
    rig.clock.advance(TOKEN_LIFE_S - 3600)
    rig.run("set_title", {"title": "x"})
    rig.log.wait_for("twitch_refresh_refused", 1)
    assert rig.run("set_title", {"title": "still works"})["verified"] is True
    [trouble] = rig.twitch.status()["troubles"]
    assert trouble["code"] == "renewal_refused"
    assert "missing client secret" in trouble["message"]
    assert rig.twitch.status()["expires_at"] in trouble["message"]
    assert "clawcraft_twitch_token_expires_in_seconds 3600.0" in metrics_of(rig)


def test_a_token_endpoint_that_fails_shows_while_the_token_still_works(rig: Rig) -> None:
    rig.start().run("set_title", {"title": "x"})
    rig.clock.advance(TOKEN_LIFE_S - 3600)
    rig.sim.play("unsent_refresh")
    rig.run("set_title", {"title": "x"})
    rig.log.wait_for("twitch_token_check_failed", 1)
    assert codes(rig) == {"twitch_unreachable"}


def test_where_all_is_well_there_is_no_trouble_and_renewal_is_claimed_only_once_proven(rig: Rig) -> None:
    rig.start().run("set_title", {"title": "x"})
    assert codes(rig) == set()
    assert "not tried yet" in twitch_line(rig.twitch.status())
    rig.clock.advance(TOKEN_LIFE_S)
    rig.run("set_title", {"title": "x"})
    line = twitch_line(rig.twitch.status())
    assert GREEN in line
    assert "renewed by itself" in line
    assert 'clawcraft_twitch_trouble{code="token_ends"} 0.0' in metrics_of(rig)


def test_not_connected_is_no_trouble(rig: Rig) -> None:
    rig.change(twitch_oauth_token=None, twitch_refresh_token=None).start()
    assert codes(rig) == set()
