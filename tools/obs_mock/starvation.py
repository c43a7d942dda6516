"""How long this process was kept from running because the machine had no processor for it. On Linux, which counts that
for each thread; elsewhere nothing is known, and nothing is taken off.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

LOOK_S = 0.01
_TASKS = Path("/proc/self/task")


class Starvation:
    """A stopwatch that runs between ``begin`` and ``end`` and counts the time in which some thread of the process was
    ready to run and did not get to. A thread of its own looks, since those that end take their count with them."""

    def __init__(self, start: Callable[[threading.Thread], None], join: Callable[[threading.Thread], None]) -> None:
        """``start`` and ``join`` are Python's own: the fake OBS watches over those that everybody gets."""
        self._start = start
        self._join = join
        self._ended = threading.Event()
        self._seconds = 0.0
        self._thread = threading.Thread(target=self._look, name="obs-mock-starvation", daemon=True)

    def begin(self) -> None:
        if _TASKS.is_dir():
            self._start(self._thread)

    def end(self) -> float:
        """The seconds."""
        self._ended.set()
        if self._thread.ident is not None:
            self._join(self._thread)
        return self._seconds

    def _look(self) -> None:
        before, at_s = _delays(), time.monotonic()
        ended = False
        while not ended:
            time.sleep(LOOK_S)
            ended = self._ended.is_set()
            now, now_s = _delays(), time.monotonic()
            longest_s = max((now[task] - before.get(task, 0.0) for task in now), default=0.0)
            self._seconds += min(longest_s, now_s - at_s)
            before, at_s = now, now_s


def _delays() -> dict[str, float]:
    """By thread: the seconds that it was ready to run and did not."""
    delays = {}
    for task in _TASKS.iterdir():
        try:
            delays[task.name] = int((task / "schedstat").read_text().split()[1]) / 1e9
        except (OSError, IndexError, ValueError):
            continue  # it has ended
    return delays
