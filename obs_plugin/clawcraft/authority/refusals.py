"""What was asked and came to nothing, counted by the minute, so that no flood of it can push anything else out.

``count`` on HTTP workers, in memory alone; the audit trail takes the minutes that have ended and stores them.
"""

import threading
from collections import deque
from typing import Final, NamedTuple

from clawcraft.clock import Clock

KINDS_PER_MIN: Final = 64
"""More kinds within a minute (an agent may make up a name for each request) are one kind for each code."""
MAX_WAITING: Final = 5_000
MINUTE_S: Final = 60.0


class Refused(NamedTuple):
    """What made requests one kind. ``code`` is the error's, or ``replayed``; ``client`` the address."""

    code: str
    action: str | None
    agent_id: str | None
    client: str | None


class Count(NamedTuple):
    """How often within the minute that began at ``at_s`` (Unix seconds)."""

    at_s: float
    refused: Refused
    times: int


class RefusalCounts:
    """See the module."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._minute_s = 0.0
        self._counts: dict[Refused, int] = {}
        self._waiting: deque[Count] = deque(maxlen=MAX_WAITING)

    def count(self, code: str, action: str | None, agent_id: str | None, client: str) -> None:
        """Never raises, never waits for a disk."""
        refused = Refused(code, action, agent_id, client)
        with self._lock:
            self._turn_the_minute()
            if refused not in self._counts and len(self._counts) >= KINDS_PER_MIN:
                refused = Refused(code, None, None, None)
            self._counts[refused] = self._counts.get(refused, 0) + 1

    def take(self, *, unfinished: bool = False) -> list[Count]:
        """What nobody took yet of the minutes that have ended, of the present one too if ``unfinished``."""
        with self._lock:
            self._turn_the_minute(at_once=unfinished)
            taken = list(self._waiting)
            self._waiting.clear()
            return taken

    def _turn_the_minute(self, *, at_once: bool = False) -> None:
        now_s = self._clock.time()
        minute_s = now_s - now_s % MINUTE_S
        if minute_s != self._minute_s or at_once:
            self._waiting.extend(Count(self._minute_s, refused, times) for refused, times in self._counts.items())
            self._counts.clear()
            self._minute_s = minute_s
