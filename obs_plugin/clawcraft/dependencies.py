"""The third-party packages and the folder they are installed in, for exactly the Python that OBS embeds.

Standard library only: it has to work when everything else is missing.
"""

import importlib
import importlib.metadata
import importlib.util
import platform
import re
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PLUGIN_FOLDER: Final = Path(__file__).resolve().parent.parent
LIBRARY: Final = PLUGIN_FOLDER / "lib"
SHARED: Final = "any"
"""The folder of a release's packages that are not compiled."""
REQUIREMENTS: Final = PLUGIN_FOLDER.parent / "requirements.txt"
_MODULES: Final = {"attrs": "attr", "rpds-py": "rpds", "websocket-client": "websocket"}
"""The modules that are not named as their packages are."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """A package that is not there as ``requirements.txt`` pins it. ``found`` is the version that is there instead,
    empty if none is; ``loaded`` if it is in use already, so that installing the right one is not enough."""

    name: str
    wanted: str
    found: str = ""
    folder: str = ""
    loaded: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.found} from {self.folder} instead of {self.wanted}" if self.found else self.name


def library_folders() -> list[Path]:
    """Where the packages are: those that a release brought along, else ``obs_plugin/lib/cp311`` for Python 3.11, which
    ``tools/install.py`` fills."""
    return brought_along() or [LIBRARY / python_tag(python_version())]


def brought_along() -> list[Path]:
    """The folders of a release's packages: of those compiled for this Python on this kind of machine, and of those for
    all. None in a copy of the sources, or where the release has nothing for this Python and machine."""
    compiled = LIBRARY / f"{python_tag(python_version())}-{machine()}"
    return [compiled, LIBRARY / SHARED] if compiled.is_dir() else []


def machine() -> str:
    """The kind of machine that this Python is built for: ``win-amd64``, ``macos-arm64``, ``x86_64-linux-gnu``."""
    if sys.platform == "win32":
        return sysconfig.get_platform()
    if sys.platform == "darwin":  # One Python serves both kinds: it runs as the OBS that loads it.
        return f"macos-{platform.machine()}"
    # Of the interpreter itself: sysconfig would look for a file, which a packaged OBS may lack.
    return str(getattr(sys.implementation, "_multiarch", sys.platform))


def python_tag(version: str) -> str:
    """``cp311`` for ``3.11``: compiled packages fit one Python version only."""
    return "cp" + version.replace(".", "")


def activate() -> None:
    """Put the library folders first on ``sys.path``, once, so that the pinned versions win over a system's own."""
    folders = [str(folder) for folder in library_folders() if folder.is_dir()]
    sys.path[:0] = [folder for folder in folders if folder not in sys.path]
    importlib.invalidate_caches()


def unfit() -> tuple[Unfit, ...]:
    """The packages that are not there as they are pinned, after ``activate()``: those that an import would find, which
    are others than ours where another script loaded its own before."""
    return tuple(problem for name, wanted in _pinned() if (problem := _look(name, wanted)) is not None)


def modules() -> list[str]:
    """What the packages are imported as."""
    return [_module(name) for name, _ in _pinned()]


def _pinned() -> list[tuple[str, str]]:
    """Names and versions."""
    return re.findall(r"^([\w.-]+)==([\w.]+)", REQUIREMENTS.read_text("utf-8"), re.MULTILINE)


def _module(name: str) -> str:
    return _MODULES.get(name, name.replace("-", "_"))


def _look(name: str, wanted: str) -> Unfit | None:
    module = _module(name)
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return Unfit(name, wanted)
    origin = Path(spec.origin)
    folder = str(origin.parent.parent if spec.submodule_search_locations else origin.parent)
    versions = {found.version for found in importlib.metadata.distributions(name=name, path=[folder])}
    if wanted in versions:
        return None
    return Unfit(name, wanted, ", ".join(sorted(versions)) or "of unknown version", folder, module in sys.modules)


def python_version() -> str:
    """``3.11``: the version of the interpreter that OBS embeds, which is the one that runs this."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def install_command() -> str:
    """The command a person can run to install them."""
    script = PLUGIN_FOLDER.parent / "tools" / "install.py"
    return f'{launcher()} "{script}" --deps-only --python-version {python_version()}'


def launcher() -> str:
    """What a person types to run a tool. On Windows ``python3`` opens the Microsoft Store, and python.org's installer
    puts ``py`` on PATH, not ``python``."""
    return "py" if sys.platform == "win32" else "python3"
