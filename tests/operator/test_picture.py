"""The page's small picture: one for all who ask, and no HTTP worker more than one waits for an OBS that gives none."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from clawcraft.errors import Busy, ObsUnresponsive
from clawcraft.obs.jpeg import Picture
from clawcraft.operator.picture import GOOD_FOR_S, LatestPicture
from tests.support.clock import ManualClock
from tests.support.job_rig import Hold


class ObsDouble:
    def __init__(self) -> None:
        self.asked = 0
        self.gives = True

    def take(self) -> Picture:
        self.asked += 1
        if not self.gives:
            raise ObsUnresponsive("OBS gave no picture")
        return Picture(b"%d" % self.asked, 2, 2)


@pytest.fixture
def obs() -> ObsDouble:
    return ObsDouble()


def test_all_who_ask_within_a_few_seconds_get_the_same(obs: ObsDouble, clock: ManualClock) -> None:
    latest = LatestPicture(obs.take, clock)
    assert [latest.jpeg(), latest.jpeg()] == [b"1", b"1"]
    clock.advance(GOOD_FOR_S + 0.1)
    assert latest.jpeg() == b"2"


def test_obs_is_not_asked_again_at_once_where_it_gave_none(obs: ObsDouble, clock: ManualClock) -> None:
    latest = LatestPicture(obs.take, clock)
    obs.gives = False
    for _ in range(3):
        with pytest.raises(ObsUnresponsive):
            latest.jpeg()
    assert obs.asked == 1
    obs.gives = True
    clock.advance(GOOD_FOR_S + 0.1)
    assert latest.jpeg() == b"2"


def test_nobody_waits_behind_one_who_waits_for_obs(obs: ObsDouble, clock: ManualClock) -> None:
    hold = Hold()

    def take() -> Picture:
        hold()
        return obs.take()

    latest = LatestPicture(take, clock)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(latest.jpeg)
        hold.until_reached()
        try:
            with pytest.raises(Busy) as refused:
                latest.jpeg()
        finally:
            hold.let_go()
        assert first.result() == b"1"
    assert refused.value.headers() == {"Retry-After": "3"}
