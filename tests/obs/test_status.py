"""The ``obs`` object of GET /status: truthful, and no load for OBS however often it is asked for."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from clawcraft.obs.status import Bitrate
from obs_mock import Scenario
from tests.obs.conftest import Rig
from tests.support.http_service import OBS_STATUS


def test_offline_it_shows_version_and_scenes_and_no_figures(rig: Rig) -> None:
    assert rig.stream.status() == {
        "version": "29.0.2",
        "responsive": True,
        "stream": OBS_STATUS["stream"],
        "current_scene": "Main",
        "scenes": ["Main", "BRB"],
    }


def test_1000_reads_at_once_ask_obs_once(rig: Rig) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len({id(answer) for answer in pool.map(lambda _: rig.stream.status(), range(1000))}) == 1
    assert rig.driver.ui_calls == ["ok"]
    rig.clock.advance(0.3)
    rig.stream.status()
    assert rig.driver.ui_calls == ["ok", "ok"]


def test_the_bitrate_survives_a_reconnect_that_restarts_the_counters() -> None:
    bitrate = Bitrate()
    counted = [(0.0, 0), (2.0, 250_000), (4.0, 500_000), (6.0, 1_000), (8.0, 126_000)]
    assert [bitrate.kbps(at_s, total_bytes) for at_s, total_bytes in counted] == [None, 1000.0, 1000.0, None, 500.0]


def test_the_first_page_of_a_stream_that_is_up_for_long_has_its_bitrate() -> None:
    assert Bitrate().kbps(118.0, 2_250_000, connected_s=100.0) == 1000.0


def test_the_bitrate_of_a_stream_owes_nothing_to_the_stream_before() -> None:
    bitrate = Bitrate()
    bitrate.kbps(2.0, 250_000, connected_s=0.0)
    assert bitrate.kbps(1002.0, 500_000, connected_s=1000.0) == 2000.0


def test_the_bitrate_counts_from_when_obs_connected(rig: Rig) -> None:
    rig.start()
    rig.clock.advance(18)
    assert rig.stream.status()["stream"]["bitrate_kbps"] is not None


def test_uptime_counts_from_started_and_goes_on_while_reconnecting(rig: Rig) -> None:
    rig.obs.scenario = Scenario("gone", live_s=0.0, retries_fail=99)
    rig.start()
    rig.wait_state("reconnecting")
    rig.clock.advance(7)
    stream = rig.stream.status()["stream"]
    assert (stream["uptime_s"], stream["reconnecting"], stream["live"]) == (7.0, True, False)


def test_a_blocked_ui_thread_shows_the_last_scenes_and_says_so(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clawcraft.obs.status.UI_TIMEOUT_S", 0.02)
    rig.stream.status()
    rig.clock.advance(1)
    with rig.obs.ui_blocked():
        status = rig.stream.status()
    assert status["responsive"] is False
    assert "did not answer" in status["problem"]
    assert status["scenes"] == ["Main", "BRB"]
