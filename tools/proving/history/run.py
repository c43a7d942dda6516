"""Runs histories: one service that is killed and started again, and agents that go on asking."""

import argparse
import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final

import requests

from proving.history.agents import HistoryAgent, Request
from proving.history.model import Event, History, check
from tests.support.paths import OBS_PLUGIN, TOOLS
from tests.support.ports import free_port
from twitch_sim import TwitchSim

TOKEN: Final = "history-token-0123456789abcdef"
AGENTS: Final = 4
EACH: Final = 6
KILLS: Final = 4
"""In one history, if each place is met."""
ACTIONS: Final = (
    *("twitch.start_stream", "twitch.start_stream", "twitch.stop_stream"),
    *("twitch.set_title", "twitch.post_chat_message"),
)
KINDS: Final = (
    *("jobs insert", "jobs update running", "jobs update done", "jobs update failed"),
    *("answers insert", "answers update", "commit", "entries insert"),
)
"""The writes in a request's life."""
PLACES: Final = tuple((kind, when) for kind in KINDS for when in ("before", "after"))
MOST: Final = {"jobs insert": 6, "jobs update running": 8, "jobs update failed": 2, "commit": 10}
"""A kill comes at the first, or at most so many-eth, of its kind in a life; else at most at the third."""
OPENS_S: Final = 60.0
BUGS: Final = ("not stored", "runs twice")


class Service:
    """The process that dies, and the next one: same port, same folder."""

    def __init__(self, folder: Path, twitch: TwitchSim) -> None:
        self.folder = folder
        self.port = free_port()
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, (TOOLS, OBS_PLUGIN))),
            "TOOL_SERVICE_TOKEN": TOKEN,
            "TOOL_ACTION_RATE_LIMIT_PER_MIN": "100000",
            "PORT": str(self.port),
            **twitch.environment(),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self.kills = 0

    def open(self, rule: dict[str, Any]) -> None:
        command = [sys.executable, "-m", "proving.history.service", str(self.folder), json.dumps(rule)]
        with (self.folder / "service.txt").open("ab") as log:
            self._process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=subprocess.STDOUT)
        deadline_s = time.monotonic() + OPENS_S
        while not self.answers() and self.is_open:
            if time.monotonic() > deadline_s:
                raise TimeoutError((self.folder / "service.txt").read_text()[-2000:])
            time.sleep(0.02)
        if self._process.poll() not in (None, -signal.SIGKILL):  # by itself: its port is another program's, mostly
            raise RuntimeError((self.folder / "service.txt").read_text()[-2000:])

    @property
    def is_open(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def answers(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/health", timeout=5).ok
        except requests.RequestException:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stored(self) -> dict[str, list[Event]]:
        """What SQLite has of each request_id, once the service is gone."""
        found: dict[str, list[Event]] = {}
        [path] = self.folder.rglob("jobs.sqlite3")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            for job_id, request_id, status, error in connection.execute(
                "SELECT id, request_id, status, error FROM jobs"
            ):
                end = json.loads(error)["code"] if error else status
                found.setdefault(request_id, []).append(Event(0, 0, "ended", job_id, end))
            for request_id, body in connection.execute("SELECT request_id, body FROM answers"):
                told: dict[str, Any] = json.loads(body) if body else {"ok": False, "error": {"code": "interrupted"}}
                end = "done" if told["ok"] else str(told["error"]["code"])
                found.setdefault(request_id, []).append(Event(0, 0, "ended", "", end))
        return found


def one_history(number: int, dice: random.Random, bug: str = "", kills: int = KILLS) -> tuple[list[str], list[str]]:
    """What does not fit, and the places at which the service died."""
    requests_made = [
        Request(dice.choice(ACTIONS), f"history-{agent}-{each}") for agent in range(AGENTS) for each in range(EACH)
    ]
    shared = dice.sample(requests_made, 3)  # several agents ask for the same
    places = [PLACES[(number * KILLS + each) % len(PLACES)] for each in range(kills)]
    rules = [{"kind": kind, "count": dice.randint(1, MOST.get(kind, 3)), "when": when} for kind, when in places]
    died: list[str] = []
    with tempfile.TemporaryDirectory() as folder, TwitchSim() as twitch, contextlib.ExitStack() as stack:
        service = Service(Path(folder), twitch)
        stack.callback(service.kill)
        agents = [
            HistoryAgent(service.port, TOKEN, [*requests_made[n * EACH : (n + 1) * EACH], *shared])
            for n in range(AGENTS)
        ]
        lives = iter([*rules, {}])
        rule = next(lives)
        service.open({**rule, "bug": bug})
        for agent in agents:
            agent.thread.start()
        while any(agent.thread.is_alive() for agent in agents):
            if not service.is_open:
                died.append("{when} {kind}".format(**rule))
                rule = next(lives)
                service.open({**rule, "bug": bug})
            time.sleep(0.02)
        for request in requests_made:  # and all of it once more
            agents[0].ask(request)
        service.kill()
        ran = _runs(twitch)
        stored = service.stored()
    found = []
    for request in requests_made:
        # A stop shows nothing of itself to Twitch.
        runs = 1 if request.action == "twitch.stop_stream" else ran.get(request.request_id, 0)
        found += check(History(request.request_id, request.events, runs, stored.get(request.request_id, [])))
    return found, died


def _runs(twitch: TwitchSim) -> dict[str, int]:
    """By the title or text that names the request."""
    found: dict[str, int] = {}
    with twitch.world.lock:
        for call in twitch.world.calls:
            if call.endpoint in ("PATCH /channels", "POST /chat/messages"):
                name = str(call.body.get("title") or call.body.get("message"))
                found[name] = found.get(name, 0) + 1
    return found


def run(runs: int, seed: int, bug: str = "", minutes: float | None = None) -> tuple[list[str], int, Counter[str]]:
    """What does not fit, the histories checked, and how often the service died at which place. Places take turns."""
    deadline_s = None if minutes is None else time.monotonic() + minutes * 60
    found: list[str] = []
    died: Counter[str] = Counter()
    for number in range(runs):
        if deadline_s is not None and time.monotonic() > deadline_s:
            return found, number, died
        began_s = time.monotonic()
        bad, places = one_history(number, random.Random(f"{seed}/{number}"), bug)
        found += bad
        died.update(places)
        took_s = time.monotonic() - began_s
        print(f"{number + 1} of {runs}: {took_s:.1f} s; died {', '.join(places)}", file=sys.stderr, flush=True)
        for line in bad:
            print(f"  {line}", file=sys.stderr, flush=True)
    return found, runs, died


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=int, default=32, help="histories, each with its kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="end after so long")
    parser.add_argument("--seeded-bug", choices=BUGS, default="", help="put this in, and want it to be found")


def main(options: argparse.Namespace) -> int:
    """0 if every history fits; with a seeded bug, if one does not."""
    found, runs, died = run(options.runs, options.seed, options.seeded_bug, options.minutes)
    for place, times in sorted(died.items()):
        print(f"killed {place:30} {times:5}")
    asked = runs * AGENTS * EACH
    print(f"{runs} histories of {asked} requests, {died.total()} kills: {len(found) or 'nothing'} that cannot be")
    return int(bool(found) != bool(options.seeded_bug))
