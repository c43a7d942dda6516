"""A desk with a real OBS, and its Scripts window."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.display import Display
from tests.support.obs_desk import Desk
from tests.support.obs_panel import ScriptsWindow
from twitch_sim import TwitchSim


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
