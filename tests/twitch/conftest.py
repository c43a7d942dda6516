"""A local Twitch and the service's Twitch side, on a clock that stands still."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clock import ManualClock
from tests.support.twitch_rig import Rig, connected
from twitch_sim import TwitchSim


@pytest.fixture
def sim(clock: ManualClock) -> Iterator[TwitchSim]:
    with TwitchSim(clock) as sim:
        yield sim


@pytest.fixture
def rig(sim: TwitchSim, clock: ManualClock, tmp_path: Path) -> Iterator[Rig]:
    rig = connected(sim, tmp_path, clock)
    yield rig
    rig.close()
