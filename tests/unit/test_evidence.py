"""A failure's report tells what each program of the test said last, also where the test has ended it since."""

import sys
from collections.abc import Iterator

import pytest

from tests.support.evidence import LINES
from tests.support.process import Process

WAITS = "print('the last words', flush=True); input()"


@pytest.fixture
def waiting() -> Iterator[Process]:
    """It waits for a line that nobody sends."""
    process = Process([sys.executable, "-c", f"import os, sys; sys.stdin = os.fdopen(os.pipe()[0]); {WAITS}"])
    process.wait_for_line("words")
    yield process
    process.kill()


def told(process: Process) -> str:
    return next((text for name, text in Process.evidence(LINES) if f"({process.pid})" in name), "nothing")


def test_of_a_program_that_runs(waiting: Process) -> None:
    assert told(waiting).startswith("the last words\n(it runs")
    Process.forget_ended()
    assert told(waiting) != "nothing"


def test_of_one_that_the_test_has_ended_until_the_next_test(waiting: Process) -> None:
    waiting.kill()
    assert told(waiting).startswith("the last words\n(it runs")
    Process.forget_ended()
    assert told(waiting) == "nothing"


def test_of_one_that_ended_by_itself() -> None:
    process = Process([sys.executable, "-c", "raise SystemExit(3)"])
    assert process.wait() == 3
    assert told(process) == "(it ended: 3)"


def test_a_report_of_a_failure_has_it(waiting: Process, request: pytest.FixtureRequest) -> None:
    def fails() -> None:
        raise AssertionError("somewhere else")

    call = pytest.CallInfo.from_call(fails, "call")
    report = request.config.hook.pytest_runtest_makereport(item=request.node, call=call)
    assert [text for name, text in report.sections if f"({waiting.pid})" in name]
