"""Our service against obs-websocket: the same real OBS, the same local RTMP server, in turns, as ratios. Beside them
the floor: bare waitress with an empty bottle app in that OBS, asked by the same client after the same rest."""

import argparse
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from bench.agent import Agent
from bench.obs_websocket import ObsWebsocket
from tests.support.ports import free_port
from tests.support.show import Show
from tests.support.tool_client import stored_token

Row = dict[str, list[float]]
STARTED, STOPPED = 1, 3
SETTLE_S = 0.1
"""Between a stop and the next start: OBS can hang in a start that comes within a millisecond, whoever asks for it."""
FRAME_S = 1 / 30
"""How long OBS takes depends on where in a frame it is asked. So nobody asks at a fixed moment behind the last event:
who answers polls quicker would always be there sooner."""


def _order(number: int) -> tuple[bool, bool]:
    """Whose turn it is in this round, ours or not. A start soon after a stop takes OBS another time than one after a
    longer rest, so each side is first as often as the other."""
    return (True, False) if number % 2 == 0 else (False, True)


def _rest() -> None:
    time.sleep(SETTLE_S + random.uniform(0, FRAME_S))


def timed_ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def our_round(agent: Agent, ids: Iterator[int], row: Row, ends: Row) -> None:
    """Start, poll and stop once through the tool API."""

    def run(action: str, end: str) -> Callable[[], object]:
        def work() -> None:
            began = time.perf_counter()
            job_id = agent.accept(action, f"bench-{next(ids)}")
            row["accept"].append((time.perf_counter() - began) * 1000)
            ends[end].append(datetime.fromisoformat(agent.ended(job_id)["finished_at"]).timestamp())

        return work

    row["start to live"].append(timed_ms(run("twitch.start_stream", "STARTED to done")))
    job_id = agent.get("/tools/jobs?limit=1")["jobs"][0]["id"]
    row["poll"] += [timed_ms(lambda: agent.get(f"/tools/jobs/{job_id}")) for _ in range(20)]
    _rest()
    row["stop to stopped"].append(timed_ms(run("twitch.stop_stream", "STOPPED to done")))


def peer_round(peer: ObsWebsocket, row: Row) -> None:
    """The same through obs-websocket: the request's answer is its accept, the state event its outcome."""

    def run(request: str, state: str) -> Callable[[], object]:
        def work() -> None:
            peer.forget_states()
            row["accept"].append(timed_ms(lambda: peer.request(request)))
            peer.wait_state(state)

        return work

    row["start to live"].append(timed_ms(run("StartStream", "OBS_WEBSOCKET_OUTPUT_STARTED")))
    row["poll"] += [timed_ms(lambda: peer.request("GetStreamStatus")) for _ in range(20)]
    _rest()
    row["stop to stopped"].append(timed_ms(run("StopStream", "OBS_WEBSOCKET_OUTPUT_STOPPED")))


def floor_round(floor: Agent, row: Row) -> None:
    """What of ``our_round`` is no work of ours: an empty answer, once after a rest, then again and again."""
    row["accept"].append(timed_ms(lambda: floor.accept("twitch.start_stream", "floor")))
    row["poll"] += [timed_ms(lambda: floor.get("/health")) for _ in range(20)]


def compare(rounds: int, folder: Path) -> dict[str, dict[str, float]]:
    """Medians in ms and their ratio (ours / peer) for each measure; what only we have comes without a ratio."""
    websocket_port = free_port()
    times = folder / "events.txt"
    measures = ("start to live", "stop to stopped", "accept", "poll")
    floor_port = free_port()
    floors: Row = {"accept": [], "poll": []}
    ours: Row = {name: [] for name in measures}
    theirs: Row = {name: [] for name in measures}
    ends: Row = {"STARTED to done": [], "STOPPED to done": []}
    ids = itertools.count()
    env = {"EVENT_TIMES": str(times), "FLOOR_PORT": str(floor_port)}
    scripts = tuple(Path(__file__).with_name(name) for name in ("event_times.py", "floor.py"))
    with Show(folder, env, websocket_port=websocket_port, more_scripts=scripts) as show:
        agent = Agent(show.port, stored_token(show.config))
        peer = ObsWebsocket(websocket_port)
        floor = Agent(floor_port, "none")
        for number in range(rounds):
            for is_ours in _order(number):
                if is_ours:
                    our_round(agent, ids, ours, ends)
                else:
                    peer_round(peer, theirs)
                _rest()
            floor_round(floor, floors)
            _rest()
        floor.close()
        peer.close()
        agent.close()
    table = {
        name: {
            "ours_ms": statistics.median(ours[name]),
            "obs_websocket_ms": statistics.median(theirs[name]),
            "ratio": statistics.median(ours[name]) / statistics.median(theirs[name]),
        }
        for name in measures
    }
    for name, figures in floors.items():
        table[name]["floor_ms"] = statistics.median(figures)
    for (name, ours_at), code in zip(ends.items(), (STARTED, STOPPED), strict=True):
        events = [float(line.split()[1]) for line in times.read_text().splitlines() if int(line.split()[0]) == code]
        of_ours = [events[2 * number + _order(number).index(True)] for number in range(rounds)]
        late_ms = [(at - event) * 1000 for at, event in zip(ours_at, of_ours, strict=True)]
        table[name] = {"ours_ms": statistics.median(late_ms)}
    return table


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.py compare", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = compare(options.rounds, Path(folder))
    if options.json:
        print(json.dumps(table, indent=2))
        return 0
    print(f"{'':16} {'ours':>10} {'obs-websocket':>14} {'ratio':>6} {'floor':>10}")
    for name, figures in table.items():
        line = f"{name:16} {figures['ours_ms']:7.2f} ms"
        if "ratio" in figures:
            line += f" {figures['obs_websocket_ms']:11.2f} ms {figures['ratio']:6.2f}"
        if "floor_ms" in figures:
            line += f" {figures['floor_ms']:7.2f} ms"
        print(line)
    return 0
