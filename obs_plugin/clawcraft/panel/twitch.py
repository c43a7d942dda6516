"""The box "Twitch": connecting with a code, and what Twitch says of the token. The calls themselves run on the
threads of ``twitch/client.py``; this only asks how far they are."""

from typing import Any

from clawcraft.panel import fields
from clawcraft.panel.access import SecretRows, TypedSecrets
from clawcraft.panel.context import Context
from clawcraft.panel.rows import Rows, View, environment_origin, escape
from clawcraft.panel.service import check_fields
from clawcraft.panel.status import login_line
from clawcraft.secrets import SecretStoreError

_UNDER_WAY = ("starting", "pending")


class TwitchSection:
    """Connect, the code, disconnect; the client id and secret."""

    def __init__(self, context: Context, typed: TypedSecrets) -> None:
        self._context = context
        self._secrets = SecretRows(context, typed, fields.TWITCH_SECRETS, "twitch")
        self._note = ""

    def add(self, top: Rows) -> None:
        rows = top.group("twitch", "Twitch")
        rows.field(fields.CLIENT_ID)
        rows.info("twitch_login")
        rows.button("twitch_connect", "", self._connect)
        rows.button("twitch_cancel", "Cancel the login", self._cancel)
        rows.button("twitch_disconnect", "Disconnect", self._disconnect)
        self._secrets.add(rows)
        rows.field(fields.CHANNELS)

    def update(self, view: View) -> None:
        status = self._status()
        login = status.get("login", {})
        state = login.get("state", "idle")
        connected = status.get("state") not in (None, "not_configured")
        told = login_line(login) if connected or state != "done" else ""
        view.info("twitch_login", escape(self._note) if self._note else told)
        view.label("twitch_connect", _connect_label(state, connected))
        view.show("twitch_connect", bool(status))
        view.show("twitch_cancel", state in _UNDER_WAY)
        view.show("twitch_disconnect", connected and state not in _UNDER_WAY)
        self._secrets.update(view)
        check_fields(self._context, view, (fields.CLIENT_ID, fields.CHANNELS))

    def _status(self) -> dict[str, Any]:
        assembly = self._context.service.assembly
        return assembly.twitch.status() if assembly is not None else {}

    def _connect(self) -> None:
        assembly, settings = self._context.service.assembly, self._context.service.settings
        if assembly is None or settings is None:
            return
        typed = self._context.obs.obs_data_get_string(self._context.settings, fields.CLIENT_ID.key).strip()
        if environment_origin(fields.CLIENT_ID) or typed == settings.twitch_client_id:
            self._note = ""
            assembly.twitch.login.start()
        else:
            self._note = "The client id is just being taken over: press Connect once more."

    def _cancel(self) -> None:
        assembly = self._context.service.assembly
        if assembly is not None:
            assembly.twitch.login.cancel()

    def _disconnect(self) -> None:
        assembly = self._context.service.assembly
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
        self._context.background.submit(forget)


def _connect_label(state: str, connected: bool) -> str:
    if state == "starting":
        return "Show the code"
    if state == "pending":
        return "I have entered the code: look again"
    return "Connect Twitch again" if connected else "Connect Twitch"
