"""Plays the worst agent for some thousand turns and says what the witnesses counted."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from clawcraft.authority.agent_file import AgentFile, NamedAgent, hash_of
from clawcraft.secrets import new_token
from obs_mock import MockObs, Timings
from proving.worst_agent import orders, witnesses
from proving.worst_agent.agent import NAME, WorstAgent
from proving.worst_agent.streamer import Streamer
from tests.support.paths import SCRIPT, data_folder
from tests.support.ports import free_port
from tests.support.tool_client import wait_for_service
from tests.support.waiting import wait_until
from twitch_sim import TwitchSim

STREAMER_EACH: Final = 4
"""Turns of the agent for one thing that the streamer does."""
TITLE_EACH: Final = 25
ERROR_EACH: Final = 40
REPORT_EACH_S: Final = 15.0
ANNOUNCEMENTS_A_MINUTE: Final = 6
UNKNOWN: Final = "canary-a-secret-the-service-never-had"
"""With a careless streamer the witness has to find this one, which the service cannot."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--turns", type=int, default=10_000, help="orders that the agent obeys (default: 10000)")
    parser.add_argument("--seed", type=int, default=1, help="which orders, and what the streamer does (default: 1)")
    parser.add_argument(
        "--careless", action="store_true", help="the service allows everything: the witnesses have to count"
    )


def main(options: argparse.Namespace) -> int:
    """0 if nothing happened that the streamer did not want; with ``careless`` if all of it was seen."""
    played = play(options.turns, options.seed, careless=options.careless, terminal=sys.stdout)
    print(played.report())
    return int(any(played.wrong.values()) != options.careless)


@dataclass
class Played:
    """``wrong`` is what must not have happened; ``seen`` what did, without anything wrong in it; ``told`` in which
    ways, not promised, secrets left."""

    turns: int
    seconds: float
    wrong: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    orders: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)

    def report(self) -> str:
        lines = [f"{self.turns} turns in {self.seconds:.0f} s", "", "must not happen", *_rows(self.wrong)]
        lines += ["", "happened, as the streamer let it", *_rows(self.seen)]
        lines += ["", "not promised: secrets written in another way", *_rows(self.told)]
        lines += ["", "what the agent did", *_rows(self.orders), "", "what it was answered", *_rows(self.answers)]
        return "\n".join(lines)


def _rows(counts: Mapping[str, int]) -> list[str]:
    return [f"  {name:<50} {count:>7,}" for name, count in sorted(counts.items(), key=lambda row: (-row[1], row[0]))]


def play(turns: int, seed: int, *, careless: bool, terminal: TextIO) -> Played:
    """``turns`` orders obeyed, in a fake OBS of this process."""
    dice = random.Random(seed)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, TwitchSim() as twitch, _settings(twitch, careless=careless) as given:
        twitch.world.clip_delay_s = 0.0
        agent_token = new_token()
        AgentFile(data_folder(Path(folder))).add(NamedAgent(NAME, hash_of(agent_token), created_at=0.0))
        port = int(given["PORT"])
        secrets = {
            name: value
            for name, value in given.items()
            if name in ("TOOL_SERVICE_TOKEN", "TWITCH_OAUTH_TOKEN", "TWITCH_REFRESH_TOKEN", "TWITCH_CLIENT_SECRET")
        }
        secrets["AGENT_TOKEN"] = agent_token.reveal()
        if careless:
            secrets["UNKNOWN"] = UNKNOWN
        obs = MockObs(
            SCRIPT,
            settings={"port": port},
            config_dir=Path(folder),
            timings=Timings().scaled(0.05),
            scenes=(*orders.LISTED, *orders.NOT_LISTED),
        )
        with obs:
            wait_for_service(port)
            played = _play(obs, twitch, port, secrets, dice, turns, careless=careless, terminal=terminal)
        played.wrong["secrets in the script log"] = sum(
            secret in line for line in obs.log_lines() for secret in secrets.values()
        )
    played.seconds = time.monotonic() - began_s
    return played


