"""The ``obs`` object of GET /status: truthful, and no load for OBS however often it is asked for."""

from concurrent.futures import ThreadPoolExecutor

from clawcraft.clock import Clock
from clawcraft.obs.libobs import LibobsMissing
from clawcraft.obs.status import StatusPage
from clawcraft.obs.stream_state import StreamState
from clawcraft.obs.ui_thread import UiThread
from tests.obs.conftest import Rig


class HandClock:
    """Turned by the test."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def time(self) -> float:
        return self.now_s

    def monotonic(self) -> float:
        return self.now_s


def page(rig: Rig, clock: Clock) -> tuple[StatusPage, StreamState]:
    state = StreamState(clock)

    def settle(_seen: object) -> None:
        state.settle(rig.obs.up, rig.obs.reconnecting)

    return StatusPage(rig.obs, rig.ui, clock, state, settle), state


def test_offline_it_shows_version_and_scenes_and_no_figures(rig: Rig) -> None:
    assert rig.stream.status() == {
        "version": "29.0.2",
        "responsive": True,
        "stream": {
            "state": "offline",
            "live": False,
            "reconnecting": False,
            "uptime_s": None,
            "bitrate_kbps": None,
            "dropped_frames": None,
            "total_frames": None,
            "congestion": None,
        },
        "current_scene": "Main",
        "scenes": ["Main", "BRB"],
    }


def test_1000_reads_at_once_ask_obs_once(rig: Rig) -> None:
    clock = HandClock()
    status, _state = page(rig, clock)
    with ThreadPoolExecutor(8) as pool:
        assert len({id(answer) for answer in pool.map(lambda _: status.read(), range(1000))}) == 1
    assert rig.obs.snapshots == 1
    clock.now_s += 0.3
    status.read()
    assert rig.obs.snapshots == 2


def test_the_bitrate_survives_a_reconnect_that_restarts_the_counters(rig: Rig) -> None:
    clock = HandClock()
    status, _state = page(rig, clock)
    rig.obs.up = True
    shown = []
    for passed_s, total_bytes in [(0, 0), (2, 250_000), (2, 500_000), (2, 1_000), (2, 126_000)]:
        clock.now_s += passed_s
        rig.obs.total_bytes = total_bytes
        shown.append(status.read()["stream"]["bitrate_kbps"])
    assert shown == [None, 1000.0, 1000.0, None, 500.0]


def test_uptime_counts_from_started_and_goes_on_while_reconnecting(rig: Rig) -> None:
    rig.start()
    rig.obs.reconnecting = True
    rig.stream._page.expire()
    stream = rig.stream.status()["stream"]
    assert stream["uptime_s"] >= 0
    assert stream["reconnecting"] is True
    assert stream["live"] is False


def test_a_blocked_ui_thread_shows_the_last_scenes_and_says_so(rig: Rig) -> None:
    rig.stream.status()
    rig.close()
    rig.stream._page.expire()
    status = rig.stream.status()
    assert status["responsive"] is False
    assert status["problem"]
    assert status["scenes"] == ["Main", "BRB"]


def test_without_libobs_the_stream_state_is_still_known(rig: Rig) -> None:
    rig.without_libobs()
    rig.start()
    status = rig.stream.status()
    assert status["responsive"] is False
    assert status["stream"]["state"] == "live"
    assert status["stream"]["bitrate_kbps"] is None
    assert "no libobs here" in status["problem"]
    assert UiThread(LibobsMissing("x")).unavailable == "x"


def test_a_missed_end_of_the_stream_is_noticed(rig: Rig) -> None:
    clock = HandClock()
    status, state = page(rig, clock)
    rig.obs.up = True
    assert status.read()["stream"]["state"] == "live"
    rig.obs.up = False
    clock.now_s += 1
    assert status.read()["stream"]["state"] == "stopping"
    clock.now_s += 3
    assert status.read()["stream"]["state"] == "offline"
    assert state.snapshot().attempt == 0
