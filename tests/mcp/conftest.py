"""``POST /mcp`` twice: with a scripted service behind it (``service``), and with the whole one in the fake OBS."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from obs_mock.scenarios import Timings
from tests.http.conftest import service
from tests.service.conftest import Studio, twitch
from tests.support.http_service import TOKEN, HttpService
from tests.support.mcp_client import MODERN, McpClient
from tests.support.tool_client import stored_token, wait_for_service

__all__ = ["service", "twitch"]


@pytest.fixture
def client(service: HttpService) -> Iterator[McpClient]:
    client = McpClient(service.server.port, TOKEN)
    yield client
    client.close()


@pytest.fixture
def legacy(service: HttpService) -> Iterator[McpClient]:
    client = McpClient(service.server.port, TOKEN, "2025-11-25")
    yield client
    client.close()


class McpStudio(Studio):
    """The real script in the fake OBS, and clients of its MCP."""

    def __init__(self, folder: Path, scenario: str) -> None:
        super().__init__(folder, Timings().scaled(0.05), scenario)

    def connect(self, version: str = MODERN, *, tasks: bool = False, token: str | None = None) -> McpClient:
        wait_for_service(self.port)
        client = McpClient(self.port, token or stored_token(self.folder), version, tasks=tasks)
        self.stack.callback(client.close)
        return client


Open = Callable[..., McpStudio]
"""Takes a scenario, and settings of the service by name."""


@pytest.fixture
def open_studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens a fake OBS with settings from the environment, one a test."""
    with ExitStack() as opened:

        def open_studio(scenario: str = "good", **settings: str) -> McpStudio:
            for name, value in settings.items():
                monkeypatch.setenv(name, value)
            return opened.enter_context(McpStudio(tmp_path, scenario))

        yield open_studio
