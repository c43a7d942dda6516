"""One HTTP exchange with Twitch: pooled, bounded in time and size, to the configured hosts only. Any thread.

What fails arrives as one of three errors, each knowing whether the same request may be sent again: Timeout,
TwitchUnavailable, Stopping. What is forbidden before it took effect arrives as the refusal that the request's ``may``
raises. Whatever Twitch answered, be it an error, arrives as a Reply.
"""

import itertools
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any, Final

import requests
from urllib3.exceptions import HTTPError

from clawcraft.clock import Clock
from clawcraft.errors import ClawcraftError, Stopping, Timeout, TwitchUnavailable
from clawcraft.secrets import Secret
from clawcraft.settings import Settings, require_safe_url
from clawcraft.text import cleaned
from clawcraft.twitch.call import CLOSING, Call, Deadline, May, Wait, no_objection
from clawcraft.twitch.connection import call_session
from clawcraft.twitch.foreign import LENGTHS
from clawcraft.twitch.retry import again_after_answer, again_after_error, told_wait_s, wait_s

MAX_CONNECT_S: Final = 5.0
MAX_BODY_BYTES: Final = 1 << 20
_CHUNK_BYTES: Final = 1 << 16
_SECRET_FIELDS: Final = frozenset({"refresh_token", "client_secret", "device_code", "token"})
NOT_KNOWN: Final = "It is not known whether it took effect; check before sending a new request."

OnCall = Callable[[str, str, float], None]


@dataclass(frozen=True, slots=True)
class Request:
    """``endpoint`` names the call in errors and metrics, such as ``PATCH /channels``; ``form`` is sent in the body;
    ``repeatable``: doing it twice is the same as doing it once; ``must_arrive``: once sent, the end of the service does
    not cut it, since the answer would be lost for good; ``may`` is asked before each try; ``doubtful``: an earlier
    exchange may have had the effect already."""

    method: str
    url: str
    endpoint: str
    token: Secret | None = None
    scheme: str = "Bearer"
    client_id: str = ""
    params: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = field(default=None, repr=False)
    repeatable: bool = False
    must_arrive: bool = False
    may: May = no_objection
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """Twitch's answer. ``data`` is the parsed JSON object, empty if there was none; ``message`` is Twitch's own;
    ``served_at_s`` Twitch's time of answering (Unix seconds), if it said; ``doubtful``: whatever this says, a try
    before it may have taken effect."""

    endpoint: str
    status: int
    data: Mapping[str, Any]
    message: str
    retry_after_s: float | None
    served_at_s: float | None = None
    doubtful: bool = False

    @property
    def evidence(self) -> dict[str, Any]:
        """The ``details`` of every error that Twitch answered."""
        return {"endpoint": self.endpoint, "twitch_status": self.status, "twitch_message": self.message}

    @property
    def sentence(self) -> str:
        """The ``message`` of every error that Twitch answered."""
        said = f": {self.message}" if self.message else ""
        return f"Twitch answered {self.endpoint} with {self.status}{said}"


class _TooLongError(ValueError):
    """An answer of more than MAX_BODY_BYTES."""


