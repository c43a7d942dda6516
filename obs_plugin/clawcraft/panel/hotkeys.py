"""The streamer's hotkeys, kept on this machine and the same in every scene collection.

OBS leaves a script's keys to the script, and others keep them in the scene collection. People share those: a key in one
could say yes in the streamer's place. And each has its own: a change of collection in mid-show would take the pause's
key away. OBS's UI thread calls everything here.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clawcraft.files import private_folder, write_atomically
from clawcraft.jobs.store import FILE_NAME as JOB_TABLE
from clawcraft.obs.script_ui import Info, Keys, ScriptUi
from clawcraft.panel.fields import ALLOW_HOTKEY, DENY_HOTKEY, HOTKEYS, PAUSE_HOTKEY
from clawcraft.panel.status import AMBER, coloured
from clawcraft.panel.steps import Steps

FILE_NAME: Final = "hotkeys.json"


@dataclass(frozen=True, slots=True)
class Hotkey:
    """``key`` names it in the file, ``name`` in OBS; OBS shows ``label`` in Settings, Hotkeys."""

    key: str
    name: str
    label: str


PAUSE: Final = Hotkey(PAUSE_HOTKEY, "twitch_clawcraft.pause", "twitch-clawcraft: pause the agent / let it go on")
ALLOW: Final = Hotkey(ALLOW_HOTKEY, "twitch_clawcraft.allow", "twitch-clawcraft: allow what the agent asks first")
DENY: Final = Hotkey(DENY_HOTKEY, "twitch_clawcraft.deny", "twitch-clawcraft: deny what the agent asks first")


class Hotkeys:
    """Made in script_load. ``raw`` is what the scene collection says: none of its keys count, but for the pause's of
    0.1.0, which kept it there."""

    def __init__(self, folder: Path, ui: ScriptUi, writes: Steps, raw: Mapping[str, Any]) -> None:
        self._path = folder / FILE_NAME
        self._ui = ui
        self._writes = writes
        self._problem = ""
        self._kept: dict[str, Keys] = {key: [] for key in HOTKEYS}
        self._stored = dict(self._kept)
        """As this life of the script read or wrote it."""
        try:
            self._kept |= self._read()
            self._stored = dict(self._kept)
        except FileNotFoundError:
            self._stored = {}
            if (folder / JOB_TABLE).exists():
                self._kept[PAUSE_HOTKEY] = _keys(raw.get(PAUSE_HOTKEY))
        except (OSError, ValueError) as error:
            self._problem = (
                f"The hotkeys are not known, since {self._path} cannot be read ({type(error).__name__}): set them again"
                " in Settings, Hotkeys."
            )
        self.ignored = [key for key in HOTKEYS if _keys(raw.get(key)) not in ([], self._kept[key])]
        """What the collection says of them and does not count."""
        self._store()

    def add(self, hotkey: Hotkey, pressed: Callable[[], None]) -> None:
        """``pressed`` is called on OBS's scripting thread."""
        self._ui.add_hotkey(hotkey.key, hotkey.name, hotkey.label, self._kept[hotkey.key], pressed)

    def save(self) -> None:
        """script_save, which OBS also calls after a change in Settings, Hotkeys."""
        self._kept = self._ui.hotkeys()
        self._store()

    def row(self) -> Info:
        return Info("hotkeys_problem", "", text=coloured(AMBER, self._problem))

    def _store(self) -> None:
        kept = self._kept
        if changed := {key: keys for key, keys in kept.items() if keys != self._stored.get(key)}:
            self._writes.submit(lambda: self._write(changed, kept))

    def _write(self, changed: dict[str, Keys], kept: dict[str, Keys]) -> None:
        """Not on OBS's UI thread. What another OBS with this folder has set since stays."""
        try:
            others = self._read()
        except (OSError, ValueError):
            others = kept
        try:
            private_folder(self._path.parent)
            write_atomically(self._path, json.dumps(others | changed).encode(), durable=False)
            self._stored, self._problem = self._stored | changed, ""
        except OSError as error:
            self._problem = f"The hotkeys hold until OBS ends, and could not be kept: {error.strerror or error}"

    def _read(self) -> dict[str, Keys]:
        kept = json.loads(self._path.read_text("utf-8"))
        if not isinstance(kept, dict):
            raise ValueError("not an object")
        return {key: _keys(kept.get(key)) for key in HOTKEYS}


def _keys(value: Any) -> Keys:
    """As OBS writes them: an object for each combination."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
