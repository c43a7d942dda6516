"""The HTTP API of a running service, for the tools: one request, one answer. Standard library only."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clawcraft.http.signature import sign
from clawcraft.secrets import Secret


class NoAnswer(Exception):
    """Raised when nothing answers at ``url``; ``reason`` says why."""

    def __init__(self, url: str, reason: object) -> None:
        super().__init__(f"no answer from {url}: {reason}")
        self.reason = str(reason)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. Names of headers are in lower case; ``body`` is empty where ``text`` is not a JSON object."""

    status: int
    headers: Mapping[str, str]
    text: bytes
    body: dict[str, Any]

    @property
    def error(self) -> dict[str, Any]:
        """What the contract puts under ``error``; empty where there is none."""
        error = self.body.get("error")
        return error if isinstance(error, dict) else {}

    @property
    def message(self) -> str:
        """The service's own words for what went wrong, else the status."""
        return str(self.error.get("message", self.status))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would send the Authorization header on to wherever an answer points."""

    def redirect_request(self, *_args: object, **_more: object) -> None:
        return None


class ServiceClient:
    """Speaks to the service at ``url`` and nobody else: it uses no proxy, since the service is on this machine or a
    neighbour, and follows no redirect. Without a ``token`` it asks as a stranger; with a ``secret`` it signs."""

    def __init__(
        self, url: str, token: Secret | None = None, secret: Secret | None = None, *, timeout_s: float
    ) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._secret = secret
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
        self._timeout_s = timeout_s
        self._signed_at_s = 0

    def get(self, path: str, **query: object) -> Reply:
        """Raises NoAnswer."""
        return self._send(f"{path}?{urllib.parse.urlencode(query)}" if query else path, None, {})

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """``body`` as it is, which is JSON. Raises NoAnswer."""
        return self._send(path, body, {"Content-Type": "application/json", **headers})

    def execute(self, envelope: Mapping[str, object]) -> Reply:
        """Post one request to ``/tools/execute``. Raises NoAnswer."""
        body = json.dumps(envelope).encode()
        headers = {"Content-Type": "application/json"}
        if self._secret is not None:
            # Two signatures of one second over the same text would be one, and the second of them a replay.
            self._signed_at_s = max(int(time.time()), self._signed_at_s + 1)
            timestamp = str(self._signed_at_s)
            signature = sign(self._secret, body, timestamp)
            headers |= {"X-Tool-Timestamp": timestamp, "X-Tool-Signature": f"sha256={signature}"}
        return self._send("/tools/execute", body, headers)

    def _send(self, path: str, body: bytes | None, headers: dict[str, str]) -> Reply:
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        try:
            request = urllib.request.Request(self._url + path, body, headers)
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                return _reply(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return _reply(error.code, error.headers, error.read())
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise NoAnswer(self._url, getattr(error, "reason", error)) from None


def _reply(status: int, headers: Any, text: bytes) -> Reply:
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    lower = {name.lower(): value for name, value in headers.items()}
    return Reply(status, lower, text, body if isinstance(body, dict) else {})
