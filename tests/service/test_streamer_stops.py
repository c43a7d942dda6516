"""The streamer's own *Stop Streaming*, over the whole service in the fake OBS: what was accepted before it ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from obs_mock import Timings
from obs_mock.stream import State
from tests.service.conftest import Studio
from tests.support.tool_client import ToolClient
from tests.support.waiting import wait_until


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    """The streamer is asked about each start."""
    monkeypatch.setenv("TOOL_ACTION_POLICY", "twitch.start_stream=ask")
    with Studio(tmp_path, Timings().scaled(0.05)) as made:
        yield made


def test_a_start_that_counts_down_ends(studio: Studio, client: ToolClient) -> None:
    studio.obs.press_stream_button()
    wait_until(lambda: studio.obs.stream.state is State.LIVE, "the streamer is live")
    job_id = client.accept("twitch.start_stream", "counts-down")

    def is_allowed() -> bool:
        studio.obs.press_hotkey("twitch_clawcraft.allow")
        return bool(client.job(job_id)["approval"]["state"] == "allowed")

    wait_until(is_allowed, "the streamer says yes")
    studio.obs.press_stream_button()
    assert client.ended(job_id)["error"]["code"] == "superseded"
    wait_until(lambda: studio.obs.stream.state is State.IDLE, "the stream has ended")
    assert studio.obs.stream.starts == 1
