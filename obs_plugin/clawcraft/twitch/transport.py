"""One HTTP exchange with Twitch: pooled, bounded in time and size, to the configured hosts only. Any thread.

What fails arrives as one of three errors, each knowing whether the same request may be sent again: Timeout,
TwitchUnavailable, Stopping. Whatever Twitch answered, be it an error, arrives as a Reply.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import requests
from urllib3.exceptions import HTTPError

from clawcraft.clock import Clock
from clawcraft.errors import ClawcraftError, Stopping, Timeout, TwitchUnavailable
from clawcraft.secrets import Secret
from clawcraft.twitch.calls import Call, OpenCalls, Plan, Wait
from clawcraft.twitch.config import require_safe_url
from clawcraft.twitch.connection import CallAdapter
from clawcraft.twitch.retry import CallRetry, told_wait_s

MAX_BODY_BYTES: Final = 1 << 20
_MAX_MESSAGE: Final = 300
_CHUNK_BYTES: Final = 1 << 16

OnCall = Callable[[str, str, float], None]
"""``(endpoint, outcome, seconds)`` of each finished call; ``outcome`` is a status, or an error's code."""


@dataclass(frozen=True, slots=True)
class Request:
    """``endpoint`` names the call in errors and metrics, such as ``PATCH /channels``; ``form`` is sent in the body."""

    method: str
    url: str
    endpoint: str
    token: Secret | None = None
    scheme: str = "Bearer"
    client_id: str = ""
    params: Mapping[str, str] | None = None
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """Twitch's answer. ``data`` is the parsed JSON object, empty if there was none; ``message`` is Twitch's own."""

    endpoint: str
    status: int
    data: Mapping[str, Any]
    message: str
    retry_after_s: float | None

    @property
    def evidence(self) -> dict[str, Any]:
        """The ``details`` of every error that Twitch answered."""
        return {"endpoint": self.endpoint, "twitch_status": self.status, "twitch_message": self.message}


class Transport:
    """The one requests session of the service, and every call under way in it."""

    def __init__(self, clock: Clock, wait: Wait, on_call: OnCall, user_agent: str) -> None:
        self._clock = clock
        self._calls = OpenCalls(wait)
        self._wait = wait
        self._on_call = on_call
        self._session = requests.Session()
        # A proxy or .netrc of the environment must not see the streamer's token.
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers.update({"User-Agent": user_agent, "Accept": "application/json"})
        self._session.mount("https://", CallAdapter())
        self._session.mount("http://", CallAdapter())

    def send(self, request: Request, plan: Plan) -> Reply:
        """One exchange, retried as ``retry.py`` allows. Raises Timeout, TwitchUnavailable or Stopping."""
        require_safe_url(request.url)
        started_at = time.monotonic()
        outcome = "error"
        try:
            with self._calls.open(plan) as call:
                call.retry = CallRetry.of(call, plan.retries, self._clock.time)
                try:
                    reply = self._exchange(request, call)
                    if call.cut_by is not None:
                        # http.client takes a head that ends in the middle for a whole one.
                        raise OSError("cut")
                except (requests.RequestException, HTTPError, OSError, ValueError) as error:
                    # Without its cause: requests' exceptions carry the request, headers included.
                    raise _failure(request, call, error) from None
            outcome = str(reply.status)
            return reply
        except ClawcraftError as error:
            outcome = error.code
            raise
        finally:
            self._on_call(request.endpoint, outcome, time.monotonic() - started_at)

    def pause(self, seconds: float) -> None:
        """Wait between two calls. Raises Stopping when the service stops meanwhile."""
        if self._wait(self._calls.closing, seconds):
            raise Stopping("the service stops")

    @property
    def closing(self) -> bool:
        return self._calls.closing.is_set()

    def close(self) -> None:
        """Any thread. Cut every call under way and refuse new ones; idempotent."""
        self._calls.close()
        self._session.close()

    def _exchange(self, request: Request, call: Call) -> Reply:
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
            timeout=call.read_timeout_s,
        ) as response:
            body = bytearray()
            for chunk in response.iter_content(_CHUNK_BYTES):
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise ValueError("the answer is too long")
            data = _json_object(bytes(body))
            told_s = told_wait_s(response.headers, self._clock.time())
            return Reply(request.endpoint, response.status_code, data, _message(data, request), told_s)


def _json_object(body: bytes) -> Mapping[str, Any]:
    # A 5xx can be a proxy's HTML page: no JSON is an answer too.
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _message(data: Mapping[str, Any], request: Request) -> str:
    text = str(data.get("message") or data.get("error") or "")
    hidden = [request.token.reveal()] if request.token else []
    hidden += [value for name, value in (request.form or {}).items() if name in ("refresh_token", "client_secret")]
    for secret in hidden:
        text = text.replace(secret, "***")
    return text[:_MAX_MESSAGE]


def _failure(request: Request, call: Call, error: Exception) -> ClawcraftError:
    details: dict[str, Any] = {"endpoint": request.endpoint}
    hint = None if call.harmless else Timeout.default_hint
    if call.cut_by == "closing":
        return Stopping("the service stops", details=details, retryable=call.harmless, hint=hint)
    if call.cut_by == "deadline" or call.deadline.expired:
        message = f"Twitch did not answer {request.endpoint} within the {call.deadline.total_s:g} s of the action"
        return Timeout(message, details=details, retryable=call.harmless)
    if isinstance(error, requests.ReadTimeout) or "Read timed out" in str(error):
        message = f"Twitch did not answer {request.endpoint} within {call.read_timeout_s:g} s"
        return Timeout(message, details=details, retryable=call.harmless)
    details["reason"] = _reason(error)
    return TwitchUnavailable(
        f"no answer from Twitch to {request.endpoint}: {details['reason']}",
        details=details,
        retryable=call.harmless,
        hint=hint,
    )


def _reason(error: Exception) -> str:
    """A word for what went wrong, never the exception's own text, which has the address with its parameters."""
    names = set()
    pending: list[BaseException] = [error]
    while pending:
        found = pending.pop()
        names.add(type(found).__name__)
        pending += [arg for arg in (*found.args, getattr(found, "reason", None)) if isinstance(arg, BaseException)]
    for name, reason in (
        ("NameResolutionError", "its name cannot be resolved"),
        ("SSLError", "TLS failed"),
        ("NewConnectionError", "cannot connect"),
        ("ConnectTimeoutError", "cannot connect in time"),
        ("ConnectTimeout", "cannot connect in time"),
        ("IncompleteRead", "the answer is incomplete"),
        ("ValueError", "the answer is too long"),
    ):
        if name in names:
            return reason
    return "the connection broke"
