"""What all tests share: no thread is left, no setting of this machine counts, and the fixtures of several folders."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support.chromium import chromium_missing
from tests.support.clock import ManualClock
from tests.support.display import Display
from tests.support.events import RecordedEvents
from tests.support.evidence import Evidence
from tests.support.obs_program import obs_program
from tests.support.real_obs import obs_missing, obs_required
from tests.support.receiver import Receiver
from tests.support.rtmp_server import RtmpServer
from tests.support.show import install
from tests.support.thread_guard import ThreadGuard
from twitch_sim import TwitchSim

hypothesis.settings.register_profile("tests", deadline=None)  # a busy machine is no finding
hypothesis.settings.load_profile("tests")
SETTINGS = ("TOOL_", "TWITCH_", "OBS_", "PORT")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(ThreadGuard())
    config.pluginmanager.register(Evidence())


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test in a real OBS or browser where there is none is skipped, or fails with ``tools/test.py --require-obs``."""
    if item.get_closest_marker("real_obs") and (reason := obs_missing()):
        (pytest.fail if obs_required() else pytest.skip)(reason)
    if item.get_closest_marker("chromium") and (reason := chromium_missing()):
        (pytest.fail if obs_required() else pytest.skip)(reason)


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """Settings come from the tests alone."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(SETTINGS)]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def packages_in_obs(request: pytest.FixtureRequest) -> None:
    """A real OBS has what the script needs, whichever test comes first."""
    if request.node.get_closest_marker("real_obs"):
        request.getfixturevalue("installed_packages")


@pytest.fixture(scope="session")
def installed_packages() -> None:
    done = install("--deps-only", *obs_program().for_installer)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def events() -> RecordedEvents:
    return RecordedEvents()


@pytest.fixture
def twitch() -> Iterator[TwitchSim]:
    """A local Twitch on the machine's clock."""
    with TwitchSim() as twitch:
        yield twitch


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where a webhook leads."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def display(tmp_path: Path) -> Iterator[Display]:
    """A screen for a real OBS."""
    with Display(tmp_path / "display") as display:
        yield display


@pytest.fixture
def rtmp(tmp_path: Path) -> Iterator[RtmpServer]:
    """Where a real OBS streams to."""
    with RtmpServer(tmp_path / "rtmp") as server:
        yield server


@pytest.fixture
def artefacts(tmp_path: Path) -> Path:
    """Where screenshots are kept: CLAWCRAFT_ARTEFACTS, else the test's own folder."""
    folder = Path(os.environ.get("CLAWCRAFT_ARTEFACTS") or tmp_path / "artefacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
