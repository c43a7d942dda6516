"""pytest in several OBS side by side, since its tests mostly wait: what each says is shown as a whole, in order."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from _venv import say

WITHIN_S: Final = 1500
"""How long the tests in all of them may take; on two idle cores it is a quarter of that."""
STOP_S: Final = 60
"""How long those that are told to stop may take to end what they started."""


@dataclass(frozen=True, slots=True)
class Run:
    """pytest with ``arguments`` and ``environment``, in an OBS that is called ``name``."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]


def side_by_side(runs: Sequence[Run], folder: Path, within_s: float = WITHIN_S) -> list[int]:
    """The status of each, 1 where it did not end in time. ``folder`` keeps their output meanwhile."""
    with contextlib.ExitStack() as stack:
        outputs = [stack.enter_context((folder / f"output-{number}").open("w+b")) for number in range(len(runs))]
        started: list[subprocess.Popen[bytes]] = []
        for run, output in zip(runs, outputs, strict=True):
            say(f"== OBS {run.name}: pytest {' '.join(run.arguments)}")
            command = [sys.executable, "-m", "pytest", *run.arguments]
            environment = {**os.environ, **run.environment}
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
            stack.callback(_end, process)
            started.append(process)
        deadline = time.monotonic() + within_s
        statuses = [_status(process, deadline) for process in started]
        for run, output, status in zip(runs, outputs, statuses, strict=True):
            output.seek(0)
            say(f"== OBS {run.name}: pytest said")
            print(output.read().decode(errors="replace"), end="", flush=True)
            if status is None:
                print(f"error: the tests in OBS {run.name} did not end within {within_s} s", file=sys.stderr)
    return [1 if status is None else status for status in statuses]


def _status(process: subprocess.Popen[bytes], deadline: float) -> int | None:
    """None, and it has been ended, if it took longer."""
    try:
        return process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        _end(process)
        return None


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)  # its fixtures still end what they started
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        process.kill()
        process.wait()
