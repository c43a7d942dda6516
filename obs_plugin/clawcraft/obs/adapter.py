"""ObsPort on the real obspython; besides the entry file the only module that is handed it, and what it makes of it.

Each method says its thread in ``port.py`` or here. Every reference OBS hands out goes back before the method returns.
"""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from clawcraft.obs.clipboard import find_clipboard
from clawcraft.obs.libobs import Libobs, LibobsMissing, Window, find_libobs
from clawcraft.obs.port import ObsSnapshot, StreamSnapshot
from clawcraft.obs.script_ui import Callback, ScriptUi
from clawcraft.obs.versions import ObsVersion

CONFIG_FOLDER = "obs-studio/plugin_config/twitch-clawcraft"
_NO_STREAM = StreamSnapshot(False, False, 0, 0, 0, 0.0, None, exists=False)


class ObsAdapter:
    """OBS, reduced to what six actions, a status page and a panel need. ``linked`` makes of a callback a plain function
    (OBS ignores any other callable) that OBS may keep for good."""

    def __init__(self, obspython: ModuleType, linked: Callable[[Callback], Callback]) -> None:
        self._obs: Any = obspython
        self._linked = linked
        self.libobs: Libobs | LibobsMissing = find_libobs()

    # --- any thread -----------------------------------------------------------------------------------------------

    def log(self, line: str) -> None:
        # OBS knows no script by whose name it could log from another thread than its own.
        self._obs.script_log(self._obs.LOG_INFO, "[clawcraft] " + " ".join(line.splitlines()))

    def data_dir(self) -> Path:
        """The script's own folder in OBS's configuration."""
        if isinstance(self.libobs, Libobs):
            return Path(self.libobs.config_path(CONFIG_FOLDER))
        return Path(self._obs.os_get_config_path_ptr(CONFIG_FOLDER))

    def version(self) -> str:
        return str(self._obs.obs_get_version_string())

    def prepares(self) -> bool:
        return ObsVersion.of_text(self.version()).prepares_asynchronously

    # --- UI thread ------------------------------------------------------------------------------------------------

    def script_ui(self, settings: Any) -> ScriptUi:
        """In a hook: the script's ``settings``, as that hook got them, and its panel and hotkeys."""
        return ScriptUi(self._obs, settings, self._linked, self.log, find_clipboard)

    def scene_collection(self) -> str:
        """The name of the one in use."""
        return str(self._obs.obs_frontend_get_current_scene_collection())

    def snapshot(self) -> ObsSnapshot:
        scenes = tuple(self._obs.obs_frontend_get_scene_names() or ())
        return ObsSnapshot(self.version(), self._current_scene(), scenes, self.stream())

    def stream(self) -> StreamSnapshot:
        obs = self._obs
        with self._output() as output:
            if output is None:
                return _NO_STREAM
            return StreamSnapshot(
                active=bool(obs.obs_output_active(output)),
                reconnecting=bool(obs.obs_output_reconnecting(output)),
                total_bytes=int(obs.obs_output_get_total_bytes(output)),
                total_frames=int(obs.obs_output_get_total_frames(output)),
                dropped_frames=int(obs.obs_output_get_frames_dropped(output)),
                congestion=float(obs.obs_output_get_congestion(output)),
                last_error=obs.obs_output_get_last_error(output) or None,
                delay_s=int(obs.obs_output_get_delay(output)),
            )

    def set_scene(self, name: str) -> bool:
        scenes = self._obs.obs_frontend_get_scenes() or []
        try:
            for scene in scenes:
                if self._obs.obs_source_get_name(scene) == name:
                    self._obs.obs_frontend_set_current_scene(scene)
                    return True
            return False
        finally:
            self._obs.source_list_release(scenes)

    def start_streaming(self) -> None:
        assert isinstance(self.libobs, Libobs)  # without it nothing of ours runs on the UI thread
        self.libobs.start_streaming()

    def stop_streaming(self) -> None:
        assert isinstance(self.libobs, Libobs)
        self.libobs.stop_streaming()

    def window(self) -> Window:
        assert isinstance(self.libobs, Libobs)
        return self.libobs.window()

    def _current_scene(self) -> str | None:
        scene = self._obs.obs_frontend_get_current_scene()
        if not scene:
            return None
        try:
            return str(self._obs.obs_source_get_name(scene))
        finally:
            self._obs.obs_source_release(scene)

    @contextlib.contextmanager
    def _output(self) -> Iterator[Any]:
        """The streaming output, None before the first start."""
        output = self._obs.obs_frontend_get_streaming_output()
        try:
            yield output or None
        finally:
            if output:
                self._obs.obs_output_release(output)
