"""The frames that OBS itself reports as lagged or dropped while it streams: idle, with a busy agent, and with one that
takes pictures of the program."""

import argparse
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.show import Show

ALLOWED = {"TOOL_ACTION_POLICY": "obs.screenshot=allow", "TOOL_ACTION_RATE_LIMITS": "obs.screenshot=6000"}
PATHS = ("/status", "/health", "/tools/jobs")


def look(show: Show, number: int) -> None:
    show.client.get(PATHS[number % len(PATHS)]).raise_for_status()


def picture(show: Show, _number: int) -> None:
    show.client.post("obs.screenshot").raise_for_status()


def lost_frames(show: Show, seconds: float, rate_per_s: int, ask: Callable[[Show, int], None]) -> tuple[int, int]:
    """Frames lost in one stream with so many requests a second, and the requests answered in it."""
    mark = show.obs.process.mark()
    show.client.run("twitch.start_stream", f"frames-{ask.__name__}-{rate_per_s}")
    began_s = time.monotonic()
    answered = 0
    while (passed_s := time.monotonic() - began_s) < seconds:
        if answered >= passed_s * rate_per_s:
            time.sleep(0.001)
            continue
        ask(show, answered)
        answered += 1
    show.client.run("twitch.stop_stream", f"frames-stop-{ask.__name__}-{rate_per_s}")
    # Each picture's output counts the same frames for itself.
    said = "\n".join(line for line in show.obs.process.lines()[mark:] if "picture'" not in line)
    return sum(map(int, re.findall(r"Number of (?:lagged|dropped) frames.*?: (\d+)", said))), answered


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.py frames", description=__doc__)
    parser.add_argument("--rate", type=int, default=300, help="requests a second")
    parser.add_argument("--seconds", type=float, default=30, help="length of each of the three streams")
    parser.add_argument("--pictures", type=int, default=2, help="pictures a second, as far as they are that fast")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Show(Path(folder), ALLOWED) as show:
        for rate_per_s, ask in ((0, look), (options.rate, look), (options.pictures, picture)):
            lost, answered = lost_frames(show, options.seconds, rate_per_s, ask)
            what = "pictures" if ask is picture else "requests"
            print(
                f"{answered / options.seconds:6.1f} {what}/s: {lost} frames lost in {options.seconds:.0f} s", flush=True
            )
    return 0
