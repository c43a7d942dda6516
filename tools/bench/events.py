"""Hearing a flood of chat while OBS streams: memory, what was said of gaps, and the frames that OBS lost meanwhile."""

import argparse
import re
import tempfile
import threading
import time
from pathlib import Path

from tests.support.show import Show
from tests.support.tool_client import ToolClient
from tests.support.waiting import wait_until
from twitch_sim import TwitchSim

LOOK_EVERY_S = 10.0


class Reader:
    """An agent that asks again and again, on a thread of its own."""

    def __init__(self, agent: ToolClient) -> None:
        self._agent = agent
        self.chat = self.gaps = self.missed = 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run, name="reader")

    def _run(self) -> None:
        cursor: dict[str, str] = {}
        while True:
            page = self._agent.get("/events", wait=1, limit=200, **cursor).json()
            cursor = {"cursor": page["next_cursor"]}
            for entry in page["events"]:
                self.chat += entry["type"] == "chat"
                self.gaps += entry["type"] == "gap"
                self.missed += entry.get("missed", 0)
            if self.over.is_set() and not page["events"]:
                return


def lost_frames(show: Show, mark: int) -> int:
    said = "\n".join(show.obs.process.lines()[mark:])
    return sum(map(int, re.findall(r"Number of (?:lagged|dropped) frames.*?: (\d+)", said)))


def stream(show: Show, sim: TwitchSim, messages: int, rate_per_s: int, seconds: float) -> None:
    """One stream with so many messages, or that long without any; prints what came of it."""
    mark = show.obs.process.mark()
    show.client.run("twitch.start_stream", f"events-{messages}")
    reader = Reader(show.agent())
    reader.thread.start()
    began_s = time.monotonic()
    looked_s = 0.0
    sent = 0
    while (passed_s := time.monotonic() - began_s) < seconds or sent < messages:
        if passed_s - looked_s >= LOOK_EVERY_S:
            looked_s = passed_s
            print(f"{passed_s:6.0f} s: {sent} sent, {reader.chat} heard, OBS has {memory_mb(show):.1f} MB", flush=True)
        if sent >= min(messages, passed_s * rate_per_s):
            time.sleep(0.001)
            continue
        sim.world.eventsub.chat(f"message {sent} of somebody who has something to say about the game")
        sent += 1
    reader.over.set()
    reader.thread.join()
    passed_s = time.monotonic() - began_s
    show.client.run("twitch.stop_stream", f"events-stop-{messages}")
    said = f"{sent / passed_s:5.0f} messages/s, {passed_s:.0f} s: {sent} sent, {reader.chat} heard, {reader.gaps} gaps"
    print(f"{said} ({reader.missed} events), {lost_frames(show, mark)} frames lost, OBS has {memory_mb(show):.1f} MB")


def memory_mb(show: Show) -> float:
    return show.obs.rss_bytes() / (1 << 20)


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.py events", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=500, help="messages a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, TwitchSim() as sim:
        env = {**sim.environment(), "TWITCH_EVENTS": "chat,stream,follows,subscriptions,raids"}
        with Show(Path(folder), env) as show:
            wait_until(lambda: show.client.status()["events"]["connected"], "the service hears")
            stream(show, sim, 0, options.rate, min(60.0, options.messages / options.rate))
            stream(show, sim, options.messages, options.rate, options.messages / options.rate)
    return 0
