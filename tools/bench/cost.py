"""What the service costs the OBS it lives in: start, memory, processor time and frames, beside OBS without it."""

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.agent import Agent
from bench.obs_websocket import ObsWebsocket
from bench.target import FakeTarget
from tests.support.display import Display
from tests.support.obs_home import ObsHome
from tests.support.ports import free_port
from tests.support.real_obs import RealObs
from tests.support.show import Show
from tests.support.tool_client import stored_token

RATES: Final = (0, 100, 300, 1_000)
"""Requests a second."""
ROUNDS: Final = 4
"""In turns: what rendering a frame takes wanders from minute to minute."""
PATHS: Final = ("/status", "/health", "/tools/jobs?limit=20")
SETTLE_S: Final = 5.0
LOOK_EVERY_S: Final = 0.5

Row = dict[str, float | str | None]


def cost(seconds: float) -> list[Row]:
    """OBS alone and with the service, idle; then one stream, with each of RATES for ``seconds``, and the same requests
    to a service outside of OBS: what the agent and its answers take from OBS on this machine, whoever answers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ObsHome().write(folder / "home")
        with Display(folder / "display") as display:
            alone = RealObs(display, folder / "home")
            rows = [{"what": "OBS alone, idle", "start_s": _timed_s(alone.start), **_idle(alone, seconds)}]
            assert alone.quit() == 0
    with tempfile.TemporaryDirectory() as name:
        websocket_port = free_port()
        with Show(Path(name), websocket_port=websocket_port) as show:
            show.client.close()
            assert show.obs.quit() == 0  # the first start makes files that later ones find
            start_s = _timed_s(show.start)
            rows.append({"what": "with the service, idle", "start_s": start_s, **_idle(show.obs, seconds)})
            peer = ObsWebsocket(websocket_port)
            show.client.run("twitch.start_stream", "cost-start")
            inside = (show.port, stored_token(show.config))
            with FakeTarget(Path(name) / "elsewhere") as elsewhere:
                outside = (elsewhere.port, elsewhere.token)
                loads = [(f"streaming, {rate} requests/s", inside, rate) for rate in RATES]
                loads += [(f"streaming, {rate} requests/s to another process", outside, rate) for rate in RATES if rate]
                looks = [
                    [_streaming(show, peer, asked, rate, seconds / ROUNDS) for _what, asked, rate in loads]
                    for _round in range(ROUNDS)
                ]
            for (what, _asked, _rate), *of_load in zip(loads, *looks, strict=True):
                rows.append({"what": what, **_medians(of_load)})
            show.client.run("twitch.stop_stream", "cost-stop")
            peer.close()
    return rows


def _medians(looks: Sequence[Mapping[str, float]]) -> Row:
    return {name: round(statistics.median(look[name] for look in looks), 3) for name in looks[0]}


def _timed_s(work: Callable[[], object]) -> float:
    began_s = time.monotonic()
    work()
    return round(time.monotonic() - began_s, 2)


def _idle(obs: RealObs, seconds: float) -> Row:
    """The whole process differs by a percent from one run to the next; what runs in Python is told apart by threads."""
    time.sleep(SETTLE_S)
    before_s, threads_before = _processor_s(obs.pid), _ran_ns(obs.pid)
    time.sleep(seconds)
    share = (_processor_s(obs.pid) - before_s) / seconds * 100
    window_ns, script_ns = (after - before for after, before in zip(_ran_ns(obs.pid), threads_before, strict=True))
    return {
        "processor_percent": round(share, 2),
        "window_thread_percent": round(window_ns / seconds / 1e7, 3),
        "script_threads_percent": round(script_ns / seconds / 1e7, 3),
        "memory_mb": round(obs.rss_bytes() / (1 << 20), 1),
    }


def _streaming(show: Show, peer: ObsWebsocket, asked: tuple[int, str], rate: int, seconds: float) -> dict[str, float]:
    """``frame_ms`` is OBS's own average of what rendering a frame takes."""
    time.sleep(SETTLE_S)
    agent = Agent(*asked)  # a connection that has not shown its token ends in seconds
    skipped_before = peer.request("GetStats")["responseData"]["renderSkippedFrames"]
    before_s, frames = _processor_s(show.obs.pid), []
    began_s = looked_s = time.monotonic()
    answered = 0
    while (now_s := time.monotonic()) - began_s < seconds:
        if now_s - looked_s >= LOOK_EVERY_S:
            looked_s = now_s
            frames.append(peer.request("GetStats")["responseData"]["averageFrameRenderTime"])
        elif answered < (now_s - began_s) * rate:
            agent.get(PATHS[answered % len(PATHS)])
            answered += 1
        else:
            time.sleep(0.001)
    share = (_processor_s(show.obs.pid) - before_s) / seconds * 100
    skipped = peer.request("GetStats")["responseData"]["renderSkippedFrames"] - skipped_before
    agent.close()
    return {
        "answered_per_s": round(answered / seconds),
        "frame_ms": round(statistics.median(frames), 3),
        "skipped_frames": skipped,
        "processor_percent": round(share, 1),
    }


def _ran_ns(pid: int) -> tuple[int, int]:
    """What the thread of OBS's window has run, and those that scripts began. Theirs have the name of the process, or
    the name that Python 3.14 gives them; OBS names its own, but for two that sleep."""
    window = script = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has ended meanwhile
            name = (thread / "comm").read_text().strip()
            ran_ns = int((thread / "schedstat").read_text().split()[0])
            if thread.name == str(pid):
                window += ran_ns
            elif name.startswith(("obs", "clawcraft", "twitch")) and not name.startswith("obs:"):
                script += ran_ns
    return window, script


def _processor_s(pid: int) -> float:
    """Seconds of processor time that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