def _play(
    obs: MockObs,
    twitch: TwitchSim,
    port: int,
    secrets: Mapping[str, str],
    dice: random.Random,
    turns: int,
    *,
    careless: bool,
    terminal: TextIO,
) -> Played:
    agent = WorstAgent(port, secrets["TOOL_SERVICE_TOKEN"], secrets["AGENT_TOKEN"], dice, secrets)
    streamer = Streamer(obs, port, secrets["TOOL_SERVICE_TOKEN"], dice, careless=careless)
    began_s = said_s = time.monotonic()
    writes = 0
    with contextlib.closing(agent), contextlib.closing(streamer):
        streamer.begin()
        played = Played(turns, 0.0)
        for turn in range(turns):
            if turn % STREAMER_EACH == 0:
                agent.was_allowed(streamer.act())
            _write(twitch, dice, secrets, turn)
            before, forbidden = witnesses.looked_at(twitch), streamer.forbidden
            wait_until(lambda: _has_orders(agent, twitch, dice, secrets), "the agent is told something")
            agent.obey()
            after = witnesses.looked_at(twitch)
            for action in sorted(forbidden & before.keys()):
                if before[action] != after[action]:
                    writes += 1
                    print(f"turn {turn}: {action}: {before[action]!r} -> {after[action]!r}", file=terminal)
                    print(f"  the newest jobs: {streamer.newest()}", file=terminal)
            twitch.show_live(obs.stream.streaming)
            if time.monotonic() - said_s > REPORT_EACH_S:
                said_s = time.monotonic()
                rate = (turn + 1) / (said_s - began_s)
                print(f"{turn + 1} of {turns}, {rate:.0f} a second, {(turns - turn) / rate:.0f} s left", file=terminal)
                terminal.flush()
    wrong, seen = witnesses.of_obs(obs.timeline())
    promised, told = witnesses.leaks(witnesses.texts(twitch), secrets)
    for name in (*(name for _, name in witnesses.ACTS.values()), "scenes not listed"):
        played.wrong[name] = wrong[name]
    minutes = (time.monotonic() - began_s) / 60
    most = ANNOUNCEMENTS_A_MINUTE * 2 * (minutes + 1)  # two holders of a token, and what may come at once
    counted = {
        "writes to Twitch without a yes": writes,
        "texts that hold a secret": sum(promised.values()),
        "raids of channels not listed": witnesses.raids_elsewhere(twitch),
        "messages in other channels": witnesses.elsewhere(twitch),
        "announcements beyond the budget": max(0, round(len(twitch.world.show.announcements) - most)),
    }
    played.wrong.update(counted)  # not +, which would leave out each 0
    played.seen = seen + Counter({f"streamer: {what}": count for what, count in streamer.did.items()})
    for action, number in witnesses.looked_at(twitch).items():
        if isinstance(number, int):
            played.seen[f"Twitch: {action}"] = number
    played.told, played.orders, played.answers = told, agent.done, agent.answers
    return played


def _write(twitch: TwitchSim, dice: random.Random, secrets: Mapping[str, str], turn: int) -> None:
    """What strangers can put before the agent's eyes beside chat, and nothing that only slows Twitch down."""
    with twitch.world.lock:
        twitch.world.points_used = 0
        for poll in twitch.world.show.polls:
            poll.ended = poll.ended or "TERMINATED"
        if turn % TITLE_EACH == 0:
            twitch.world.channels["1001"].title = orders.written(dice, secrets)
    if turn % ERROR_EACH == 0:
        twitch.faults.clear()  # else each message would meet one, where few get as far as Twitch
        body = {"error": "Bad Request", "status": 400, "message": orders.written(dice, secrets)}
        twitch.fault("POST /chat/messages", status=400, body=body)


def _has_orders(agent: WorstAgent, twitch: TwitchSim, dice: random.Random, secrets: Mapping[str, str]) -> bool:
    if agent.has_orders:
        return True
    for _ in range(10):
        twitch.world.eventsub.chat(orders.written(dice, secrets), f"viewer{dice.randrange(1000)}")
    agent.look()
    return agent.has_orders


@contextlib.contextmanager
def _settings(twitch: TwitchSim, *, careless: bool) -> Iterator[Mapping[str, str]]:
    """The service's environment for the time being."""
    given = {
        **twitch.environment(),
        "PORT": str(free_port()),
        "TOOL_SERVICE_TOKEN": new_token().reveal(),
        "TOOL_ACTION_RATE_LIMIT_PER_MIN": "100000",
        "TOOL_ACTION_RATE_LIMITS": ",".join(
            [
                *(
                    f"twitch.{name}=100000"
                    for name in ("post_chat_message", "raid", "create_poll", "run_ad", "snooze_ad")
                ),
                f"twitch.announce={ANNOUNCEMENTS_A_MINUTE}",
            ]
        ),
        "TOOL_APPROVAL_TIMEOUT_MS": "1000",
        "TOOL_START_COUNTDOWN_MS": "50",
        "TOOL_ALLOWED_SCENES": ";".join(orders.LISTED + (orders.NOT_LISTED if careless else ())),
        "TWITCH_RAID_TARGETS": f"{orders.RAID_TARGET},stranger" if careless else orders.RAID_TARGET,
        "TWITCH_EVENTS": "chat,stream",
        "TWITCH_ALLOWED_CHANNELS": "stranger" if careless else "",
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield given
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
