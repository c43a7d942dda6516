"""Which failed tries of a call are repeated, and after how long. Runs on the thread that makes the call.

| what came                | repeatable call                            | chat, clip, refresh, device code |
| ------------------------ | ------------------------------------------ | -------------------------------- |
| no connection            | again                                      | again: nothing was sent          |
| answer lost (read error) | again                                      | never                            |
| 429                      | again after Ratelimit-Reset or Retry-After | the same: Twitch did nothing     |
| 503                      | again, once                                | never                            |
| 500, 502, 504            | again                                      | never                            |
| TLS refused, other 4xx   | never                                      | never                            |

"Again" means at most TWITCH_API_RETRIES times, and only if the wait fits into the action's deadline.
"""

import random
from collections.abc import Callable
from typing import Any, Final

from urllib3.exceptions import MaxRetryError, ResponseError, SSLError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Retry

from clawcraft.twitch.calls import Call

_SERVER_TROUBLE: Final = frozenset({500, 502, 503, 504})
_FIRST_BACKOFF_S: Final = 0.25
_MAX_BACKOFF_S: Final = 4.0


class CallRetry(Retry):
    """urllib3's counter of tries, with this policy and with waits that obey the call's deadline and the service's
    end. ``now`` is Unix time, which ``Ratelimit-Reset`` is given in."""

    def __init__(self, *args: Any, call: Call, now: Callable[[], float], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._call = call
        self._now = now

    @classmethod
    def of(cls, call: Call, retries: int, now: Callable[[], float]) -> "CallRetry":
        """At most ``retries`` further tries. All methods: it is the call that says whether it is repeatable."""
        return cls(retries, redirect=False, allowed_methods=None, raise_on_status=False, call=call, now=now)

    def new(self, **changes: Any) -> "CallRetry":
        return super().new(call=self._call, now=self._now, **changes)

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        if status_code == 429:
            return True
        return status_code in _SERVER_TROUBLE and self._call.repeatable

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: BaseHTTPResponse | None = None,
        error: Exception | None = None,
        _pool: Any = None,
        _stacktrace: Any = None,
    ) -> "CallRetry":
        call = self._call
        if response is not None and response.status == 429:
            call.may_have_applied = False
        if error is not None and (
            call.cut_by is not None
            or isinstance(error, SSLError)
            or not call.harmless
            or self._wait_s(None) >= call.deadline.remaining_s
        ):
            raise error
        if response is not None and (
            (response.status == 503 and any(tried.status == 503 for tried in self.history))
            or self._wait_s(response) >= call.deadline.remaining_s
        ):
            raise MaxRetryError(_pool, url or "", ResponseError(f"{response.status} again"))
        return super().increment(method, url, response, error, _pool, _stacktrace)

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        self._call.pause(self._wait_s(response))

    def _wait_s(self, response: BaseHTTPResponse | None) -> float:
        told_s = None if response is None else told_wait_s(response.headers, self._now())
        # Everyone who waits for the same reset would otherwise come back in the same instant.
        spread = random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, keeps no secret
        if told_s is not None:
            return told_s + 0.25 * spread
        return min(_MAX_BACKOFF_S, _FIRST_BACKOFF_S * 2.0 ** max(0, len(self.history) - 1)) * spread


def told_wait_s(headers: Any, now_s: float) -> float | None:
    """Seconds that Twitch asks to wait: ``Retry-After``, else until ``Ratelimit-Reset`` if nothing remains."""
    after = _number(headers.get("Retry-After"))
    if after is not None:
        return after
    reset = _number(headers.get("Ratelimit-Reset"))
    if reset is None or (_number(headers.get("Ratelimit-Remaining")) or 0) > 0:
        return None
    return max(0.0, reset - now_s)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < 1e12 else None
