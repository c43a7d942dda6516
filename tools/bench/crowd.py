"""How soon a stop is accepted while a crowd without the token holds, and reopens, more connections than there are."""

import argparse
import statistics
import tempfile
from functools import partial
from pathlib import Path

from bench.agent import Agent
from bench.compare import timed_ms
from tests.support.crowd import Crowd
from tests.support.show import Show
from tests.support.tool_client import stored_token


def stops_ms(port: int, token: str, stops: int) -> list[float]:
    """Milliseconds of each, from the opening of its own connection to the 202."""

    def stop(number: int) -> None:
        agent = Agent(port, token)
        agent.accept("twitch.stop_stream", f"crowd-{number}")
        agent.close()

    return [timed_ms(partial(stop, number)) for number in range(stops)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.py crowd", description=__doc__)
    parser.add_argument("--size", type=int, default=900, help="connections of the crowd")
    parser.add_argument("--stops", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Show(Path(folder)) as show:
        token = stored_token(show.config)
        with Crowd(show.port, options.size) as crowd:
            taken = stops_ms(show.port, token, options.stops)
        print(f"{options.size} connections, {crowd.reopened} times reopened: a stop is accepted in")
        print(f"{statistics.median(taken):.0f} ms at the median, {max(taken):.0f} ms at worst of {len(taken)}")
    return 0
