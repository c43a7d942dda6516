"""Fixtures of the Twitch tests: a local Twitch, a clock that stands still, and no thread left behind."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.twitch_rig import Rig, TurnedClock, connected
from twitch_sim import TwitchSim


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]
    assert not left, left


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def sim(clock: TurnedClock) -> Iterator[TwitchSim]:
    with TwitchSim(clock) as sim:
        yield sim


@pytest.fixture
def rig(sim: TwitchSim, clock: TurnedClock, tmp_path: Path) -> Iterator[Rig]:
    rig = connected(sim, tmp_path, clock)
    yield rig
    rig.close()
