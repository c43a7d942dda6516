"""The code that pairs a page: six digits that the panel shows, for one page, two minutes and five tries; and the way in
as the panel and the operator page share it, for one life of the script.

``open`` and ``shown`` on OBS's UI thread, ``claim`` on HTTP workers; each returns at once.
"""

import secrets
import threading
from hmac import compare_digest
from typing import Final

from clawcraft.clock import Clock
from clawcraft.errors import Unauthorized
from clawcraft.operator.pages import PairedPages
from clawcraft.secrets import SecretStore

DIGITS: Final = 6
VALID_S: Final = 120.0
TRIES: Final = 5
_ANOTHER: Final = "Press 'Open the operator page' in the panel of the script in OBS for another code."


class Pairing:
    """At most one code at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._code = ""
        self._ends_s = 0.0
        self._tries_left = 0

    def open(self) -> None:
        """A new code, in the place of the one before."""
        with self._lock:
            self._code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
            self._ends_s = self._clock.monotonic() + VALID_S
            self._tries_left = TRIES

    def shown(self) -> tuple[str, float]:
        """The code and the seconds it is still good for; an empty one where there is none."""
        with self._lock:
            self._forget_when_over()
            return self._code, max(0.0, self._ends_s - self._clock.monotonic())

    def claim(self, given: str) -> None:
        """Use the code up. Raises Unauthorized for another one, and counts that try."""
        with self._lock:
            self._forget_when_over()
            if not self._code:
                raise Unauthorized("no code is waiting: it was used, or its time or its tries are over", hint=_ANOTHER)
            if compare_digest(given.encode("utf-8", "replace"), self._code.encode()):
                self._code = ""
                return
            self._tries_left -= 1
            left = self._tries_left
            self._forget_when_over()
        hint = f"Look at the panel again; {left} more {'try' if left == 1 else 'tries'}." if left else _ANOTHER
        raise Unauthorized("that is not the code", hint=hint, details={"tries_left": left})

    def _forget_when_over(self) -> None:
        """Under the lock."""
        if not self._tries_left or self._clock.monotonic() >= self._ends_s:
            self._code = ""


class PageAccess:
    """The way in, and how a pause is meant: ``keep_paused`` is the panel's switch "A pause outlasts a restart"."""

    def __init__(self, store: SecretStore, clock: Clock) -> None:
        self.pages = PairedPages(store, clock)
        self.pairing = Pairing(clock)
        self.keep_paused = False
