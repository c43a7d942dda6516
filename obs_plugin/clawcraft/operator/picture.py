"""A small look at the program, for the page; the same one for everybody who asks within a few seconds. HTTP workers."""

import threading
from collections.abc import Callable
from typing import Final

from clawcraft.clock import Clock
from clawcraft.obs.jpeg import Picture

GOOD_FOR_S: Final = 3.0
"""OBS draws and codes some frames more for each."""


class LatestPicture:
    """``take`` has OBS make one, which takes about 0.3 s."""

    def __init__(self, take: Callable[[], Picture], clock: Clock) -> None:
        self._take = take
        self._clock = clock
        self._lock = threading.Lock()
        self._jpeg = b""
        self._taken_s = float("-inf")

    def jpeg(self) -> bytes:
        """Raises ClawcraftError."""
        with self._lock:
            if self._clock.monotonic() - self._taken_s > GOOD_FOR_S:
                self._jpeg = self._take().jpeg
                self._taken_s = self._clock.monotonic()
            return self._jpeg
