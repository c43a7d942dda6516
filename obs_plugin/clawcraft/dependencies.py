"""The third-party packages and the folder they are installed in, for exactly the Python that OBS embeds.

Standard library only: it has to work when everything else is missing.
"""

import importlib
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PLUGIN_FOLDER: Final = Path(__file__).resolve().parent.parent
REQUIREMENTS: Final = PLUGIN_FOLDER.parent / "requirements.txt"

_PINNED: Final = re.compile(r"^([A-Za-z0-9-]+)==(\S+)$", re.MULTILINE)
_MODULES: Final[Mapping[str, str]] = {"attrs": "attr", "rpds-py": "rpds"}
"""The modules that are not called like their package."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """A package of another version than the service was made for. ``loaded``: another script brought it, and since
    all scripts share one interpreter, no other can be loaded until OBS starts again."""

    name: str
    needed: str
    found: str
    folder: Path
    loaded: bool

    def __str__(self) -> str:
        there = f"{self.name} is {self.found} (in {self.folder}) instead of {self.needed}"
        if self.loaded:
            return (
                f"The Python package {there}, because another script in OBS loaded it first: remove that script or "
                "give it the same version, then restart OBS"
            )
        return f"The Python package {there}. Run: {install_command()}"


def library_folder() -> Path:
    """``obs_plugin/lib/cp311`` for Python 3.11: compiled packages fit one Python version only."""
    return PLUGIN_FOLDER / "lib" / f"cp{sys.version_info.major}{sys.version_info.minor}"


def activate() -> None:
    """Put the library folder first on ``sys.path``, once, so that the pinned versions win over a system's own."""
    folder = str(library_folder())
    if Path(folder).is_dir() and folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()


def required() -> dict[str, str]:
    """Each runtime package's version, as ``requirements.txt`` pins it."""
    return dict(_PINNED.findall(REQUIREMENTS.read_text("utf-8")))


def module_of(package: str) -> str:
    """The module that proves a package to be there."""
    return _MODULES.get(package, package.replace("-", "_"))


def missing() -> tuple[str, ...]:
    """The packages that cannot be found now, after ``activate()``."""
    return tuple(name for name in required() if _file(module_of(name)) is None)


def wrong() -> tuple[Wrong, ...]:
    """The packages there are, loaded or about to be, of another version than required."""
    library = library_folder()
    found = []
    for name, needed in required().items():
        if (file := _file(module_of(name))) is None:
            continue
        # The version of the very files that count: metadata found along sys.path may belong to others.
        folder = file.parents[1] if file.stem == "__init__" else file.parent
        there = next(iter(importlib.metadata.distributions(name=name, path=[str(folder)])), None)
        version = "of unknown version" if there is None else there.version
        if version != needed:
            loaded = module_of(name) in sys.modules and folder != library
            found.append(Wrong(name, needed, version, folder, loaded))
    return tuple(found)


def _file(module: str) -> Path | None:
    """Where a module was loaded from, or will be."""
    if module in sys.modules:
        file = sys.modules[module].__file__
    else:
        spec = importlib.util.find_spec(module)
        file = None if spec is None else spec.origin
    return None if file is None else Path(file)


def python_version() -> str:
    """``3.11``: the version of the interpreter that OBS embeds, which is the one that runs this."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def install_command() -> str:
    """The command a person can run to install them."""
    script = PLUGIN_FOLDER.parent / "tools" / "install.py"
    return f'python3 "{script}" --deps-only --python-version {python_version()}'
