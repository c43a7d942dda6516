"""When each channel got its last shoutout: Twitch takes one an hour for the same channel. Any thread.

Kept in memory: after a restart Twitch's own answer (429) decides.
"""

import threading
from typing import Final

from clawcraft.clock import Clock

SAME_CHANNEL_S: Final = 3600.0


class ShoutoutTimes:
    """By the ids of the channel that gives and the one that gets it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at: dict[tuple[str, str], float] = {}

    def wait_s(self, broadcaster_id: str, target_id: str) -> float:
        """How long until Twitch takes another one; 0.0 for now."""
        with self._lock:
            return max(0.0, self._free_at.get((broadcaster_id, target_id), 0.0) - self._clock.monotonic())

    def note(self, broadcaster_id: str, target_id: str) -> None:
        """Twitch took one just now."""
        now = self._clock.monotonic()
        with self._lock:
            self._free_at = {pair: free_at for pair, free_at in self._free_at.items() if free_at > now}
            self._free_at[(broadcaster_id, target_id)] = now + SAME_CHANNEL_S
