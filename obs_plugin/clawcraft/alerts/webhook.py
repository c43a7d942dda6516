"""One POST to the webhook: bounded in time, to that address alone, following no redirect. The alerts' own thread;
``close`` any.

The address is a secret, since Discord's and Slack's hold the key: what failed is told in words of ours, never in those
of an exception, which would have it.
"""

import threading
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

import requests
from urllib3.exceptions import HTTPError

from clawcraft.clock import Clock
from clawcraft.secrets import Secret
from clawcraft.settings import require_webhook_url
from clawcraft.twitch.call import CLOSING, Call, Deadline
from clawcraft.twitch.connection import call_session

MAX_CONNECT_S: Final = 5.0
MAX_TOLD_S: Final = 3600.0
"""Nobody is waited for any longer, whatever Retry-After says."""


class Outcome(StrEnum):
    """What became of one try."""

    SENT = "sent"
    AGAIN = "again"
    """Another try may succeed."""
    REFUSED = "refused"
    """No further try will."""


@dataclass(frozen=True, slots=True)
class Try:
    """``told_s``: how long the receiver wants not to be asked."""

    outcome: Outcome
    problem: str = ""
    told_s: float | None = None


class Webhook:
    """The session for it, and the call that is under way."""

    def __init__(self, clock: Clock, user_agent: str) -> None:
        self._clock = clock
        self._closed = False
        self._call: Call | None = None
        self._resolvers: set[threading.Thread] = set()
        self._session = call_session({"User-Agent": user_agent, "Content-Type": "application/json"})

    def post(self, url: Secret, body: bytes, within_s: float) -> Try:
        """One try, which ends within ``within_s``. Never raises for what the receiver or the network does."""
        address = require_webhook_url(url.reveal())
        call = self._call = Call(Deadline(self._clock, within_s), self._resolvers, repeatable=True)
        try:
            with call:
                if self._closed:
                    return Try(Outcome.AGAIN, "the service stops")
                return self._exchange(address, body, within_s)
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            return Try(Outcome.AGAIN, _problem(call, error, within_s))
        finally:
            self._call = None

    def close(self) -> None:
        """Cut what is under way; what comes later fails at once. Idempotent."""
        self._closed = True
        call = self._call
        if call is not None:
            call.cut(CLOSING)
        self._session.close()

    def _exchange(self, address: str, body: bytes, within_s: float) -> Try:
        timeout = (min(MAX_CONNECT_S, within_s), within_s)
        with self._session.post(address, data=body, allow_redirects=False, stream=True, timeout=timeout) as response:
            status, told_s = response.status_code, _told_s(response.headers.get("Retry-After"))
        if 200 <= status < 300:
            return Try(Outcome.SENT)
        if status == 429 or status >= 500:
            return Try(Outcome.AGAIN, f"it answered {status}", told_s)
        words = {401: "the key in the address is wrong", 403: "it refuses", 404: "there is no such webhook"}
        if 300 <= status < 400:
            return Try(Outcome.REFUSED, f"it answered {status}: it points elsewhere, and that is not followed")
        return Try(Outcome.REFUSED, f"it answered {status}" + (f": {words[status]}" if status in words else ""))


def _told_s(text: str | None) -> float | None:
    """Retry-After as seconds, also where it is a date."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except ValueError:
            return None
    return min(MAX_TOLD_S, seconds) if seconds >= 0 else None


def _problem(call: Call, error: Exception, within_s: float) -> str:
    if call.cut_by == CLOSING:
        return "the service stops"
    if call.unconnected:
        return call.unconnected
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS failed"
    if call.cut_by == "deadline" or isinstance(error, requests.Timeout):
        return f"no answer within {within_s:g} s"
    return "the connection broke"
