"""Whose stream it is, in a real OBS that asks before each start of the streamer: each test is a fault as it was found.

The streamer's stream stays untouched, there is one connection, and OBS exits clean.
"""

import json
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.display import Display
from tests.support.obs_control import SCRIPT, ObsControl
from tests.support.obs_home import COLLECTION, ObsHome
from tests.support.obs_panel import ScriptsWindow
from tests.support.ports import free_port
from tests.support.real_obs import RealObs
from tests.support.rtmp_server import RtmpServer
from tests.support.tcp_gate import TcpGate
from tests.support.waiting import HANG_S, insist, wait_until

pytestmark = [pytest.mark.real_obs, pytest.mark.random_order(disabled=True)]  # the last ends the OBS of all
SWITCHER = Path(__file__).parents[1] / "support" / "obs_switcher_script.py"
QUESTION = "^Start Stream"
RESTARTS = 25
STARTS = 20


class Desk(NamedTuple):
    """The streamer's desk, and the agent's end of it."""

    control: ObsControl
    obs: RealObs
    rtmp: RtmpServer
    gate: TcpGate
    switcher: int

    def state(self) -> str:
        return str(self.control.call("status")["stream"]["state"])

    def wait_state(self, state: str) -> None:
        wait_until(lambda: self.state() == state, f"the stream is {state}")

    def click_start(self) -> str:
        """The streamer clicks Start Streaming: the question's window."""
        asks = insist(lambda: self.obs.click("stream"), lambda: self.obs.display.windows(QUESTION), "OBS asks")
        return str(asks[0])

    def streamer_starts(self) -> None:
        self.obs.answer(self.click_start())

    def streamer_stops(self) -> None:
        """Never a second click where the first was slow only: it would ask to start."""

        def click() -> None:
            self.obs.wait_clicks_taken()
            if self.state() == "live":
                self.obs.click("stream")

        insist(click, lambda: self.state() != "live", "the stream stops")

    def switch(self, collection: str) -> None:
        """Returns when OBS has: while it draws its menu anew it finds no collection, and says nothing."""
        mark = self.obs.process.mark()
        line = f"Switched to scene collection '{collection}'"
        insist(
            lambda: self._ask_to_switch(collection),
            lambda: any(line in told for told in self.obs.process.lines()[mark:]),
            f"OBS has switched to {collection}",
        )

    def _ask_to_switch(self, collection: str) -> None:
        with socket.create_connection(("127.0.0.1", self.switcher), timeout=HANG_S) as sock:
            sock.sendall(collection.encode() + b"\n")
            assert sock.recv(16) == b"switched\n"

    def wait_published(self, *keys: str) -> None:
        wait_until(lambda: self.rtmp.publishers() == list(keys), f"the server has {keys}")


class NormalEvening:
    """``met`` counts what the agent was told, by state, status or error."""

    def __init__(self, desk: Desk, window: ScriptsWindow) -> None:
        self._desk = desk
        self._window = window
        self.met: Counter[str] = Counter()
        self.switches = 0
        self.reloads = 0

    def switch_away_and_back(self, times: int) -> None:
        for _ in range(times):
            self._desk.switch("Other")
            self._desk.switch(COLLECTION)
            self.switches += 2
        self._desk.control.wait_ready()
        self._ask("status")

    def has_a_stream_of_the_streamers(self) -> None:
        self._desk.streamer_starts()
        self._desk.wait_state("live")
        self._ask("status")
        self._ask("start")
        self._desk.streamer_stops()
        self._desk.wait_state("offline")

    def has_a_stream_of_the_agents(self) -> None:
        self._window.open()
        self._ask("start")
        self._reload()
        self._ask("start")
        self._ask("stop")
        self._reload()
        self._window.close()

    def _reload(self) -> None:
        before = self._desk.control.call("life")
        self._window.reload(lambda: self._life() not in (None, before))
        self.reloads += 1
        self._ask("status")

    def _life(self) -> Any:
        try:
            return self._desk.control.call("life")
        except OSError:
            return None

    def _ask(self, action: str) -> None:
        outcome = self._desk.control.outcome(action)
        if outcome.value is None:
            self.met[str(outcome.code)] += 1
        else:
            self.met[outcome.value["stream"]["state"] if action == "status" else outcome.value["status"]] += 1


@pytest.fixture(scope="module")
def open_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    control, port = ObsControl(), free_port()
    with Display(folder / "display") as display, RtmpServer(folder / "rtmp") as rtmp, TcpGate() as gate:
        home = ObsHome(server_url=gate.url(), asks_before_start=True)
        config = home.write(folder / "home")
        switcher = {"path": str(SWITCHER), "settings": {"port": port}}
        home.write_collection(config, COLLECTION, [switcher, {"path": str(SCRIPT), "settings": control.settings()}])
        home.write_collection(config, "Other", [switcher])
        with RealObs(display, folder / "home") as obs:
            control.wait_ready()
            yield Desk(control, obs, rtmp, gate, port)


