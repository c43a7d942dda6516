"""Where OBS keeps its configuration on this machine, and the scene collections there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clawcraft.obs.versions import NEWEST, ObsVersion
from installer import Problem, ini

APP_FOLDER: Final = "obs-studio"
FLATPAK: Final = ".var/app/com.obsproject.Studio/config"
SNAP: Final = "snap/obs-studio/current/.config"
KINDS: Final = {
    "native": "OBS as the system installs it",
    "flatpak": "OBS from Flathub",
    "snap": "OBS as a Snap, which reads only files in your home folder, outside folders whose names begin with a dot",
    "portable": "a portable OBS",
    "given": "named with --obs-config-dir",
}
"""What each kind is, for a person."""
_PORTABLE_MARKS: Final = ("portable_mode.txt", "obs_portable_mode.txt", "bin/64bit/obs64.exe")
"""What lies in the folder of a portable OBS, also of one that never ran."""


@dataclass(frozen=True, slots=True)
class ObsHome:
    """One configuration folder of OBS (``…/obs-studio``); ``kind`` is one of KINDS."""

    folder: Path
    kind: str

    def described(self) -> str:
        return f"{self.folder} ({self.kind}: {KINDS[self.kind]})"

    @property
    def own_folder(self) -> Path:
        """The service's folder there: secrets, jobs, and the installer's backups."""
        return self.folder / "plugin_config" / "twitch-clawcraft"

    @property
    def global_ini(self) -> Path:
        return self.folder / "global.ini"

    @property
    def user_ini(self) -> Path:
        """Only OBS 31 and later have it; it may live elsewhere than ``global.ini``."""
        return self._located("Configuration") / "user.ini"

    @property
    def scenes_folder(self) -> Path:
        return self._located("SceneCollections") / "basic" / "scenes"

    def setting(self, section: str, key: str) -> str:
        """A value of ``user.ini``, else of ``global.ini``, else empty. Raises Problem."""
        return ini.value(ini.read(self.user_ini), section, key) or ini.value(ini.read(self.global_ini), section, key)

    def obs_version(self) -> ObsVersion:
        """Of the OBS that ran here last; if none did, or it does not say, the newest. Raises Problem."""
        number = self.setting("General", "LastVersion")
        return ObsVersion.of_number(int(number)) if number.isdecimal() else NEWEST

    def collection_files(self) -> list[Path]:
        return sorted(self.scenes_folder.glob("*.json"))

    def _located(self, what: str) -> Path:
        """Since OBS 31 ``[Locations]`` may name another parent of the ``obs-studio`` folder."""
        parent = ini.value(ini.read(self.global_ini), "Locations", what)
        return Path(parent) / APP_FOLDER if parent and Path(parent).is_dir() else self.folder


def homes_of(platform: str, environment: Mapping[str, str], home: Path) -> list[ObsHome]:
    """The configuration folders there are; if none, the one that OBS will make. ``platform`` as ``sys.platform``."""
    if platform == "win32":
        native = Path(environment.get("APPDATA") or home / "AppData/Roaming") / APP_FOLDER
    elif platform == "darwin":
        native = home / "Library/Application Support" / APP_FOLDER
    else:
        native = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / APP_FOLDER
    homes = [ObsHome(native, "native")]
    if platform.startswith("linux"):
        homes += [ObsHome(home / FLATPAK / APP_FOLDER, "flatpak"), ObsHome(home / SNAP / APP_FOLDER, "snap")]
    return [candidate for candidate in homes if candidate.folder.is_dir()] or homes[:1]


def given_home(folder: Path) -> ObsHome:
    """The home that a person means with ``folder``: the configuration folder itself, the one above it, or the folder
    of a portable OBS."""
    folder = folder.expanduser().absolute()
    if any((folder / mark).exists() for mark in _PORTABLE_MARKS):
        return ObsHome(folder / "config" / APP_FOLDER, "portable")
    for candidate in (folder / APP_FOLDER, folder / "config" / APP_FOLDER):
        if candidate.is_dir() and not (folder / "basic").is_dir():
            return ObsHome(candidate, _kind(candidate))
    return ObsHome(folder, _kind(folder))


def release_folder(platform: str, environment: Mapping[str, str], home: Path) -> Path:
    """Where a release is unpacked that says nothing else: a folder that stays, of this user. Not a hidden one on Linux,
    where the Snap of OBS could not read it."""
    if platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or home / "AppData/Local") / "twitch-clawcraft"
    if platform == "darwin":
        return home / "Library/Application Support/twitch-clawcraft"
    return home / "twitch-clawcraft"


def new_collection(name: str, platform: str) -> dict[str, Any]:
    """A scene collection like the one OBS makes at its first start: one scene, and the default devices for desktop
    sound (where the system offers one) and microphone."""
    outputs = {"win32": "wasapi_output_capture", "linux": "pulse_output_capture"}
    inputs = {"win32": "wasapi_input_capture", "darwin": "coreaudio_input_capture", "linux": "pulse_input_capture"}
    data: dict[str, Any] = {}
    if platform in outputs:
        data["DesktopAudioDevice1"] = _audio("Desktop Audio", outputs[platform])
    if platform in inputs:
        data["AuxAudioDevice1"] = _audio("Mic/Aux", inputs[platform])
    scene = {"id": "scene", "name": "Scene", "versioned_id": "scene", "enabled": True, "settings": {"items": []}}
    return data | {
        "current_scene": "Scene",
        "current_program_scene": "Scene",
        "name": name,
        "scene_order": [{"name": "Scene"}],
        "sources": [scene],
    }


def file_stem(name: str) -> str:
    """A file name for a collection's name, as OBS makes one."""
    stem = re.sub(r"\W+", "_", name).strip("_")
    if not stem:
        raise Problem(f"{name!r} cannot be the name of a scene collection's file")
    return stem


def _audio(name: str, source: str) -> dict[str, Any]:
    return {"id": source, "versioned_id": source, "name": name, "settings": {"device_id": "default"}, "mixers": 255}


def _kind(folder: Path) -> str:
    parts = folder.parts
    if parts[-2:-1] == ("config",) and any((folder.parent.parent / mark).exists() for mark in _PORTABLE_MARKS):
        return "portable"
    return "flatpak" if "com.obsproject.Studio" in parts else "snap" if "snap" in parts else "given"
