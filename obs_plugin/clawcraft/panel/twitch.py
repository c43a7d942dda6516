"""The box "Twitch": connecting the streamer's account and a bot for chat with a code each, and what Twitch says of
them. The calls themselves run on the threads of ``twitch/client.py``; this only asks how far they are."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from clawcraft.obs.script_ui import Box, Button, Info, Row, ScriptSettings
from clawcraft.panel.access import TypedSecrets
from clawcraft.panel.fields import CHANNELS, CLIENT_ID, CLIENT_SECRET, environment_origin, rows_of
from clawcraft.panel.status import bot_line, escape, login_line
from clawcraft.panel.steps import Steps
from clawcraft.secrets import SecretStoreError
from clawcraft.service import Phase, Service

if TYPE_CHECKING:
    from clawcraft.twitch.client import Twitch
    from clawcraft.twitch.login import PanelLogin

_UNDER_WAY = ("starting", "pending")


class TwitchConnection:
    """Both accounts, the client id and secret."""

    def __init__(self, service: Service, settings: ScriptSettings, secrets: TypedSecrets, writes: Steps) -> None:
        self._settings = settings
        self._secrets = secrets
        self._streamer = Account(service, settings, writes)
        self._bot = Bot(service, settings, writes)

    def box(self) -> Box:
        rows = (
            *rows_of(CLIENT_ID, self._settings.text(CLIENT_ID.key)),
            *self._streamer.rows(),
            *self._bot.rows(),
            *self._secrets.rows("twitch", CLIENT_SECRET),
            *rows_of(CHANNELS, self._settings.text(CHANNELS.key)),
        )
        return Box("group_twitch", "Twitch", rows)


class Account:
    """Connect, the code, disconnect: of the streamer's account."""

    prefix = "twitch"
    connect_label, again_label, disconnect_label = "Connect Twitch", "Connect Twitch again", "Disconnect"
    before_the_code = ""

    def __init__(self, service: Service, settings: ScriptSettings, writes: Steps) -> None:
        self._service = service
        self._settings = settings
        self._writes = writes
        self._note = ""

    def rows(self) -> Iterator[Row]:
        twitch = self._twitch
        status: dict[str, Any] = self.status(twitch) if twitch is not None else {}
        login = status.get("login", {})
        state = login.get("state", "idle")
        connected = status.get("state") not in (None, "not_configured")
        told = login_line(login) if connected or state != "done" else ""
        if state == "pending":
            told = f"{self.before_the_code}{told}"
        yield Info(f"{self.prefix}_login", "", escape(self._note) if self._note else told)
        label = self._connect_label(state, connected=connected)
        # OBS draws a script that was just added before the service is up, and not again by itself.
        visible = bool(status) or self._service.view.phase is Phase.STARTING
        yield Button(f"{self.prefix}_connect", label, self._connect, visible=visible)
        under_way = state in _UNDER_WAY
        yield Button(f"{self.prefix}_cancel", "Cancel the login", self._cancel, visible=under_way)
        yield Button(
            f"{self.prefix}_disconnect", self.disconnect_label, self._disconnect, visible=connected and not under_way
        )

    def status(self, twitch: "Twitch") -> dict[str, Any]:
        return twitch.status()

    def login(self, twitch: "Twitch") -> "PanelLogin":
        return twitch.login

    @property
    def _twitch(self) -> "Twitch | None":
        assembly = self._service.assembly
        return None if assembly is None else assembly.twitch

    def _connect(self) -> None:
        twitch, settings = self._twitch, self._service.settings
        if twitch is None or settings is None:
            self._note = self._why_not_yet("The service is just starting")
            return
        typed = self._settings.text(CLIENT_ID.key).strip()
        if environment_origin(CLIENT_ID) or typed == settings.twitch_client_id:
            self._note = ""
            self.login(twitch).start()
        else:
            self._note = self._why_not_yet("The client id is just being taken over")

    def _why_not_yet(self, usual: str) -> str:
        """While anything in the settings is wrong, the service keeps to the last ones without a mistake."""
        assembly = self._service.assembly
        trouble = "" if assembly is None else assembly.trouble  # the disk's, which keeps no setting from counting
        wrong = [problem for problem in self._service.view.problems if problem != trouble]
        if wrong:
            return f"Correct this first, then press Connect once more: {'; '.join(wrong)}"
        return f"{usual}: press Connect once more."

    def _cancel(self) -> None:
        if (twitch := self._twitch) is not None:
            self.login(twitch).cancel()

    def _disconnect(self) -> None:
        twitch = self._twitch
        if twitch is None:
            return

        def forget() -> None:
            try:
                self.login(twitch).disconnect()
            except SecretStoreError as error:
                self._note = str(error)
            else:
                self._note = ""

        self._note = "disconnecting; press Refresh"
        self._writes.submit(forget)

    def _connect_label(self, state: str, *, connected: bool) -> str:
        if state == "starting":
            return "Show the code"
        if state == "pending":
            return "I have entered the code: look again"
        return self.again_label if connected else self.connect_label


class Bot(Account):
    """The same of the account that speaks in chat, with a line of how it is."""

    prefix = "bot"
    connect_label, again_label = "Connect a bot for chat", "Connect the bot again"
    disconnect_label = "Disconnect the bot"
    before_the_code = "Log in to twitch.tv as the bot first, in a private window for instance.<br>"

    def rows(self) -> Iterator[Row]:
        twitch = self._twitch
        yield Info("bot_status", "Chat", bot_line(twitch.status()) if twitch is not None else "")
        yield from super().rows()

    def status(self, twitch: "Twitch") -> dict[str, Any]:
        status: dict[str, Any] = twitch.status()["bot"]
        return status

    def login(self, twitch: "Twitch") -> "PanelLogin":
        return twitch.bot_login
