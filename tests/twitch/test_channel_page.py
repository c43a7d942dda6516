"""``GET /channel``: what Twitch shows, how old it is, and what a Twitch that fails or hangs costs."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from clawcraft.errors import Stopping, TwitchNotConfigured
from clawcraft.secrets import Secret
from clawcraft.twitch.channel_sections import SECTIONS
from clawcraft.twitch.helix import Helix
from tests.support.responses import fits
from tests.support.twitch_rig import Rig
from tests.support.waiting import HANG_S
from twitch_sim.world import ALL_SCOPES, CLIENT_ID

NAMES = tuple(section.name for section in SECTIONS)
SOON = ["GET /channels", "GET /streams", "GET /channels/ads"]
READS = [*SOON, "GET /videos", "GET /clips", "GET /clips"]


@pytest.fixture
def show(rig: Rig) -> Rig:
    """A running service."""
    rig.start()
    rig.log.wait_for("twitch_connected")  # a page that is read before says that it has no token yet
    return rig


def page(rig: Rig, wait_s: float = HANG_S) -> dict[str, Any]:
    """What is there, as the endpoint answers it; its form is checked."""
    found = rig.twitch.page.read(wait_s)
    assert fits("channel", {"ok": True, **found})
    return found


def reads(rig: Rig) -> list[str]:
    return [endpoint for endpoint in rig.sim.world.endpoints() if "oauth2" not in endpoint]


def test_a_live_channel_with_all_its_sections(show: Rig) -> None:
    now_s, shelf = show.clock.time(), show.sim.world.shelf
    show.sim.world.go_live()
    shelf.add_video("v1", now_s - 86_400)
    shelf.add_video("v2", now_s)
    shelf.add_clip("old", now_s - 900)
    shelf.add_clip("new", now_s - 60, creator_name="Fan")
    ads = {
        "next_ad_at": int(now_s) + 300,
        "duration": 60,
        "last_ad_at": 0,
        "preroll_free_time": "90",
        "snooze_count": 2,
    }
    shelf.ads = ads
    show.clock.advance(100)
    found = page(show)
    assert found["broadcaster"] == {"login": "clawstreamer", "id": "1001"}
    assert found["channel"] == {
        "as_of": "2026-05-28T20:28:20.000Z",
        "age_s": 0,
        "data": {"title": "My first stream", "game_id": "509658", "game": "Just Chatting", "tags": []},
    }
    stream = found["stream"]["data"]
    assert (stream["live"], stream["uptime_s"], stream["viewers"]) == (True, 100, 0)
    assert stream["started_at"] == "2026-05-28T20:26:40Z"
    assert found["next_ad"]["data"] == {
        "next_ad_at": "2026-05-28T20:31:40.000Z",
        "duration_s": 60,
        "last_ad_at": None,
        "preroll_free_s": 90,
        "snoozes_left": 2,
        "next_ad_in_s": 200,
    }
    vod, clip = found["latest_vod"]["data"], found["latest_clip"]["data"]
    assert (vod["id"], vod["duration_s"], vod["url"]) == ("v2", 11_313, "https://www.twitch.tv/videos/v2")
    assert (clip["id"], clip["creator"], clip["duration_s"]) == ("new", "Fan", 12.9)


def test_a_channel_where_nothing_is_says_so_without_an_error(show: Rig) -> None:
    found = page(show)
    assert found["stream"]["data"] == {
        "live": False, "stream_id": None, "started_at": None, "viewers": None, "uptime_s": None
    }  # fmt: skip
    for name in ("latest_vod", "latest_clip"):
        assert (found[name]["data"], found[name]["age_s"]) == (None, 0)
        assert "error" not in found[name]
    assert found["next_ad"]["error"]["code"] == "twitch_rejected"


def test_without_the_scope_the_ads_are_not_asked_for_and_missed_by_name(rig: Rig) -> None:
    rig.token.scopes = tuple(scope for scope in ALL_SCOPES if scope != "channel:read:ads")
    found = page(rig.start())
    assert found["next_ad"]["data"] is None
    assert found["next_ad"]["missing"]["scope"] == "channel:read:ads"
    assert "GET /channels/ads" not in reads(rig)
    assert "error" not in found["channel"]
    assert rig.twitch.status()["scopes_missing"] == []


def test_the_newest_clip_is_found_behind_those_that_were_seen_more(show: Rig) -> None:
    shelf, now_s = show.sim.world.shelf, show.clock.time()
    shelf.page = 2
    for number in range(5):
        shelf.add_clip(f"seen-{number}", now_s - 7200 + number)
    shelf.add_clip("newest", now_s - 5)
    assert page(show)["latest_clip"]["data"]["id"] == "newest"
    assert show.sim.world.count("GET /clips") == 3


def test_a_clip_of_this_week_counts_where_today_has_none(show: Rig) -> None:
    day_s = 86_400
    for clip_id, days in (("last-month", 30), ("tuesday", 3), ("monday", 4)):
        show.sim.world.shelf.add_clip(clip_id, show.clock.time() - days * day_s)
    assert page(show)["latest_clip"]["data"]["id"] == "tuesday"


def test_what_was_read_counts_for_ten_seconds_and_a_recording_for_a_minute(rig: Rig) -> None:
    rig.start()
    page(rig)
    assert reads(rig) == READS
    rig.clock.advance(9.9)
    assert page(rig)["channel"]["age_s"] == 9.9
    assert reads(rig) == READS
    rig.clock.advance(0.1)
    found = page(rig)
    assert (found["channel"]["age_s"], found["latest_vod"]["age_s"]) == (0, 10)
    assert reads(rig) == [*READS, *SOON]
    rig.clock.advance(50)
    page(rig)
    assert reads(rig) == [*READS, *SOON, *READS]


def test_a_crowd_costs_one_refresh(rig: Rig) -> None:
    rig.start()
    together = threading.Barrier(40)

    def one(_: int) -> str:
        together.wait()
        return str(page(rig)["channel"]["data"]["title"])

    with ThreadPoolExecutor(40) as pool:
        assert set(pool.map(one, range(40))) == {"My first stream"}
    assert reads(rig) == READS


def test_an_action_is_never_followed_by_what_was_before_it(rig: Rig) -> None:
    rig.start()
    page(rig)
    rig.run("set_title", {"title": "Changed"})
    assert page(rig)["channel"]["data"]["title"] == "Changed"


def test_a_twitch_that_hangs_holds_nobody_and_what_was_known_is_told_with_its_age(rig: Rig) -> None:
    rig.start()
    page(rig)
    rig.clock.advance(30)
    rig.sim.fault("GET /channels", hang=True, times=99)
    for _ in range(20):
        found = page(rig, 0.0)
    assert (found["channel"]["age_s"], found["channel"]["data"]["title"]) == (30, "My first stream")
    rig.sim.world.wait_for("GET /channels", 2)
    assert rig.sim.world.count("GET /channels") == 2
    rig.close()
    with pytest.raises(Stopping):
        rig.twitch.page.read(0.0)


def test_before_twitch_has_answered_each_section_says_that(rig: Rig) -> None:
    rig.sim.fault("GET /oauth2/validate", hang=True, times=99)
    found = page(rig.start(), 0.0)
    assert found["broadcaster"] is None
    for name in NAMES:
        assert (found[name]["data"], found[name]["as_of"]) == (None, None)
        assert found[name]["error"]["code"] == "twitch_unavailable"
        assert found[name]["error"]["retryable"] is True


def test_a_section_that_fails_keeps_what_was_known_and_spoils_no_other(show: Rig) -> None:
    page(show)
    show.clock.advance(60)
    show.sim.fault("GET /streams", status=400, body={"message": "no"})
    found = page(show)
    assert found["stream"]["error"]["details"]["twitch_message"] == "no"
    assert (found["stream"]["data"]["live"], found["stream"]["age_s"]) == (False, 60)
    assert [found[name]["age_s"] for name in ("channel", "latest_vod", "latest_clip")] == [0, 0, 0]
    show.clock.advance(10)
    assert "error" not in page(show)["stream"]


def test_a_defect_of_one_section_is_an_incident_and_ends_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.start()
    rig.sim.fault("GET /clips", status=200, body={"data": [{"created_at": "never"}], "pagination": 7})
    assert page(rig)["latest_clip"]["data"]["created_at"] == "never"
    read = Helix.read

    def broken(helix: Helix, path: str, params: dict[str, str]) -> Any:
        return 1 / 0 if path == "streams" else read(helix, path, params)

    monkeypatch.setattr(Helix, "read", broken)
    rig.clock.advance(10)
    found = page(rig)
    assert found["stream"]["error"]["code"] == "internal_error"
    assert found["channel"]["age_s"] == 0
    assert len(rig.log.named("incident")) == 1


@pytest.mark.parametrize(
    "value", [10**400, -1, 1e400, "x", None, True, [], "9" * 300, "0001-01-01", "9999-12-31T23:59:59Z"]
)
def test_figures_that_are_none_are_null(show: Rig, value: object) -> None:
    names = ("next_ad_at", "duration", "last_ad_at", "preroll_free_time", "snooze_count")
    show.sim.world.shelf.ads = dict.fromkeys(names, value)
    show.sim.fault("GET /streams", status=200, body={"data": [{"viewer_count": value, "started_at": value}]})
    show.sim.fault("GET /videos", status=200, body={"data": [{"duration": value, "view_count": value}]})
    found = page(show)
    assert set(found["next_ad"]["data"].values()) == {None}
    assert (found["stream"]["data"]["viewers"], found["stream"]["data"]["uptime_s"]) == (None, None)
    assert (found["latest_vod"]["data"]["duration_s"], found["latest_vod"]["data"]["views"]) == (None, None)


def test_tags_come_clean_and_at_most_ten(rig: Rig) -> None:
    tags = ["Cozy", "\u202eevil\n", 7, None, "x" * 900, *(f"tag{number}" for number in range(20))]
    row = {"title": "T", "tags": tags, "game_id": "0", "game_name": ""}
    rig.sim.fault("GET /channels", status=200, body={"data": [row]})
    data = page(rig.start())["channel"]["data"]
    assert data["tags"][:3] == ["Cozy", "evil ", "7"]
    assert (len(data["tags"]), len(data["tags"][3])) == (9, 25)
    assert data["game_id"] == ""


def test_without_twitch_it_is_the_same_clear_error_each_time(rig: Rig) -> None:
    rig.change(twitch_oauth_token=None, twitch_refresh_token=None).start()
    for _ in range(3):
        with pytest.raises(TwitchNotConfigured, match="Twitch is not connected"):
            rig.twitch.page.read(HANG_S)
    assert rig.sim.world.endpoints() == []


def test_another_account_is_never_shown_with_what_belonged_to_the_former(rig: Rig) -> None:
    rig.start()
    rig.sim.world.channels["1003"].title = "A stranger's"
    page(rig)
    token = rig.sim.world.issue("1003", CLIENT_ID)
    rig.change(twitch_oauth_token=Secret(token.access), twitch_refresh_token=Secret(token.refresh))
    rig.twitch.helix("").ready()
    found = page(rig)
    assert (found["broadcaster"]["login"], found["channel"]["data"]["title"]) == ("stranger", "A stranger's")


def test_a_disconnected_account_is_not_shown_any_more(rig: Rig) -> None:
    rig.start()
    page(rig)
    rig.change(twitch_oauth_token=None, twitch_refresh_token=None)
    with pytest.raises(TwitchNotConfigured):
        rig.twitch.helix("").ready()
    with pytest.raises(TwitchNotConfigured):
        rig.twitch.page.read(0.0)


def test_the_configured_channel_is_shown_and_not_its_ads(show: Rig) -> None:
    show.change(broadcaster_id="1002")
    found = page(show)
    assert found["broadcaster"] == {"login": "friendlyneighbour", "id": "1002"}
    assert "own account" in found["next_ad"]["missing"]["message"]
