"""A store and a rig, each closed at the end, with no thread left."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from clawcraft.jobs.store import JobStore
from tests.support.job_rig import JobRig, Journal, TurnedClock, open_store


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def log() -> Journal:
    return Journal()


@pytest.fixture
def store(tmp_path: Path, clock: TurnedClock, log: Journal) -> Iterator[JobStore]:
    opened = open_store(tmp_path, clock, log)
    yield opened
    opened.close()


@pytest.fixture
def rig(tmp_path: Path, clock: TurnedClock) -> Iterator[JobRig]:
    opened = JobRig(tmp_path, clock=clock)
    yield opened
    opened.close()
