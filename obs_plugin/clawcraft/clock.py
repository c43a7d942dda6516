"""Time as a dependency, so that tests turn the clock instead of sleeping."""

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """Wall time for timestamps, monotonic time for durations."""

    def time(self) -> float:
        """Unix time, seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...


class SystemClock:
    """The machine's clocks."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


@lru_cache(maxsize=1024)  # an agent that polls is told the same few moments again and again
def rfc3339(unix_s: float) -> str:
    """``unix_s`` as RFC 3339 UTC with milliseconds, the form of every timestamp in the contract."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
