"""Which failed tries of a call are repeated, and after how long.

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
from typing import Any, Final

import requests

from clawcraft.twitch.call import Call

_BROKEN: Final = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
"""The last is an answer that breaks off inside its body."""
_SERVER_TROUBLE: Final = frozenset({500, 502, 503, 504})
_FIRST_BACKOFF_S: Final = 0.25
_MAX_BACKOFF_S: Final = 4.0


def again_after_answer(call: Call, statuses: list[int]) -> bool:
    """Whether the last of ``statuses``, one for each answered try, is worth another try."""
    if statuses[-1] == 429:
        return True
    return call.repeatable and statuses[-1] in _SERVER_TROUBLE and statuses.count(503) < 2


def again_after_error(call: Call, error: Exception) -> bool:
    """Whether a try that got no answer is worth another one."""
    broken = isinstance(error, _BROKEN)
    return broken and call.harmless and call.cut_by is None and not isinstance(error, requests.exceptions.SSLError)


def wait_s(tried: int, told_s: float | None) -> float:
    """How long to wait after ``tried`` tries. ``told_s`` is what Twitch asks for."""
    # Everyone who waits for the same reset would otherwise come back in the same instant.
    spread = random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, keeps no secret
    if told_s is not None:
        return told_s + 0.25 * spread
    return min(_MAX_BACKOFF_S, _FIRST_BACKOFF_S * 2.0 ** (tried - 1)) * spread


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
