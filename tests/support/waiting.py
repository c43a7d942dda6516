"""How tests wait."""

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

HANG_S = 100.0
"""How long a test waits for what must happen, however busy the machine is: only a hang takes longer."""
TRY_AGAIN_S = 5.0


def wait_until(predicate: Callable[[], Any], what: str, within_s: float = HANG_S) -> Any:
    """The first true value of ``predicate``: for evidence that other programs give without telling us."""
    deadline = time.monotonic() + within_s
    while not (value := predicate()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s} s: {what}")
        threading.Event().wait(0.02)
    return value


def insist(act: Callable[[], object], predicate: Callable[[], Any], what: str) -> Any:
    """``act`` until ``predicate``, as a person does whose click came before the window was ready for it."""

    def acted() -> Any:
        act()
        with contextlib.suppress(TimeoutError):
            return wait_until(predicate, what, TRY_AGAIN_S)

    return wait_until(acted, what)
