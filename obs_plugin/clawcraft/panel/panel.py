"""The panel of one service: its boxes in order, and what OBS tells of edits and saves.

OBS's UI thread calls everything here, so nothing here touches the network or a disk. OBS redraws a panel only after a
button or a field's own callback, never by itself: hence the Refresh button.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

from clawcraft.panel.access import AccessSection, TypedSecrets
from clawcraft.panel.actions import ActionsSection
from clawcraft.panel.background import Background
from clawcraft.panel.context import Context, Section
from clawcraft.panel.control import PauseControl, StatusSection
from clawcraft.panel.hotkey import PauseHotkey
from clawcraft.panel.rows import Rows, View
from clawcraft.panel.service import ServiceSection, StreamSection
from clawcraft.panel.setup import CollectionsSection, PackagesSection
from clawcraft.panel.twitch import TwitchSection
from clawcraft.panel.values import erase_secrets, service_values, typed_secrets
from clawcraft.service import Service

CLOSE_TIMEOUT_S: Final = 0.5


class Panel:
    """Made in script_load with the script's ``settings`` (the object OBS's widgets read and write), closed in
    script_unload."""

    def __init__(self, obs: ModuleType, service: Service, settings: Any, raw: Mapping[str, Any]) -> None:
        self._obs = obs
        self._service = service
        # The script owns it and outlives this; the reference makes that no matter of trust.
        obs.obs_data_addref(settings)
        self._settings = settings
        self._background = Background(service.obs.log)
        context = Context(obs, service, settings, self._background)
        self._typed = TypedSecrets(context)
        self._typed.adopt(raw)
        self._pause = PauseControl(context, raw)
        self._hotkey = PauseHotkey(context, self._pause)
        self._sections: tuple[Section, ...] = (
            StatusSection(context, self._pause),
            PackagesSection(context),
            CollectionsSection(context),
            TwitchSection(context, self._typed),
            AccessSection(context, self._typed),
            ActionsSection(context),
            StreamSection(context),
            ServiceSection(context),
        )

    def build(self) -> Any:
        """script_properties: the properties OBS asked for, to keep."""
        top = Rows(self._obs, self._update, self._service.obs.log)
        for section in self._sections:
            section.add(top)
        self._update(top.properties)
        return top.properties

    def changed(self, raw: Mapping[str, Any]) -> None:
        """script_update: at each keystroke."""
        self._typed.note(typed_secrets(raw))
        self._pause.changed(raw)
        self._service.panel_changed(service_values(raw))

    def save(self, settings: Any) -> None:
        """script_save: the last moment before OBS writes ``settings`` to the scene collection."""
        self._hotkey.save(settings)
        erase_secrets(self._obs, settings)

    def close(self) -> None:
        self._background.close(CLOSE_TIMEOUT_S)
        self._obs.obs_data_release(self._settings)

    def _update(self, properties: Any) -> None:
        view = View(self._obs, properties)
        for section in self._sections:
            section.update(view)
