"""The panel of one service: its boxes in order, the pause, and what OBS tells of edits and saves.

OBS's UI thread calls everything here but the hotkey, so nothing here touches the network, nor a disk but for the few
bytes of a kept pause. OBS redraws a panel only after a button: hence Refresh.
"""

from collections.abc import Iterator
from typing import Final

from clawcraft.actions.catalogue import ACTIONS
from clawcraft.heard import KINDS
from clawcraft.obs.script_ui import Box, Choice, Info, Number, Row, ScriptUi, Switch
from clawcraft.panel import fields
from clawcraft.panel.access import Access, TypedSecrets
from clawcraft.panel.background import Background
from clawcraft.panel.fields import KEEP_PAUSED, Field, environment_origin, rows_of
from clawcraft.panel.setup import OtherCollections, Packages
from clawcraft.panel.status import status_box
from clawcraft.panel.trust import CollectionTrust
from clawcraft.panel.twitch import TwitchConnection
from clawcraft.service import Service
from clawcraft.settings import MAX_PER_MIN

CLOSE_TIMEOUT_S: Final = 0.5
_HOTKEY: Final = ("pause_hotkey", "twitch_clawcraft.pause", "twitch-clawcraft: pause the agent / let it go on")
_KEEP_SCENE: Final = "Keep the scene that is on"


class Panel:
    """Made in script_load, closed in script_unload."""

    def __init__(self, service: Service, ui: ScriptUi) -> None:
        self._service = service
        self._ui = ui
        self._background = Background(service.obs.log)
        raw = ui.settings.values()
        self._keep_paused = bool(raw.get(KEEP_PAUSED))
        self._secrets = TypedSecrets(service, ui.settings, self._background)
        self._trust = CollectionTrust(service, self._background, raw)
        # A secret that the collection brings is none: it could be the token of whoever shared it.
        ui.settings.erase(*fields.NEVER_SAVED)
        self._packages = Packages(service, self._background)
        self._collections = OtherCollections(service, self._background)
        self._twitch = TwitchConnection(service, ui.settings, self._secrets, self._background)
        self._access = Access(service, self._secrets)
        ui.add_hotkey(*_HOTKEY, self._toggle_pause)

    def build(self) -> object:
        """script_properties: the properties OBS asked for, to keep."""
        return self._ui.build(self._boxes)

    def changed(self) -> None:
        """script_update: at each keystroke."""
        raw = self._ui.settings.values()
        self._secrets.note(raw)
        keep, before = bool(raw.get(KEEP_PAUSED)), self._keep_paused
        self._keep_paused = keep
        assembly = self._service.assembly
        if keep != before and assembly is not None:
            assembly.pause.keep(survive_restart=keep)
        self._service.panel_changed(fields.service_values(raw))

    def save(self) -> None:
        """script_save: the last moment before OBS writes the settings to the scene collection."""
        self._ui.save_hotkeys()
        self._ui.settings.erase(*fields.NEVER_SAVED)

    def close(self) -> None:
        self._background.close(CLOSE_TIMEOUT_S)

    def _boxes(self) -> tuple[Box, ...]:
        keep_paused = Switch(KEEP_PAUSED, "A pause outlasts a restart of OBS")
        return (
            status_box(self._service, self._toggle_pause, keep_paused),
            self._packages.box(),
            self._collections.box(),
            self._trust.box(),
            self._twitch.box(),
            self._access.box(),
            Box("group_actions", "Actions", tuple(action_rows())),
            Box("group_hearing", "Hearing", tuple(hearing_rows())),
            Box("group_stream", "Stream", (*self._scene(), *self._settings(fields.STREAM))),
            Box("group_service", "Service", tuple(self._settings(fields.SERVICE))),
        )

    def _toggle_pause(self) -> None:
        """Any thread. At once: whoever presses this wants it now."""
        assembly = self._service.assembly
        if assembly is not None:
            paused = assembly.pause.toggle(survive_restart=self._keep_paused)
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


def action_rows() -> Iterator[Row]:
    """Switches and limits. They are parts of two settings that list actions; where the environment sets such a list,
    the list is shown instead."""
    switched_off, limits = environment_origin(fields.DISABLED), environment_origin(fields.OWN_LIMITS)
    yield Info("actions_off", "Switched off", switched_off)
    yield Info("actions_policy", "Policies", environment_origin(fields.POLICY))
    if not switched_off:
        for action in ACTIONS:
            yield Switch(fields.switch_key(action), f"The agent may {action.label}")
    yield from rows_of(fields.RATE, "")
    yield Info("actions_limits", "Own limits", limits)
    if not limits:
        yield Info("actions_hint", "Of one action", "0 means: the limit above")
        for action in ACTIONS:
            yield Number(fields.limit_key(action), action.label.capitalize(), 0, MAX_PER_MIN, " a minute")


def hearing_rows() -> Iterator[Row]:
    """A switch for each kind of event; where the environment sets the list, the list is shown instead."""
    origin = environment_origin(fields.EVENTS)
    yield Info("hearing_set", "Heard", origin)
    if not origin:
        for kind in KINDS:
            scope = f"Needs the scope {kind.scope}: connect Twitch again after switching it on." if kind.scope else ""
            yield Switch(fields.hear_key(kind), f"The agent hears {kind.label}", help=scope)
