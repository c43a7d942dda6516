"""The history check: its model finds what no request may be told, a real history fits, and seeded bugs are found."""

import random
from dataclasses import replace

import pytest

from proving.history.model import Event, History, check
from proving.history.run import BUGS, one_history

ACCEPTED = Event(1, 2, "queued", "j")
RUNNING = Event(3, 4, "running", "j")
DONE = Event(5, 6, "ended", "j", "done")
STORED = Event(0, 0, "ended", "j", "done")
HONEST = History("a", [ACCEPTED, RUNNING, DONE, replace(DONE, asked_s=7, told_s=8)], runs=1, rows=[STORED])


def test_what_one_request_may_be_told_fits() -> None:
    assert check(HONEST) == []
    cut_off = replace(DONE, end="interrupted")
    assert check(History("a", [ACCEPTED, cut_off], runs=0, rows=[replace(STORED, end="interrupted")])) == []
    late = replace(RUNNING, asked_s=3, told_s=9)  # it was asked before the end was told
    assert check(replace(HONEST, events=[ACCEPTED, DONE, late])) == []


@pytest.mark.parametrize(
    ("lie", "changes"),
    [
        ("accepted as 2 jobs", {"events": [ACCEPTED, DONE, replace(DONE, job_id="k")]}),
        ("told to have ended as", {"events": [DONE, replace(DONE, end="interrupted")]}),
        ("never told", {"events": [ACCEPTED]}),
        ("ended as internal_error", {"events": [replace(DONE, end="internal_error")]}),
        ("ran 2 times", {"runs": 2}),
        ("did not run", {"runs": 0}),
        ("not known any more", {"events": [DONE, Event(7, 8, "unknown", "j")]}),
        ("ended, and then running", {"events": [DONE, replace(RUNNING, asked_s=7, told_s=8)]}),
        ("kept 0 times", {"rows": []}),
        ("kept 2 times", {"rows": [STORED, STORED]}),
        ("kept {('j', 'interrupted')}", {"rows": [replace(STORED, end="interrupted")]}),
    ],
)
def test_what_it_may_not_be_told_is_found(lie: str, changes: dict[str, object]) -> None:
    assert any(lie in found for found in check(replace(HONEST, **changes)))  # type: ignore[arg-type]


def test_a_service_that_is_killed_as_it_writes_tells_each_request_one_story() -> None:
    found, died = one_history(0, random.Random(0), kills=3)
    assert found == []
    assert died, "no place was met"


@pytest.mark.parametrize("bug", BUGS)
def test_a_seeded_bug_is_found(bug: str) -> None:
    found, _ = one_history(0, random.Random(0), bug, kills=0)
    assert any("accepted as 2 jobs" in each for each in found)
