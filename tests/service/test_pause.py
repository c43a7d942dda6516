"""The pause hotkey at each moment of a start, over the whole service in the fake OBS: its job ends, nothing is up."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from obs_mock import Scenario, Timings
from obs_mock.stream import State
from tests.service.conftest import Studio
from tests.support.tool_client import ToolClient
from tests.support.waiting import wait_until

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
