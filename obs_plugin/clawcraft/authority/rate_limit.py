"""How often: a token bucket for each action of each agent, and one for each address that fails to authenticate.

Called on HTTP workers; safe from any thread.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from clawcraft.actions.catalogue import Action
from clawcraft.authority.agents import Agents
from clawcraft.clock import Clock
from clawcraft.errors import RateLimited
from clawcraft.settings import Settings

AUTH_FAILURES_PER_MIN: Final = 30
MAX_ADDRESSES: Final = 1024
MAX_BUCKETS: Final = 4096
"""More than agents times actions: none is forgotten, which would fill it."""


class TokenBuckets:
    """Token buckets by key, each kept as one number: when it will be full again.

    That form (the generic cell rate algorithm) refills by itself, cannot drift, gives the exact wait, and takes a new
    rate at the next call. The least recently used of more than ``max_keys`` buckets is forgotten.
    """

    def __init__(self, clock: Clock, max_keys: int) -> None:
        self._clock = clock
        self._max_keys = max_keys
        self._full_at: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: str, per_min: float, burst: int) -> float:
        """Take a token: 0.0 if there was one, else the seconds until there is, and nothing is taken."""
        interval_s = 60 / per_min
        with self._lock:
            now = self._clock.monotonic()
            full_at = max(self._full_at.get(key, now), now)
            wait_s = full_at - now - (burst - 1) * interval_s
            # A client that waits exactly wait_s must succeed, whatever the last bit of the addition says.
            if wait_s > 1e-6:
                return wait_s
            self._full_at[key] = full_at + interval_s
            self._full_at.move_to_end(key)
            while len(self._full_at) > self._max_keys:
                self._full_at.popitem(last=False)
            return 0.0


class RateLimiter:
    """The limit of each action, which each agent has for itself: so a stop finds its place whatever the others do, and
    whatever else its agent does. ``settings`` is asked at each call, so that a changed limit counts at once."""

    def __init__(self, settings: Callable[[], Settings], clock: Clock, agents: Agents) -> None:
        self._settings = settings
        self._agents = agents
        self._buckets = TokenBuckets(clock, max_keys=MAX_BUCKETS)

    def take(self, action: Action, holder: str) -> None:
        """Count one request of ``holder`` for ``action``. Raises RateLimited with the exact ``retry_after_s``."""
        limit = self._agents.limit(self._settings().limit(action), action.name, holder)
        wait_s = self._buckets.take(f"{holder}/{action.name}", limit.per_min, limit.burst)
        if wait_s:
            raise RateLimited(
                f"{action.name} is limited to {limit.per_min:g} a minute; the next is possible in {wait_s:.1f} s",
                details={"retry_after_s": wait_s, "limit_per_min": limit.per_min},
                retry_after_s=wait_s,
            )


class AuthFailureLimiter:
    """Tells an address that keeps failing to authenticate to slow down.

    Only failures count and only failures are refused: all programs of one machine share its address, and an agent
    with the right token must not be locked out by another with a stale one. Guessing is hopeless anyway against
    a token of at least 16 characters; what this bounds is the noise.
    """

    def __init__(self, clock: Clock) -> None:
        self._buckets = TokenBuckets(clock, max_keys=MAX_ADDRESSES)

    def failed(self, address: str) -> None:
        """Count one failure. Raises RateLimited when there are too many."""
        wait_s = self._buckets.take(address, AUTH_FAILURES_PER_MIN, burst=10)
        if wait_s:
            raise RateLimited(
                f"too many failed authentications from {address}",
                details={"retry_after_s": wait_s},
                hint="Correct the token or signature first; then wait for the seconds in Retry-After.",
                retryable=False,
                retry_after_s=wait_s,
            )
