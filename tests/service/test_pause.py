"""The pause hotkey at each moment of a start, over the whole service in the fake OBS: its job ends, nothing is up."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from obs_mock import Scenario, Timings
from obs_mock.stream import State
from tests.service.conftest import Studio
from tests.support.tool_client import ToolClient
from tests.support.waiting import wait_until
from twitch_sim.faults import Fault
from twitch_sim.server import TwitchSim

HOTKEY = "twitch_clawcraft.pause"
GOOD = Scenario("good")
SILENT = GOOD.but(silent=True)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio(tmp_path, Timings().scaled(0.05)) as made:
        yield made


def start(client: ToolClient, request_id: str) -> str:
    return client.accept("twitch.start_stream", request_id)


def ends_paused(client: ToolClient, job_id: str) -> None:
    assert client.ended(job_id)["error"]["code"] == "paused_by_operator"


def wait_state(studio: Studio, state: State) -> None:
    wait_until(lambda: studio.obs.stream.state is state, f"OBS is {state}")


def test_while_connecting(studio: Studio, client: ToolClient) -> None:
    studio.obs.scenario = SILENT
    job_id = start(client, "paused")
    wait_state(studio, State.CONNECTING)
    studio.obs.press_hotkey(HOTKEY)
    ends_paused(client, job_id)
    studio.obs.answer()
    studio.obs.wait_for("event STREAMING_STOPPED")
    assert studio.obs.stream.state is State.IDLE


def test_while_queued_behind_a_stop(studio: Studio, client: ToolClient) -> None:
    studio.obs.scenario = SILENT
    studio.obs.press_stream_button()
    wait_state(studio, State.CONNECTING)
    client.accept("twitch.stop_stream", "waits")
    job_id = start(client, "paused")
    studio.obs.press_hotkey(HOTKEY)
    ends_paused(client, job_id)
    studio.obs.disconnect()
    assert studio.obs.stream.starts == 1


@pytest.mark.parametrize("owner", ["agent", "streamer"])
def test_it_counts_as_a_start_of_the_agents_only_if_the_agent_made_it(
    studio: Studio, client: ToolClient, owner: str
) -> None:
    studio.obs.scenario = SILENT
    if owner == "streamer":
        studio.obs.press_stream_button()
        wait_state(studio, State.CONNECTING)
    job_id = start(client, "paused")
    wait_until(lambda: "connecting" in client.job(job_id)["progress"]["message"], "the start waits for OBS")
    studio.obs.press_hotkey(HOTKEY)
    ends_paused(client, job_id)
    client.run("twitch.stop_stream", "behind", reason="what became of the start is known by now")
    assert client.status()["guard_rails"]["starts_in_last_hour"] == (owner == "agent")


def on_first_try(twitch: TwitchSim, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Twitch puts the first change of the channel off, and answers so once ``act`` has happened."""
    take = twitch.faults.take

    def acting(endpoint: str) -> Fault | None:
        fault = take(endpoint)
        if fault is not None:
            act()
        return fault

    twitch.fault("PATCH /channels", status=429, body={"message": "Too Many"}, headers={"Retry-After": "0"})
    monkeypatch.setattr(twitch.faults, "take", acting)


@pytest.fixture
def titles(twitch: TwitchSim) -> Callable[[], tuple[int, str]]:
    """How many changes Twitch was asked for, and the title it shows."""
    return lambda: (twitch.world.count("PATCH /channels"), twitch.world.channels["1001"].title)


def test_while_a_title_waits_at_twitch(
    twitch: TwitchSim, titles: Any, studio: Studio, client: ToolClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = titles()
    on_first_try(twitch, monkeypatch, lambda: studio.obs.press_hotkey(HOTKEY))
    answer = client.post("twitch.set_title", "t", title="said after the pause")
    assert (answer.status_code, answer.json()["error"]["code"]) == (423, "paused_by_operator")
    assert titles() == (1, before[1])
    studio.obs.press_hotkey(HOTKEY)
    assert client.post("twitch.set_title", "t", title="said after the pause").status_code == 200


def test_while_the_title_of_a_start_waits_at_twitch(
    twitch: TwitchSim, titles: Any, studio: Studio, client: ToolClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = titles()
    on_first_try(twitch, monkeypatch, lambda: studio.obs.press_hotkey(HOTKEY))
    job_id = client.accept("twitch.start_stream", "s", title="said after the pause")
    ends_paused(client, job_id)
    assert titles() == (1, before[1])
    assert studio.obs.stream.starts == 0