class Transport:
    """The one requests session of the service, and every call under way in it.

    ``on_call`` is told ``(endpoint, outcome, seconds)`` of each finished call; ``outcome`` is a status, or an error's
    code. ``wait`` is ``threading.Event.wait`` outside tests.
    """

    def __init__(
        self, settings: Callable[[], Settings], clock: Clock, wait: Wait, on_call: OnCall, user_agent: str
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._wait = wait
        self._on_call = on_call
        self._closing = threading.Event()
        self._calls: set[Call] = set()
        self._resolvers: set[threading.Thread] = set()
        self._session = call_session({"User-Agent": user_agent, "Accept": "application/json"})

    def deadline(self, total_s: float) -> Deadline:
        """``total_s`` from now."""
        return Deadline(self._clock, total_s)

    def send(self, request: Request, deadline: Deadline) -> Reply:
        """One exchange, retried as ``retry.py`` allows. Raises Timeout, TwitchUnavailable, Stopping, and what
        ``request.may`` raises while nothing can have taken effect."""
        require_safe_url(request.url)
        started_at = time.monotonic()
        outcome = "error"
        call = Call(
            deadline,
            self._resolvers,
            repeatable=request.repeatable,
            must_arrive=request.must_arrive,
            may=request.may,
        )
        call.may_have_applied = request.doubtful
        self._calls.add(call)
        try:
            # Looked at after the call is among those that ``close`` cuts, so that none slips through between.
            if self._closing.is_set():
                raise Stopping("the service stops")
            with call:
                reply = self._tried(request, call)
            outcome = str(reply.status)
            return reply
        except ClawcraftError as error:
            outcome = error.code
            raise
        finally:
            self._calls.discard(call)
            self._on_call(request.endpoint, outcome, time.monotonic() - started_at)

    def pause(self, seconds: float) -> None:
        """Wait between two calls. Raises Stopping when the service stops meanwhile."""
        if self._wait(self._closing, seconds):
            raise Stopping("the service stops")

    def close(self) -> list[threading.Thread]:
        """Any thread. Cut every call under way but those that must arrive, and refuse new ones; idempotent. Gives the
        threads that still wait for a resolver, which nothing can cut."""
        self._closing.set()
        for call in list(self._calls):
            call.cut(CLOSING)
        self._session.close()
        return list(self._resolvers)

    def _tried(self, request: Request, call: Call) -> Reply:
        settings = self._settings()
        statuses: list[int] = []
        for tried in itertools.count(1):
            failure: ClawcraftError | None = None
            call.unconnected = ""
            doubtful = call.may_have_applied
            try:
                reply = self._exchange(request, call, settings.twitch_timeout_s)
                if call.cut_by is not None:
                    # http.client takes a head that ends in the middle for a whole one.
                    raise OSError("cut")
            except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                # Raised below, without its cause: requests' exceptions carry the request, headers included.
                failure = _failure(request, call, error, settings.twitch_timeout_s)
                again, told_s = again_after_error(call, error), None
            except ClawcraftError as refusal:
                if doubtful:
                    raise _ended_in_doubt(request, refusal) from None
                raise
            else:
                if reply.status == 429:
                    call.may_have_applied = doubtful
                reply = replace(reply, doubtful=doubtful)
                statuses.append(reply.status)
                again, told_s = again_after_answer(call, statuses), reply.retry_after_s
            pause_s = wait_s(tried, told_s)
            if not again or tried > settings.twitch_retries or pause_s >= call.deadline.remaining_s:
                break
            if self._wait(self._closing, pause_s):
                raise Stopping("the service stops", retryable=call.harmless)
        if failure is not None:
            raise failure
        return reply

    def _exchange(self, request: Request, call: Call, timeout_s: float) -> Reply:
        read_s = min(timeout_s, max(0.001, call.deadline.remaining_s))
        headers = {}
        if request.token is not None:
            headers["Authorization"] = f"{request.scheme} {request.token.reveal()}"
        if request.client_id:
            headers["Client-Id"] = request.client_id
        with self._session.request(
            request.method,
            request.url,
            params=request.params,
            json=request.body,
            data=request.form,
            headers=headers,
            allow_redirects=False,
            stream=True,
            timeout=(min(read_s, MAX_CONNECT_S), read_s),
        ) as response:
            body = bytearray()
            for chunk in response.iter_content(_CHUNK_BYTES):
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise _TooLongError
            data = _json_object(bytes(body))
            served_at_s = _served_at_s(response.headers.get("Date"))
            # Twitch's own clock where it says what it shows: that of this machine may be wrong by minutes.
            told_s = told_wait_s(response.headers, self._clock.time() if served_at_s is None else served_at_s)
            return Reply(request.endpoint, response.status_code, data, _message(data, request), told_s, served_at_s)


def _served_at_s(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None


def _json_object(body: bytes) -> Mapping[str, Any]:
    # A 5xx can be a proxy's HTML page: no JSON is an answer too.
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _message(data: Mapping[str, Any], request: Request) -> str:
    text = str(data.get("message") or data.get("error") or "")
    hidden = [request.token.reveal()] if request.token else []
    hidden += [value for name, value in (request.form or {}).items() if name in _SECRET_FIELDS]
    for secret in hidden:
        text = text.replace(secret, "***")
    return cleaned(text, LENGTHS["message"])


def _failure(request: Request, call: Call, error: Exception, timeout_s: float) -> ClawcraftError:
    details: dict[str, Any] = {"endpoint": request.endpoint}
    hint = None if call.harmless else Timeout.default_hint
    if call.cut_by == CLOSING:
        return Stopping("the service stops", details=details, retryable=call.harmless, hint=hint)
    if call.cut_by == "deadline" or call.deadline.remaining_s <= 0:
        message = f"Twitch did not answer {request.endpoint} within the {call.deadline.total_s:g} s of the action"
        return Timeout(message, details=details, retryable=call.harmless)
    if isinstance(error, requests.ReadTimeout) or "Read timed out" in str(error):
        message = f"Twitch did not answer {request.endpoint} within {timeout_s:g} s"
        return Timeout(message, details=details, retryable=call.harmless)
    details["reason"] = _reason(call, error)
    return TwitchUnavailable(
        f"no answer from Twitch to {request.endpoint}: {details['reason']}",
        details=details,
        retryable=call.harmless,
        hint=hint,
    )


def _ended_in_doubt(request: Request, refusal: ClawcraftError) -> TwitchUnavailable:
    """A try may have taken effect, and another one that would tell is forbidden by now."""
    return TwitchUnavailable(
        f"no clear answer from Twitch to {request.endpoint}, which was not sent again: {refusal.message}",
        details={"endpoint": request.endpoint, "refusal": refusal.code},
        retryable=False,
        hint=NOT_KNOWN,
    )


def _reason(call: Call, error: Exception) -> str:
    """A word for what went wrong, never the exception's own text, which has the address with its parameters."""
    if call.unconnected:
        return call.unconnected
    if isinstance(error, requests.exceptions.SSLError):
        return "TLS failed"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the answer is incomplete"
    return "the answer is too long" if isinstance(error, _TooLongError) else "the connection broke"
