"""A desk with a real OBS, and its Scripts window."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.obs_desk import Desk
from tests.support.obs_panel import ScriptsWindow, artefacts_folder
from tests.support.real_obs import Display, obs_missing, obs_required
from twitch_sim import TwitchSim


@pytest.fixture(scope="session")
def real_obs_is_installed() -> None:
    reason = obs_missing()
    if reason is not None:
        if obs_required():
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def display(real_obs_is_installed: None, tmp_path: Path) -> Iterator[Display]:
    with Display(tmp_path / "display") as display:
        yield display


@pytest.fixture
def twitch() -> Iterator[TwitchSim]:
    with TwitchSim() as twitch:
        yield twitch


@pytest.fixture
def artefacts(tmp_path: Path) -> Path:
    return artefacts_folder(tmp_path / "artefacts")


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
