"""What each kind of answer takes at the agent, in milliseconds, and how soon a long poll wakes after its job ended."""

import itertools
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from bench.agent import Agent
from bench.compare import SETTLE_S, timed_ms
from bench.target import Target, agent
from tests.support.mcp_client import McpClient

REST_S = 0.05
"""Before an accept: an agent thinks between its calls."""
WAKERS = (1, 8, 32)


@dataclass
class Measure:
    """``floor_ms`` of the same exchange with the empty app, where there is one."""

    name: str
    taken_ms: list[float] = field(default_factory=list)
    floor_ms: list[float] = field(default_factory=list)

    def row(self) -> dict[str, float | str | None]:
        ordered = sorted(self.taken_ms)
        floor = statistics.median(self.floor_ms) if self.floor_ms else None
        median = statistics.median(ordered)
        return {
            "name": self.name,
            "median_ms": round(median, 3),
            "p95_ms": round(ordered[int(len(ordered) * 0.95)], 3),
            "floor_ms": None if floor is None else round(floor, 3),
            "ratio_to_floor": None if floor is None else round(median / floor, 2),
        }


def measure(target: Target, times: int) -> list[Measure]:
    """Each kind in turns with the floor, ``times`` times."""
    ours, floor = agent(target), Agent(target.floor_port, "none")
    mcp = McpClient(target.port, target.token)
    numbers = itertools.count()
    job_id = ours.accept("twitch.stop_stream", "answers-first")
    ours.ended(job_id)

    def accept() -> None:
        ours.ended(ours.accept("twitch.stop_stream", f"answers-{next(numbers)}"))

    def accept_only() -> float:
        number = next(numbers)
        time.sleep(REST_S)
        taken_ms = timed_ms(lambda: ours.accept("twitch.stop_stream", f"answers-{number}"))
        accept()  # behind it, so that no queue grows
        return taken_ms

    def floor_accept() -> float:
        time.sleep(REST_S)
        return timed_ms(lambda: floor.accept("twitch.stop_stream", "floor"))

    def at_once(ask: Callable[[], object]) -> Callable[[], float]:
        return lambda: timed_ms(ask)

    floor_get = at_once(lambda: floor.get("/health"))
    kinds: tuple[tuple[str, Callable[[], float], Callable[[], float] | None], ...] = (
        ("accept", accept_only, floor_accept),
        ("poll", at_once(lambda: ours.get(f"/tools/jobs/{job_id}")), floor_get),
        ("refusal", at_once(lambda: ours.refused("twitch.stop_stream", {"unknown": 1})), floor_get),
        ("/status", at_once(lambda: ours.get("/status")), floor_get),
        ("/tools/jobs", at_once(lambda: ours.get("/tools/jobs?limit=20")), floor_get),
        ("/events", at_once(lambda: ours.get("/events")), floor_get),
        ("MCP tools/list", at_once(lambda: mcp.result("tools/list")), None),
        ("MCP status", at_once(lambda: mcp.call("status")), None),
    )
    measures = []
    for name, ask, ask_floor in kinds:
        found = Measure(name)
        for _ in range(times):
            found.taken_ms.append(ask())
            if ask_floor is not None:
                found.floor_ms.append(ask_floor())
        measures.append(found)
    for client in (ours, floor, mcp):
        client.close()
    return measures


def wake_ups(target: Target, clients: int, times: int) -> Measure:
    """From the end of a start, as its job says, to each of ``clients`` that wait for it."""
    found = Measure(f"long poll wakes, {clients}")
    agents = [agent(target) for _ in range(clients)]
    for number in range(times):
        job_id = agents[0].accept("twitch.start_stream", f"wake-{clients}-{number}")
        woken: list[float] = []

        def wait(each: Agent, job_id: str = job_id, woken: list[float] = woken) -> None:
            job = each.ended(job_id)
            woken.append((time.time() - datetime.fromisoformat(job["finished_at"]).timestamp()) * 1000)

        threads = [threading.Thread(target=wait, args=(each,)) for each in agents]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found.taken_ms += woken
        agents[0].ended(agents[0].accept("twitch.stop_stream", f"wake-end-{clients}-{number}"))
        time.sleep(SETTLE_S)
    for each in agents:
        each.close()
    return found
