"""A busy agent does not cost the stream a frame."""

import re
import time

import pytest

from tests.support.show import Show

pytestmark = pytest.mark.real_obs

SECONDS = 30
RATE_PER_S = 300


def lagged_frames(show: Show, mark: int) -> int:
    """What OBS itself reports when a stream ends."""
    text = "\n".join(show.obs.process.lines()[mark:])
    return sum(int(count) for count in re.findall(r"Number of (?:lagged|dropped) frames.*?: (\d+)", text))


@pytest.mark.timeout(180)
def test_three_hundred_requests_a_second_lag_no_frame(show: Show) -> None:
    results = []
    for load in (False, True):
        mark = show.obs.process.mark()
        show.client.run("twitch.start_stream", f"load-{load}")
        began = time.monotonic()
        for number in range(SECONDS * RATE_PER_S if load else 0):
            path = ("/status", "/health", "/tools/jobs")[number % 3]
            assert show.client.get(path).status_code == 200
            ahead_s = began + (number + 1) / RATE_PER_S - time.monotonic()
            if ahead_s > 0:
                time.sleep(ahead_s)  # paces the load, waits for nothing
        if not load:
            time.sleep(10)  # the idle stretch the load is compared with
        show.client.run("twitch.stop_stream", f"load-stop-{load}")
        results.append(lagged_frames(show, mark))
    idle, loaded = results
    assert loaded <= idle
