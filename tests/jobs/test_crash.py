"""kill -9 in the middle: what was accepted is there after it, ended as interrupted, and nothing begins by itself."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clawcraft.clock import SystemClock
from tests.support.job_rig import JobRig, envelope, start, stop
from tests.support.process import killed_after

CHILD = """
import sys
from pathlib import Path
from clawcraft.clock import SystemClock
from tests.support.job_rig import JobRig, envelope, start, stop
rig = JobRig(Path(sys.argv[1]), clock=SystemClock())
rig.stream.connects.clear()
"""
ACCEPT = """
n = 0
while True:
    job_id = rig.accept(start(f"r{n}", args={"title": f"title {n}"}))
    if n == 0:
        rig.stream.reached.acquire()
    print(job_id, flush=True)
    n += 1
    if n % 1000 == 0:
        sys.stdin.readline()
"""
ACT = """
rig.sync.gate.clear()
import threading
threading.Thread(target=rig.execute, args=(envelope("twitch.set_title", "t", args={"title": "x"}),)).start()
rig.sync.entered.acquire()
print("running", flush=True)
sys.stdin.readline()
"""
FINISHED = """
rig.execute(envelope("twitch.set_title", "t", args={"title": "x"}))
print("answered", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def revive(tmp_path: Path) -> Iterator[Callable[[], JobRig]]:
    """The service begins again."""
    with contextlib.ExitStack() as stack:

        def revive() -> JobRig:
            rig = JobRig(tmp_path, clock=SystemClock())
            stack.callback(rig.close)
            return rig

        yield revive


@pytest.mark.parametrize("lines", [1, 37, 1000])
def test_every_accepted_job_is_there_and_interrupted(tmp_path: Path, revive: Callable[[], JobRig], lines: int) -> None:
    ids = killed_after(tmp_path, CHILD + ACCEPT, lines)
    rig = revive()
    for number, job_id in enumerate(ids):
        job = rig.store.get(job_id)
        assert (job.request_id, job.args) == (f"r{number}", {"title": f"title {number}"})
        assert job.error is not None
        assert job.error["code"] == "interrupted"
    assert (rig.store.get(ids[0]).started_at is not None, rig.store.queue_length()) == (True, 0)
    # The same request gets the same, ended job; nothing has reached OBS.
    assert rig.accept(start("r0", args={"title": "title 0"})) == ids[0]
    assert not rig.stream.calls
    # And the table works on: a new request is a new job.
    assert rig.run(stop("after")).status == "done"


def test_a_sync_action_cut_off_in_the_middle_never_runs_again(tmp_path: Path, revive: Callable[[], JobRig]) -> None:
    assert killed_after(tmp_path, CHILD + ACT, 1) == ["running"]
    rig = revive()
    for _ in range(2):
        answer = rig.execute(envelope("twitch.set_title", "t", args={"title": "x"}))
        assert (answer.status, answer.body["error"]["code"]) == (503, "interrupted")
        assert answer.headers["Idempotent-Replayed"] == "true"
        assert answer.body["error"]["retryable"] is False
    assert rig.sync.runs == []


def test_a_sync_answer_survives_the_kill(tmp_path: Path, revive: Callable[[], JobRig]) -> None:
    assert killed_after(tmp_path, CHILD + FINISHED, 1) == ["answered"]
    rig = revive()
    answer = rig.execute(envelope("twitch.set_title", "t", args={"title": "x"}))
    assert (answer.status, answer.body["result"]["run"]) == (200, 1)
    assert rig.sync.runs == []