@pytest.fixture
def desk(open_desk: Desk) -> Iterator[Desk]:
    """Offline, a good server, no box on the screen."""
    open_desk.gate.forward(open_desk.rtmp.port)
    yield open_desk
    open_desk.obs.close_error_boxes()
    open_desk.control.call("stop")
    open_desk.wait_published()


@pytest.mark.core
def test_a_stop_left_behind_by_a_failed_start_never_hits_the_streamers_own(desk: Desk) -> None:  # C1
    desk.gate.silent()
    start = desk.control.begin("start")
    desk.wait_state("starting")
    desk.switch("Other")
    assert start.result().code == "interrupted"
    desk.gate.cut()
    desk.obs.wait_error_box()
    desk.obs.close_error_boxes()
    desk.switch(COLLECTION)
    desk.control.wait_ready()
    desk.gate.forward(desk.rtmp.port)
    desk.streamer_starts()
    desk.wait_state("live")
    desk.control.call("pass_ui_queue")
    assert desk.state() == "live"
    assert "STREAMING_STOPPING" not in desk.control.call("events")
    desk.wait_published("testkey")


@pytest.mark.core
def test_a_start_that_connects_where_the_script_is_not_loaded_is_stopped_there(desk: Desk) -> None:  # C1
    desk.gate.silent()
    start = desk.control.begin("start")
    desk.wait_state("starting")
    desk.switch("Other")
    assert start.result().code == "interrupted"
    mark = desk.obs.process.mark()
    desk.gate.release(desk.rtmp.port)
    wait_until(
        lambda: any("==== Streaming Stop" in line for line in desk.obs.process.lines()[mark:]), "the stream was stopped"
    )
    desk.wait_published()
    desk.switch(COLLECTION)
    desk.control.wait_ready()
    assert desk.state() == "offline"


@pytest.mark.core
def test_nothing_starts_while_obs_asks_the_streamer_whether_to_start(desk: Desk) -> None:  # C2a
    connections = desk.gate.accepted
    question = desk.click_start()
    assert desk.control.outcome("start").code == "obs_busy"
    desk.obs.answer(question)
    desk.wait_state("live")
    desk.wait_published("testkey")
    assert desk.gate.accepted == connections + 1
    assert desk.control.call("start")["status"] == "already_running"


@pytest.mark.core
def test_a_start_made_where_the_script_is_not_loaded_is_known_on_the_way_back(desk: Desk) -> None:  # C2b
    desk.switch("Other")
    desk.gate.silent()
    connections = desk.gate.accepted
    desk.streamer_starts()
    desk.gate.wait_accepted(connections + 1)
    desk.switch(COLLECTION)
    desk.control.wait_ready()
    assert desk.state() == "starting"
    start = desk.control.begin("start")
    desk.gate.release(desk.rtmp.port)
    assert start.result().value == {"status": "started", "scene": "Main", "attempts": 1, "adopted": True}
    desk.wait_published("testkey")
    assert desk.gate.accepted == connections + 1


@pytest.mark.core
def test_a_start_right_after_the_stop_begins(desk: Desk) -> None:  # C13
    desk.control.call("start")
    assert desk.control.call("restart", times=RESTARTS) == ["started"] * RESTARTS


def test_a_normal_evening_meets_neither_unknown_nor_busy(desk: Desk, artefacts: Path) -> None:
    """Nothing connects and no box is open whenever the agent asks: 50 switches of the collection, 20 reloads, and 20
    starts by streamer and agent in turns."""
    evening = NormalEvening(desk, ScriptsWindow(desk.obs, artefacts))
    for number in range(STARTS):
        evening.switch_away_and_back(2 if number % 4 == 0 else 1)
        if number % 2:
            evening.has_a_stream_of_the_agents()
        else:
            evening.has_a_stream_of_the_streamers()
    (artefacts / "normal_evening.json").write_text(json.dumps(evening.met))
    assert (evening.switches, evening.reloads) == (50, 20)
    assert set(evening.met) == {"offline", "live", "started", "already_running", "stopped"}


def test_obs_exits_clean_after_all_that_and_while_live(open_desk: Desk) -> None:
    """Not of the core: OBS 30.2.3 itself crashes at one exit in four while it streams, without any script."""
    open_desk.control.call("start")
    display = open_desk.obs.display
    asks = insist(open_desk.obs.close_window, lambda: display.windows("^Exit OBS"), "OBS asks")
    open_desk.obs.answer(asks[0])
    assert open_desk.obs.wait_exit() == 0
    assert open_desk.obs.memory_leaks() == 0
    assert open_desk.obs.warnings() == []
