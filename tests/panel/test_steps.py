"""What the panel writes: in order, on a thread of its own, and to its end when the panel closes."""

import functools
import threading
from collections.abc import Iterator

import pytest

from clawcraft.panel.steps import Steps

NAME = "clawcraft-panel-writes"


@pytest.fixture
def lines() -> list[str]:
    """What the steps log."""
    return []


@pytest.fixture
def steps(lines: list[str]) -> Iterator[Steps]:
    steps = Steps(NAME, lines.append)
    yield steps
    assert steps.close(30)
    assert not [thread for thread in threading.enumerate() if thread.name == NAME]


def test_a_step_that_fails_is_one_line_and_the_next_one_runs(steps: Steps, lines: list[str]) -> None:
    def fail() -> None:
        raise ValueError("no luck")

    ran = list[str]()
    steps.submit(fail)
    steps.submit(lambda: ran.append("next"))
    assert steps.close(30)
    assert lines == ["panel: ValueError: no luck"]
    assert ran == ["next"]


def test_closing_runs_what_waits(steps: Steps) -> None:
    begun, answers, ran = threading.Event(), threading.Event(), list[int]()
    steps.submit(begun.set)
    steps.submit(lambda: answers.wait(30))
    for number in range(3):
        steps.submit(functools.partial(ran.append, number))
    assert begun.wait(30)
    closed = list[bool]()
    closer = threading.Thread(target=lambda: closed.append(steps.close(30)))
    closer.start()
    answers.set()
    closer.join(30)
    assert (closed, ran) == ([True], [0, 1, 2])


def test_a_disk_that_hangs_holds_the_closing_up_no_longer_than_its_time(steps: Steps) -> None:
    """What comes too late is not done: the next life of the script has read the files by then."""
    answers, ran = threading.Event(), list[str]()
    steps.submit(lambda: answers.wait(30))
    steps.submit(lambda: ran.append("too late"))
    assert not steps.close(0.01)
    answers.set()
    assert steps.close(30)
    assert ran == []


def test_closing_what_was_never_used_starts_nothing(steps: Steps) -> None:
    assert steps.close(0)
