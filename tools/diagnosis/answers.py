"""What the running service answers, asked as an agent asks: health, token, signature, clock, and its own check."""

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

from clawcraft.checks import Check, Outcome, failed, ok, warning
from clawcraft.settings import Settings
from diagnosis.files import Found

TIMEOUT_S: Final = 10.0
WINDOW_S: Final = 300
SKEW_WARNING_S: Final = 30
_PROBE_ACTION: Final = "doctor.probe"
"""On no allowlist: the answer tells that token and signature were accepted, and nothing is done."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def code(self) -> str:
        return str((self.body.get("error") or {}).get("code", ""))

    @property
    def message(self) -> str:
        return str((self.body.get("error") or {}).get("message", self.status))


def ask(found: Found, url: str) -> Iterator[Check]:
    """The checks that need the service. ``url`` empty: where the settings say that it listens."""
    settings = found.settings
    if settings is None:
        return
    url = (url or f"http://{_host(settings.bind)}:{settings.port}").rstrip("/")
    health = _call(f"{url}/health")
    if isinstance(health, str):
        yield failed(
            "service", f"nothing answers on {url}: {health}", "Start OBS; Tools, Scripts shows why it does not."
        )
        return
    if health.body.get("service") != "twitch-clawcraft":
        message = f"something else answers on {url} (HTTP {health.status})"
        yield failed("service", message, "Choose another port in the panel, or end the other program.")
        return
    yield ok("service", f"version {health.body.get('version')} answers on {url}")
    yield _clock(health)
    if not found.token_given:
        yield failed(
            "token", "no token is known here", "Set TOOL_SERVICE_TOKEN, or name OBS's folder: --obs-config-dir."
        )
        return
    status = _call(f"{url}/status?check=1", headers=_bearer(settings))
    if isinstance(status, str) or status.status != 200:
        said = status if isinstance(status, str) else status.message
        yield failed("token", f"the service does not accept the token: {said}", "Copy the token from the panel anew.")
        return
    yield ok("token", f"accepted (from the {settings.origins['TOOL_SERVICE_TOKEN']})")
    yield _signature(url, settings)
    for check in status.body.get("checks", []):
        yield Check(check["name"], Outcome(check["outcome"]), check["message"], check["fix"])


def _clock(health: Answer) -> Check:
    try:
        skew_s = parsedate_to_datetime(health.headers["Date"]).timestamp() - time.time()
    except (KeyError, ValueError):
        return warning("clock", "the service does not tell its time", "Something between here and there hides it.")
    if abs(skew_s) < SKEW_WARNING_S:
        return ok("clock", "this machine's clock and the service's agree")
    message = f"this machine's clock is {abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead of'} the service's"
    outcome = Outcome.FAILED if abs(skew_s) > WINDOW_S else Outcome.WARNING
    return Check("clock", outcome, message, "Set both clocks by the network: signatures allow 300 s.")


def _signature(url: str, settings: Settings) -> Check:
    body = json.dumps({"agent_id": "doctor", "action": _PROBE_ACTION}).encode()
    headers = {**_bearer(settings), "Content-Type": "application/json"}
    secret = settings.signature_secret
    if secret is not None:
        stamp = str(int(time.time()))
        digest = hmac.new(secret.reveal().encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        headers |= {"X-Tool-Timestamp": stamp, "X-Tool-Signature": f"sha256={digest}"}
    answer = _call(f"{url}/tools/execute", body, headers)
    if isinstance(answer, str):
        return failed("signature", f"a request was not answered: {answer}", "Try again.")
    if answer.code == "unknown_action":
        return ok("signature", "accepted" if secret is not None else "none is asked for")
    fix = "The signing secret here is not the service's: set TOOL_SERVICE_SIGNATURE_SECRET, or store it anew."
    return failed("signature", answer.message, fix)


def _bearer(settings: Settings) -> dict[str, str]:
    return {"Authorization": f"Bearer {settings.service_token.reveal()}"}


def _host(bind: str) -> str:
    if bind in ("0.0.0.0", "::"):
        return "127.0.0.1"
    return f"[{bind}]" if ":" in bind else bind


def _call(url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer | str:
    """The answer, or why there is none. No proxy: the service is on this machine, or a neighbour."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, body, dict(headers or {}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as reply:
            return Answer(reply.status, dict(reply.headers), _object(reply.read()))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), _object(error.read()))
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
