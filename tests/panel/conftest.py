"""A streamer's OBS in front of its Scripts window: the fake one in this process, or a real one on a desk."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from clawcraft.secrets import SecretStore
from obs_mock import MockObs, Timings
from obs_mock.scenarios import Scenario
from tests.support.display import Display
from tests.support.obs_desk import Desk
from tests.support.obs_panel import ScriptsWindow
from tests.support.paths import SCRIPT
from tests.support.ports import free_port
from tests.support.tool_client import ToolClient, stored_token, wait_for_service
from tests.support.waiting import wait_until
from twitch_sim import TwitchSim


class Streamer:
    """Somebody in front of the fake OBS."""

    obs: MockObs

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.store = SecretStore(folder / "plugin_config" / "twitch-clawcraft")
        self._panel: dict[str, Any] = {}
        self._clients: list[ToolClient] = []

    def start(self, answers: bool = True, scenario: Scenario | str = "good", **settings: Any) -> Self:
        """Start OBS with these settings of the script, and open its panel."""
        settings = {"port": self.port, **settings}
        self.obs = MockObs(SCRIPT, scenario, settings=settings, config_dir=self.folder, timings=Timings().scaled(0.05))
        self.obs.start()
        self.open()
        if answers:
            self.sees("status_service", f"listening on http://127.0.0.1:{self.port}")
        return self

    def reload(self) -> None:
        self.obs.reload()
        wait_for_service(self.port)
        self.open()

    def stop(self) -> None:
        for client in self._clients:
            client.close()
        if hasattr(self, "obs"):
            self.obs.stop().check()

    def open(self) -> None:
        self._panel = self.obs.open_panel()

    def refresh(self) -> None:
        assert self.obs.click("refresh")

    def text(self, name: str) -> str:
        """What an info row says; empty if it is not there."""
        row = self._panel[name]
        return (row.long_description or "") if row.visible else ""

    def sees(self, name: str, words: str) -> None:
        """Press Refresh until an info row has these words, or with none is gone: what others do shows only then."""

        def shown() -> bool:
            self.refresh()
            return words in self.text(name) if words else not self.text(name)

        wait_until(shown, f"{name} says {words!r}")

    def texts(self) -> str:
        return "\n".join(map(self.text, self._panel))

    def label(self, name: str) -> str:
        return str(self._panel[name].description)

    def visible(self, name: str) -> bool:
        return name in self._panel and bool(self._panel[name].visible)

    def choices(self, name: str) -> list[str]:
        return [value for _label, value in self._panel[name].items]

    def stored(self, name: str) -> str | None:
        secret = self.store.get(name)
        return secret.reveal() if secret else None

    def stores(self, name: str, secret: str | None) -> None:
        wait_until(lambda: self.stored(name) == secret, f"{name} is stored or removed")

    def saved(self) -> str:
        """The script's settings as the scene collection's file has them."""
        self.obs.save()
        return json.dumps(self.obs.settings())

    def agent(self) -> ToolClient:
        return self.client(stored_token(self.folder))

    def client(self, token: str, name: str = "test-agent") -> ToolClient:
        self._clients.append(ToolClient(self.port, token, name))
        return self._clients[-1]


@pytest.fixture
def streamer(tmp_path: Path) -> Iterator[Streamer]:
    streamer = Streamer(tmp_path)
    yield streamer
    streamer.stop()


@pytest.fixture
def desk(display: Display, twitch: TwitchSim, tmp_path: Path) -> Iterator[Desk]:
    """OBS runs, and does not know of the script."""
    desk = Desk(tmp_path, display, twitch)
    with desk.obs:
        yield desk


@pytest.fixture
def window(desk: Desk, artefacts: Path) -> ScriptsWindow:
    window = ScriptsWindow(desk.obs, artefacts)
    window.open()
    return window
