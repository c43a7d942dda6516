"""What one request_id may be told, whatever dies in between. Pure: a history in, what does not fit out.

unknown → accepted, once, under one job → at most one run of its handler → one end, which every later answer repeats.
After a kill a job that had not ended is failed as interrupted; it never runs then, and never goes away.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["accepted", "seen", "ended", "unknown"]
ORDER: Final = ("queued", "running", "ended")
EXPECTED_CODES: Final = frozenset({"interrupted", "superseded"})
"""With a good OBS and a good Twitch nothing else makes a request fail."""


@dataclass(frozen=True)
class Event:
    """One answer: when it was asked for and had (the agents' monotonic clock), and what it said: ``state`` queued,
    running or ended; ``end`` how, as ``done`` or an error's code, empty
    where that was not said; ``job_id`` empty for an action without a job;
    ``state`` "unknown" says that there is no such job."""

    asked_s: float
    told_s: float
    state: str
    job_id: str = ""
    end: str = ""


@dataclass(frozen=True)
class History:
    """All answers to one request_id, how often its handler ran (as Twitch saw it), and what is stored at the end."""

    request_id: str
    events: Sequence[Event]
    runs: int
    rows: Sequence[Event]


def check(history: History) -> list[str]:
    """What of it no single request can have been told."""
    name = history.request_id
    events = sorted(history.events, key=lambda event: event.told_s)
    found = []
    jobs = {event.job_id for event in events if event.job_id}
    if len(jobs) > 1:
        found.append(f"{name}: accepted as {len(jobs)} jobs")
    ends = {event.end for event in events if event.end}
    if len(ends) > 1:
        found.append(f"{name}: told to have ended as {', '.join(sorted(ends))}")
    if not ends:
        found.append(f"{name}: never told to have ended")
    if strange := ends - EXPECTED_CODES - {"done"}:
        found.append(f"{name}: ended as {', '.join(sorted(strange))}")
    if history.runs > 1:
        found.append(f"{name}: ran {history.runs} times")
    if "done" in ends and history.runs == 0:
        found.append(f"{name}: told to be done, and did not run")
    for before in events:
        for after in events:
            if before.told_s > after.asked_s or "unknown" in (before.state,):
                continue
            if after.state == "unknown":
                found.append(f"{name}: acknowledged, and then not known any more")
            elif ORDER.index(after.state) < ORDER.index(before.state):
                found.append(f"{name}: {before.state}, and then {after.state}")
    kept = {(row.job_id, row.end) for row in history.rows}
    if len(history.rows) != 1:
        found.append(f"{name}: kept {len(history.rows)} times")
    elif ends and kept != {(next(iter(jobs), ""), next(iter(ends)))}:
        found.append(f"{name}: told {', '.join(ends)}, kept {kept}")
    return list(dict.fromkeys(found))
