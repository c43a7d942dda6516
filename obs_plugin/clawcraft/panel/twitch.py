"""The box "Twitch": connecting with a code, and what Twitch says of the token. The calls themselves run on the
threads of ``twitch/client.py``; this only asks how far they are."""

from typing import Any

from clawcraft.obs.script_ui import Box, Button, Info, ScriptSettings
from clawcraft.panel.access import TypedSecrets
from clawcraft.panel.background import Background
from clawcraft.panel.fields import CHANNELS, CLIENT_ID, CLIENT_SECRET, environment_origin, rows_of
from clawcraft.panel.status import escape, login_line
from clawcraft.secrets import SecretStoreError
from clawcraft.service import Service

_UNDER_WAY = ("starting", "pending")


class TwitchConnection:
    """Connect, the code, disconnect; the client id and secret."""

    def __init__(
        self, service: Service, settings: ScriptSettings, secrets: TypedSecrets, background: Background
    ) -> None:
        self._service = service
        self._settings = settings
        self._secrets = secrets
        self._background = background
        self._note = ""

    def box(self) -> Box:
        assembly = self._service.assembly
        status: dict[str, Any] = assembly.twitch.status() if assembly is not None else {}
        login = status.get("login", {})
        state = login.get("state", "idle")
        connected = status.get("state") not in (None, "not_configured")
        told = login_line(login) if connected or state != "done" else ""
        rows = (
            *rows_of(CLIENT_ID, self._settings.text(CLIENT_ID.key)),
            Info("twitch_login", "", escape(self._note) if self._note else told),
            Button("twitch_connect", _connect_label(state, connected), self._connect, visible=bool(status)),
            Button("twitch_cancel", "Cancel the login", self._cancel, visible=state in _UNDER_WAY),
            Button("twitch_disconnect", "Disconnect", self._disconnect, visible=connected and state not in _UNDER_WAY),
            *self._secrets.rows("twitch", CLIENT_SECRET),
            *rows_of(CHANNELS, self._settings.text(CHANNELS.key)),
        )
        return Box("group_twitch", "Twitch", rows)

    def _connect(self) -> None:
        assembly, settings = self._service.assembly, self._service.settings
        if assembly is None or settings is None:
            return
        typed = self._settings.text(CLIENT_ID.key).strip()
        if environment_origin(CLIENT_ID) or typed == settings.twitch_client_id:
            self._note = ""
            assembly.twitch.login.start()
        else:
            self._note = "The client id is just being taken over: press Connect once more."

    def _cancel(self) -> None:
        assembly = self._service.assembly
        if assembly is not None:
            assembly.twitch.login.cancel()

    def _disconnect(self) -> None:
        assembly = self._service.assembly
        if assembly is None:
            return

        def forget() -> None:
            try:
                assembly.twitch.disconnect()
            except SecretStoreError as error:
                self._note = str(error)
            else:
                self._note = ""

        self._note = "disconnecting; press Refresh"
        self._background.submit(forget)


def _connect_label(state: str, connected: bool) -> str:
    if state == "starting":
        return "Show the code"
    if state == "pending":
        return "I have entered the code: look again"
    return "Connect Twitch again" if connected else "Connect Twitch"
