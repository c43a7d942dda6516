"""The real script in the fake OBS, in this process."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest

from obs_mock import MockObs
from obs_mock.scenarios import Timings
from tests.support.paths import SCRIPT
from tests.support.ports import free_port
from tests.support.tool_client import ToolClient, stored_token, wait_for_service
from twitch_sim.server import TwitchSim


class Studio:
    """One fake OBS with the real script, and its clients while entered; ``panel`` are values of the panel."""

    def __init__(self, folder: Path, timings: Timings | None = None, scenario: str = "good", **panel: object) -> None:
        self.port = free_port()
        self.folder = folder
        settings = {"port": self.port, "tool_action_rate_limit_per_min": "100000", **panel}
        self.obs = MockObs(SCRIPT, scenario, settings, config_dir=folder, timings=timings)
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        self.stack.enter_context(self.obs)
        return self

    def __exit__(self, *exc: Any) -> None:
        self.stack.__exit__(*exc)

    def client(self, port: int | None = None) -> ToolClient:
        wait_for_service(port or self.port)
        client = ToolClient(port or self.port, stored_token(self.folder))
        self.stack.callback(client.close)
        return client


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio(tmp_path) as studio:
        yield studio


@pytest.fixture
def client(studio: Studio) -> ToolClient:
    return studio.client()


@pytest.fixture
def twitch(monkeypatch: pytest.MonkeyPatch) -> Iterator[TwitchSim]:
    with TwitchSim() as sim:
        for name, value in sim.environment().items():
            monkeypatch.setenv(name, value)
        yield sim
