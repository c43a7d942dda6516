"""What the running service answers, asked as an agent asks: health, token, signature, clock, and its own check."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Final

from clawcraft.checks import Check, Outcome, failed, ok, warning
from clawcraft.http.signature import WINDOW_S
from clawcraft.panel.handover import service_url
from clawcraft.settings import Settings
from diagnosis.files import Found
from service_client import NoAnswer, Reply, ServiceClient

TIMEOUT_S: Final = 10.0
SKEW_WARNING_S: Final = 30
_PROBE_ACTION: Final = "doctor.probe"
"""On no allowlist: the answer tells that token and signature were accepted, and nothing is done."""


def ask(found: Found, url: str) -> Iterator[Check]:
    """The checks that need the service. ``url`` empty: where the settings say that it listens."""
    settings = found.settings
    if settings is None:
        return
    url = (url or service_url(settings)).rstrip("/")
    try:
        health = ServiceClient(url, timeout_s=TIMEOUT_S).get("/health")
    except NoAnswer as nothing:
        message = f"nothing answers on {url}: {nothing.reason}"
        yield failed("service", message, "Start OBS; Tools, Scripts shows why it does not.")
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
    client = ServiceClient(url, settings.service_token, settings.signature_secret, timeout_s=TIMEOUT_S)
    try:
        status = client.get("/status", check=1)
        refusal = "" if status.status == 200 else status.message
    except NoAnswer as nothing:
        refusal = nothing.reason
    if refusal:
        message = f"the service does not accept the token: {refusal}"
        yield failed("token", message, "Copy the token from the panel anew.")
        return
    yield ok("token", f"accepted (from the {settings.origins['TOOL_SERVICE_TOKEN']})")
    yield _signature(client, settings)
    for check in status.body.get("checks", []):
        yield Check(check["name"], Outcome(check["outcome"]), check["message"], check["fix"])


def _clock(health: Reply) -> Check:
    try:
        skew_s = parsedate_to_datetime(health.headers["date"]).timestamp() - time.time()
    except (KeyError, ValueError):
        return warning("clock", "the service does not tell its time", "Something between here and there hides it.")
    if abs(skew_s) < SKEW_WARNING_S:
        return ok("clock", "this machine's clock and the service's agree")
    message = f"this machine's clock is {abs(skew_s):.0f} s {'behind' if skew_s > 0 else 'ahead of'} the service's"
    outcome = Outcome.FAILED if abs(skew_s) > WINDOW_S else Outcome.WARNING
    return Check("clock", outcome, message, "Set both clocks by the network: signatures allow 300 s.")


def _signature(client: ServiceClient, settings: Settings) -> Check:
    try:
        answer = client.execute({"agent_id": "doctor", "action": _PROBE_ACTION})
    except NoAnswer as nothing:
        return failed("signature", f"a request was not answered: {nothing.reason}", "Try again.")
    if answer.error.get("code") == "unknown_action":
        return ok("signature", "none is asked for" if settings.signature_secret is None else "accepted")
    fix = "The signing secret here is not the service's: set TOOL_SERVICE_SIGNATURE_SECRET, or store it anew."
    return failed("signature", answer.message, fix)
