"""The box "Alerts": the webhook that is told what goes wrong, whether it takes what it is sent, and a test of it."""

from collections.abc import Mapping
from typing import Any, Final

from clawcraft.obs.script_ui import Box, Button, Info
from clawcraft.panel.access import TypedSecrets
from clawcraft.panel.fields import WEBHOOK
from clawcraft.panel.status import AMBER, GREEN, GREY, dot, escape, local_time
from clawcraft.service import Service

_FORMATS: Final = {"discord": "Discord", "slack": "Slack", "json": "JSON"}


class AlertsWebhook:
    """There is something to test once the service runs and has a webhook."""

    def __init__(self, service: Service, secrets: TypedSecrets) -> None:
        self._service = service
        self._secrets = secrets

    def box(self) -> Box:
        assembly = self._service.assembly
        status = {} if assembly is None else assembly.alerts.status()
        configured = bool(status.get("configured"))
        rows = (
            *self._secrets.rows("alerts", WEBHOOK),
            Info("alerts_state", "State", alerts_line(status) if configured else ""),
            Button("alerts_test", "Send a test", self._test, visible=configured),
        )
        return Box("group_alerts", "Alerts", rows)

    def _test(self) -> None:
        assembly = self._service.assembly
        if assembly is not None:
            assembly.alerts.test()


def alerts_line(status: Mapping[str, Any]) -> str:
    """Whether what was sent arrived. ``status`` as ``Alerts.status`` gives it."""
    form = _FORMATS[status["format"]]
    parts = [f"{form}, {status['sent']} sent"]
    if status["last_sent_at"]:
        parts.append(f"last {escape(local_time(status['last_sent_at']))}")
    if status["waiting"]:
        parts.append(f"{status['waiting']} waiting")
    if lost := status["given_up"] + status["dropped"]:
        parts.append(f"{lost} lost")
    if status["problem"]:
        parts.append(f"the last one did not arrive: {escape(status['problem'])}")
    colour = AMBER if status["problem"] else GREEN if status["sent"] else GREY
    return dot(colour) + " · ".join(parts)
