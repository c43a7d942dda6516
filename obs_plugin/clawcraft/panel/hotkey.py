"""The hotkey that pauses the agent and lets it go on, also while OBS is minimised; the streamer gives it its keys in
OBS's Settings, Hotkeys. OBS calls it on its own scripting thread."""

from typing import Any, Final

from clawcraft.panel.context import Context
from clawcraft.panel.control import PauseControl
from clawcraft.panel.values import HOTKEY

_NAME: Final = "twitch_clawcraft.pause"
_DESCRIPTION: Final = "twitch-clawcraft: pause the agent / let it go on"


class PauseHotkey:
    """Registered in script_load; OBS removes it by itself when the script unloads."""

    def __init__(self, context: Context, pause: PauseControl) -> None:
        self._obs = context.obs
        log = context.service.obs.log

        def pressed(down: bool) -> None:  # a plain function: OBS ignores any other callable
            if down:
                try:
                    pause.toggle()
                except Exception as error:  # noqa: BLE001 - OBS would open its log window on the streamer's screen
                    log(f"pause hotkey: {type(error).__name__}: {error}")

        self._id = self._obs.obs_hotkey_register_frontend(_NAME, _DESCRIPTION, pressed)
        keys = self._obs.obs_data_get_array(context.settings, HOTKEY)
        self._obs.obs_hotkey_load(self._id, keys)
        self._obs.obs_data_array_release(keys)

    def save(self, settings: Any) -> None:
        """The keys are part of the script's settings, as OBS wants it of scripts."""
        keys = self._obs.obs_hotkey_save(self._id)
        self._obs.obs_data_set_array(settings, HOTKEY, keys)
        self._obs.obs_data_array_release(keys)
