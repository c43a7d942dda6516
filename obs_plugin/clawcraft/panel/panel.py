"""The panel of one service: its boxes in order, the pause, and what OBS tells of edits and saves.

OBS's UI thread calls everything here but the hotkey, so nothing here touches the network, nor a disk but for the few
bytes of a kept pause. OBS redraws a panel only after a button: hence Refresh.
"""

import time
from collections.abc import Iterator
from typing import Final

from clawcraft.heard import KINDS
from clawcraft.obs.script_ui import Box, Choice, Info, Row, ScriptUi, Switch
from clawcraft.panel import fields, hotkeys
from clawcraft.panel.access import Access, TypedSecrets
from clawcraft.panel.actions import Actions
from clawcraft.panel.agents import NamedAgents
from clawcraft.panel.alerts import AlertsWebhook
from clawcraft.panel.approval import Questions
from clawcraft.panel.audit import audit_box
from clawcraft.panel.background import Background
from clawcraft.panel.fields import KEEP_PAUSED, Field, environment_origin, rows_of, undrawn
from clawcraft.panel.guard_rails import RailFields
from clawcraft.panel.operator import OperatorPages
from clawcraft.panel.setup import OtherCollections, Packages
from clawcraft.panel.status import status_box
from clawcraft.panel.steps import Steps
from clawcraft.panel.trust import CollectionTrust
from clawcraft.panel.twitch import TwitchConnection
from clawcraft.service import Service

CLOSE_TIMEOUT_S: Final = 0.5
_KEEP_SCENE: Final = "Keep the scene that is on"


class Panel:
    """Made in script_load, closed in script_unload."""

    def __init__(self, service: Service, ui: ScriptUi) -> None:
        self._service = service
        self._ui = ui
        self._background = Background(service.obs.log)
        self._writes = Steps("clawcraft-panel-writes", service.obs.log)
        raw = ui.settings.values()
        self._keep_paused = bool(raw.get(KEEP_PAUSED))
        self._secrets = TypedSecrets(service, ui.settings, self._writes)
        self._hotkeys = hotkeys.Hotkeys(service.data_dir, ui, self._writes, raw)
        self._trust = CollectionTrust(service, self._writes, [*undrawn(raw), *self._hotkeys.ignored])
        self._actions = Actions(service, ui.settings, self._writes, raw)
        self._questions = Questions(service)
        # A secret that the collection brings is none: it could be the token of whoever shared it.
        ui.settings.erase(*fields.NEVER_SAVED)
        self._rails = RailFields(service, ui.settings, self._writes)
        self._packages = Packages(service, self._background)
        self._collections = OtherCollections(service, self._background)
        self._twitch = TwitchConnection(service, ui.settings, self._secrets, self._writes)
        self._access = Access(service, ui, self._secrets)
        self._agents = NamedAgents(service, ui, self._writes)
        self._alerts = AlertsWebhook(service, self._secrets)
        self._operator = OperatorPages(service, ui.settings, self._writes)
        service.page_access.keep_paused = self._keep_paused
        self._hotkeys.add(hotkeys.PAUSE, self._toggle_pause)
        self._hotkeys.add(hotkeys.ALLOW, self._questions.allow_oldest)
        self._hotkeys.add(hotkeys.DENY, self._questions.deny_oldest)

    def build(self) -> object:
        """script_properties: the properties OBS asked for, to keep."""
        return self._ui.build(self._boxes)

    def changed(self) -> None:
        """script_update: at each keystroke."""
        raw = self._ui.settings.values()
        self._secrets.note(raw)
        self._actions.changed(raw)
        self._rails.note(raw)
        keep, before = bool(raw.get(KEEP_PAUSED)), self._keep_paused
        self._keep_paused = self._service.page_access.keep_paused = keep
        if keep != before:
            self._service.pause.keep(survive_restart=keep)
        self._service.panel_changed(fields.service_values(raw))

    def save(self) -> None:
        """script_save: the last moment before OBS writes the settings to the scene collection."""
        self._hotkeys.save()
        self._ui.settings.erase(*fields.NEVER_SAVED)
        self._rails.show()

    def close(self) -> None:
        """script_unload: write what waits, and once more what the disk has refused."""
        until_s = time.monotonic() + CLOSE_TIMEOUT_S
        self._background.stop()
        self._writes.submit(self._rails.save)
        self._writes.submit(self._service.policies.save)
        if not self._writes.close(CLOSE_TIMEOUT_S):
            self._service.obs.log("the disk does not answer: what was changed last in the panel may not be kept")
        self._background.join(max(0.0, until_s - time.monotonic()))

    def _boxes(self) -> tuple[Box, ...]:
        keep_paused = Switch(KEEP_PAUSED, "A pause outlasts a restart of OBS")
        return (
            status_box(self._service, self._toggle_pause, keep_paused, self._hotkeys.row()),
            self._questions.box(),
            audit_box(self._service),
            self._operator.box(),
            self._packages.box(),
            self._collections.box(),
            self._trust.box(),
            self._twitch.box(),
            self._access.box(),
            self._agents.box(),
            Box("group_actions", "Actions", (*self._actions.rows(), *self._settings(fields.ASKING))),
            self._rails.box(),
            Box("group_hearing", "Hearing", tuple(hearing_rows())),
            Box("group_stream", "Stream", (*self._scene(), *self._settings(fields.STREAM))),
            Box("group_service", "Service", tuple(self._settings(fields.SERVICE))),
            self._alerts.box(),
        )

    def _toggle_pause(self) -> None:
        """Any thread. At once, whether the service is up or not: whoever presses this wants it now."""
        paused = self._service.pause.toggle(survive_restart=self._keep_paused)
        self._service.secrets_changed()  # the supervisor stores what the audit trail has noted
        self._service.obs.log("the agent is paused" if paused else "the agent may act again")

    def _settings(self, chosen: tuple[Field, ...]) -> Iterator[Row]:
        for field in chosen:
            yield from rows_of(field, self._ui.settings.text(field.key))

    def _scene(self) -> Iterator[Row]:
        field = fields.SCENE
        if environment_origin(field):
            yield from rows_of(field, "")
            return
        scenes = self._service.obs.snapshot().scenes
        choices = [(_KEEP_SCENE, ""), *((scene, scene) for scene in scenes)]
        chosen = self._ui.settings.text(field.key)
        # OBS would silently put the first choice in the place of a value that is not on the list.
        if chosen and chosen not in scenes:
            choices.append((f"{chosen} (not in this scene collection)", chosen))
        yield Choice(field.key, field.label, choices, help=field.help)


def hearing_rows() -> Iterator[Row]:
    """A switch for each kind of event; where the environment sets the list, the list is shown instead."""
    origin = environment_origin(fields.EVENTS)
    yield Info("hearing_set", "Heard", origin)
    if not origin:
        for kind in KINDS:
            scope = f"Needs the scope {kind.scope}: connect Twitch again after switching it on." if kind.scope else ""
            yield Switch(fields.hear_key(kind), f"The agent hears {kind.label}", help=scope)
