"""kill -9 in the middle: what was accepted is there after it, ended as interrupted, and nothing begins by itself."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clawcraft.clock import SystemClock
from tests.support.job_rig import JobRig, envelope, start, stop
from tests.support.paths import ROOT

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


def killed_after(folder: Path, program: str, lines: int) -> list[str]:
    """The first ``lines`` a child running ``program`` prints; it is killed right then, without a chance to tidy up."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD + program, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'obs_plugin'}:{ROOT}"},
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        return [process.stdout.readline().strip() for _ in range(lines)]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()


@pytest.fixture
def revived(tmp_path: Path) -> Iterator[list[JobRig]]:
    rigs: list[JobRig] = []
    yield rigs
    for rig in rigs:
        rig.close()


@pytest.mark.parametrize("lines", [1, 37, 1000])
def test_every_accepted_job_is_there_and_interrupted(tmp_path: Path, revived: list[JobRig], lines: int) -> None:
    ids = killed_after(tmp_path, ACCEPT, lines)
    rig = JobRig(tmp_path, clock=SystemClock())
    revived.append(rig)
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


def test_a_sync_action_cut_off_in_the_middle_never_runs_again(tmp_path: Path, revived: list[JobRig]) -> None:
    assert killed_after(tmp_path, ACT, 1) == ["running"]
    rig = JobRig(tmp_path, clock=SystemClock())
    revived.append(rig)
    for _ in range(2):
        answer = rig.execute(envelope("twitch.set_title", "t", args={"title": "x"}))
        assert (answer.status, answer.body["error"]["code"]) == (503, "interrupted")
        assert answer.headers["Idempotent-Replayed"] == "true"
        assert answer.body["error"]["retryable"] is False
    assert rig.sync.runs == []


def test_a_sync_answer_survives_the_kill(tmp_path: Path, revived: list[JobRig]) -> None:
    assert killed_after(tmp_path, FINISHED, 1) == ["answered"]
    rig = JobRig(tmp_path, clock=SystemClock())
    revived.append(rig)
    answer = rig.execute(envelope("twitch.set_title", "t", args={"title": "x"}))
    assert (answer.status, answer.body["result"]["run"]) == (200, 1)
    assert rig.sync.runs == []
