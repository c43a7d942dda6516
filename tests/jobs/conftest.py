"""A store and a rig, each closed at the end, with no thread left."""

import threading
from collections.abc import Callable, Iterator
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
def reopen(tmp_path: Path, clock: TurnedClock, log: Journal) -> Iterator[Callable[[], JobStore]]:
    """Close the store that is open, and open the same file again."""
    opened: list[JobStore] = []

    def open_again() -> JobStore:
        for store in opened:
            store.close()
        opened.append(open_store(tmp_path, clock, log))
        return opened[-1]

    yield open_again
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Callable[[], JobStore]) -> JobStore:
    return reopen()


@pytest.fixture
def rig(tmp_path: Path, clock: TurnedClock) -> Iterator[JobRig]:
    opened = JobRig(tmp_path, clock=clock)
    yield opened
    opened.close()
