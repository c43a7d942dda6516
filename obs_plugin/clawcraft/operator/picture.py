"""A small look at the program, for the page; the same one for everybody who asks within a few seconds. HTTP workers."""

import threading
from collections.abc import Callable
from typing import Final

from clawcraft.clock import Clock
from clawcraft.errors import Busy, ClawcraftError
from clawcraft.obs.jpeg import Picture

GOOD_FOR_S: Final = 3.0
"""OBS draws and codes some frames more for each. Nor is it asked again sooner where it gave none."""
PATIENCE_S: Final = 1.0
"""How long one waits for the picture that another one has OBS make: an OBS that gives none holds one HTTP worker for up
to 15 s, and must not hold them all."""


class LatestPicture:
    """``take`` has OBS make one, which takes about 0.3 s."""

    def __init__(self, take: Callable[[], Picture], clock: Clock) -> None:
        self._take = take
        self._clock = clock
        self._lock = threading.Lock()
        self._latest: bytes | ClawcraftError = b""
        self._taken_s = float("-inf")

    def jpeg(self) -> bytes:
        """Raises ClawcraftError."""
        if not self._lock.acquire(timeout=PATIENCE_S):
            raise Busy("OBS is making a picture already", retry_after_s=GOOD_FOR_S)
        try:
            if self._clock.monotonic() - self._taken_s > GOOD_FOR_S:
                try:
                    self._latest = self._take().jpeg
                except ClawcraftError as error:
                    self._latest = error
                self._taken_s = self._clock.monotonic()
            latest = self._latest
        finally:
            self._lock.release()
        if isinstance(latest, ClawcraftError):
            raise latest.with_traceback(None)  # which would grow with each who asks
        return latest
