"""A store and a rig, each closed at the end."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clawcraft.jobs.store import JobStore
from tests.support.clock import ManualClock
from tests.support.events import RecordedEvents
from tests.support.job_rig import JobRig, open_store


@pytest.fixture
def reopen(tmp_path: Path, clock: ManualClock, events: RecordedEvents) -> Iterator[Callable[[], JobStore]]:
    """Close the store that is open, and open the same file again."""
    opened: list[JobStore] = []

    def open_again() -> JobStore:
        for store in opened:
            store.close()
        opened.append(open_store(tmp_path, clock, events))
        return opened[-1]

    yield open_again
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Callable[[], JobStore]) -> JobStore:
    return reopen()


@pytest.fixture
def rig(tmp_path: Path, clock: ManualClock) -> Iterator[JobRig]:
    opened = JobRig(tmp_path, clock=clock)
    yield opened
    opened.close()
