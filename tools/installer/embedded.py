"""Which Python OBS embeds: on Linux the one that its scripting library is linked with, on Windows and macOS the one
set in Tools, Scripts, Python Settings."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from _venv import NEEDS
from clawcraft.obs.versions import NEWEST, ObsVersion
from installer import Problem, Status
from installer.homes import ObsHome

_LINKED: Final = re.compile(rb"libpython(3)\.(\d+)\w*\.(?:so|dylib)")
_LIBRARIES: Final = (
    "lib*/libobs-scripting.so*",
    "lib*/*/libobs-scripting.so*",
    "lib*/obs-scripting/_obspython.so",
    "lib*/*/obs-scripting/_obspython.so",
)

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class EmbeddedPython:
    """The Python of OBS; ``set_path`` is what OBS has to be told first to use it, empty where it knows."""

    version: Version
    origin: str
    set_path: str = ""

    def __str__(self) -> str:
        return _text(self.version)

    @property
    def tag(self) -> str:
        return f"cp{self.version[0]}{self.version[1]}"


def parse_version(text: str) -> Version:
    """``3.11`` as numbers. Raises ValueError."""
    match = re.fullmatch(r"(\d)\.(\d{1,2})(\.\d+)?", text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a Python version such as 3.11")
    return int(match[1]), int(match[2])


def checked(python: EmbeddedPython) -> EmbeddedPython:
    """``python`` if the service can run in it. Raises Problem."""
    if python.version < NEEDS:
        raise Problem(
            f"OBS uses Python {python} ({python.origin}), and twitch-clawcraft needs "
            f"{_text(NEEDS)} or newer. Install Python {_text(NEWEST.newest_python)} and choose it in OBS: "
            "Tools, Scripts, Python Settings. Then run this again.",
            Status.NO_PYTHON,
        )
    return python


def detect(home: ObsHome, platform: str) -> EmbeddedPython:
    """The Python that the OBS of ``home`` embeds. Raises Problem where it cannot be told."""
    if platform in ("win32", "darwin"):
        obs = home.obs_version()
        if obs.newest_python < NEEDS:
            raise Problem(
                f"the OBS that ran here last is {_text(obs)}, which loads Python up to {_text(obs.newest_python)}, and "
                f"twitch-clawcraft needs {_text(NEEDS)} or newer. Update OBS to 30.1 or newer, start it once, and run "
                "this again.",
                Status.NO_PYTHON,
            )
        return checked(_configured(home, platform, obs))
    return checked(linked_in(_roots(home)))


def of_interpreter(python: Path, platform: str, obs: ObsVersion) -> EmbeddedPython:
    """The Python for this OBS that a person named with ``--python``: an interpreter, or its folder. Raises Problem."""
    names = ("python.exe", "bin/python3", "python3", "Python.framework/Versions/Current/bin/python3")
    program = next((python / name for name in names if (python / name).is_file()), python)
    code = "import sys; print('%d.%d' % sys.version_info[:2]); print(sys.base_prefix)"
    try:
        done = subprocess.run([str(program), "-c", code], capture_output=True, text=True, timeout=30, check=True)
        version, prefix = done.stdout.splitlines()
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise Problem(f"{python} is not a Python that runs: {error}", Status.NO_PYTHON) from error
    found = EmbeddedPython(parse_version(version), f"named with --python {python}")
    return checked(_loadable(found, Path(prefix), platform, obs))


def linked_in(roots: Sequence[Path]) -> EmbeddedPython:
    """The Python that the OBS below one of these folders (``/usr``) is linked with. Raises Problem."""
    libraries = [path for root in roots for pattern in _LIBRARIES for path in sorted(root.glob(pattern))]
    for path in libraries:
        try:
            match = _LINKED.search(path.read_bytes())
        except OSError:
            continue
        if match:
            return EmbeddedPython((int(match[1]), int(match[2])), f"{path} is linked with it")
    found = f"{libraries[0]} is built without Python" if libraries else "OBS was not found on this machine"
    raise Problem(
        f"cannot tell which Python OBS embeds: {found}. Install OBS Studio with Python scripting "
        "(Debian, Ubuntu: sudo apt install obs-studio), or say it with --python-version 3.11.",
        Status.NO_PYTHON,
    )


def _roots(home: ObsHome) -> list[Path]:
    """Folders that may hold the ``lib`` of this kind of OBS."""
    if home.kind == "flatpak":
        app = "app/com.obsproject.Studio/current/active/files"
        return [Path.home() / ".local/share/flatpak" / app, Path("/var/lib/flatpak") / app]
    if home.kind == "snap":
        return [Path("/snap/obs-studio/current/usr")]
    program = shutil.which("obs")
    own = [Path(program).resolve().parent.parent] if program else []
    return [*own, Path("/usr"), Path("/usr/local")]


def _configured(home: ObsHome, platform: str, obs: ObsVersion) -> EmbeddedPython:
    folder = home.setting("Python", "Path64bit").partition("/Python.framework/Versions")[0]
    if not folder:
        return _of_this_process(platform, obs)
    # OBS takes the newest that it knows and finds there.
    for minor in range(obs.newest_python[1], 5, -1):
        if (Path(folder) / _library((3, minor), platform)).exists():
            return EmbeddedPython((3, minor), f"set in OBS: {folder}")
    raise Problem(
        f"OBS is set to use the Python in {folder}, and none that OBS can load is there. Install Python "
        f"{_text(obs.newest_python)} and choose its folder in OBS: Tools, Scripts, Python Settings.",
        Status.NO_PYTHON,
    )


def _of_this_process(platform: str, obs: ObsVersion) -> EmbeddedPython:
    version = sys.version_info[:2]
    this = EmbeddedPython(version, f"the Python that runs this, {sys.executable}")
    return _loadable(this, Path(sys.base_prefix), platform, obs)


def _loadable(python: EmbeddedPython, prefix: Path, platform: str, obs: ObsVersion) -> EmbeddedPython:
    """``python``, with the path to set in OBS on Windows and macOS, where OBS has to be told. Raises Problem."""
    if platform not in ("win32", "darwin"):
        return python
    # On macOS the setting names the folder that holds Python.framework.
    folder = Path(str(prefix).partition("/Python.framework/")[0]) if platform == "darwin" else prefix
    if python.version > obs.newest_python or not (folder / _library(python.version, platform)).exists():
        raise Problem(
            f"OBS has no Python set, and OBS {_text(obs)} cannot load {python} in {prefix} ({python.origin}). "
            f"Install Python {_text(obs.newest_python)} from python.org and run this with it, or say where one is with "
            "--python PATH.",
            Status.NO_PYTHON,
        )
    return EmbeddedPython(python.version, python.origin, folder.as_posix())


def _library(version: Version, platform: str) -> str:
    """The library that OBS loads, below the folder set in it."""
    major, minor = version
    if platform == "win32":
        return f"python{major}{minor}.dll"
    return f"Python.framework/Versions/{major}.{minor}/lib/libpython{major}.{minor}.dylib"


def _text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
