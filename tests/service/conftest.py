"""The real script in the fake OBS, in this process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from obs_mock import MockObs
from obs_mock.scenarios import Timings
from tests.support.paths import SCRIPT
from tests.support.ports import free_port
from tests.support.tool_client import ToolClient, stored_token, wait_for_service
from twitch_sim.server import TwitchSim


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("TOOL_", "TWITCH_", "OBS_")) or name == "PORT":
            monkeypatch.delenv(name)


class Studio:
    """One fake OBS with the real script; ``panel`` are values of the panel."""

    def __init__(self, folder: Path, timings: Timings | None = None, scenario: str = "good", **panel: object) -> None:
        self.port = free_port()
        self.folder = folder
        settings = {"port": self.port, "tool_action_rate_limit_per_min": "100000", **panel}
        self.obs = MockObs(SCRIPT, scenario, settings, config_dir=folder, timings=timings)

    def client(self, port: int | None = None) -> ToolClient:
        wait_for_service(port or self.port)
        return ToolClient(port or self.port, stored_token(self.folder))


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(tmp_path)
    with made.obs:
        yield made


@pytest.fixture
def client(studio: Studio) -> Iterator[ToolClient]:
    made = studio.client()
    yield made
    made.close()


@pytest.fixture
def twitch(monkeypatch: pytest.MonkeyPatch) -> Iterator[TwitchSim]:
    with TwitchSim() as sim:
        for name, value in sim.environment().items():
            monkeypatch.setenv(name, value)
        yield sim
