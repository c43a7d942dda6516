"""A clock that only the test turns."""

import pytest

from tests.support.job_rig import TurnedClock


@pytest.fixture
def clock() -> TurnedClock:
    return TurnedClock()
