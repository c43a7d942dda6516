"""A rig, closed at the end, with no thread left."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.job_rig import JobRig, TurnedClock


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()


@pytest.fixture
def rig(tmp_path: Path, clock: TurnedClock) -> Iterator[JobRig]:
    opened = JobRig(tmp_path, clock=clock)
    yield opened
    opened.close()
