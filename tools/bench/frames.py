"""The frames that OBS itself reports as lagged or dropped while it streams: idle, and with a busy agent."""

import argparse
import re
import tempfile
import time
from pathlib import Path

from tests.support.show import Show

PATHS = ("/status", "/health", "/tools/jobs")


def lost_frames(show: Show, seconds: float, rate_per_s: int) -> tuple[int, int]:
    """Frames lost in one stream with so many requests a second, and the requests answered in it."""
    mark = show.obs.process.mark()
    show.client.run("twitch.start_stream", f"frames-{rate_per_s}")
    began_s = time.monotonic()
    answered = 0
    while (passed_s := time.monotonic() - began_s) < seconds:
        if answered >= passed_s * rate_per_s:
            time.sleep(0.001)
            continue
        show.client.get(PATHS[answered % len(PATHS)]).raise_for_status()
        answered += 1
    show.client.run("twitch.stop_stream", f"frames-stop-{rate_per_s}")
    said = "\n".join(show.obs.process.lines()[mark:])
    return sum(map(int, re.findall(r"Number of (?:lagged|dropped) frames.*?: (\d+)", said))), answered


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.py frames", description=__doc__)
    parser.add_argument("--rate", type=int, default=300, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30, help="length of each of the two streams")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Show(Path(folder)) as show:
        for rate_per_s in (0, options.rate):
            lost, answered = lost_frames(show, options.seconds, rate_per_s)
            print(f"{answered / options.seconds:6.0f} requests/s: {lost} frames lost in {options.seconds:.0f} s")
    return 0
