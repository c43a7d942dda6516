"""The third-party packages and the folder they are installed in, for exactly the Python that OBS embeds.

Standard library only: it has to work when everything else is missing.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Final

REQUIRED: Final = ("bottle", "waitress", "requests", "jsonschema", "prometheus_client")
PLUGIN_FOLDER: Final = Path(__file__).resolve().parent.parent


def library_folder() -> Path:
    """``obs_plugin/lib/cp311`` for Python 3.11: compiled packages fit one Python version only."""
    return PLUGIN_FOLDER / "lib" / f"cp{sys.version_info.major}{sys.version_info.minor}"


def activate() -> None:
    """Put the library folder first on ``sys.path``, once, so that the pinned versions win over a system's own."""
    folder = str(library_folder())
    if Path(folder).is_dir() and folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()


def missing() -> tuple[str, ...]:
    """The packages that cannot be found now, after ``activate()``."""
    return tuple(name for name in REQUIRED if importlib.util.find_spec(name) is None)


def python_version() -> str:
    """``3.11``: the version of the interpreter that OBS embeds, which is the one that runs this."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def install_command() -> str:
    """The command a person can run to install them."""
    script = PLUGIN_FOLDER.parent / "tools" / "install.py"
    return f'python3 "{script}" --deps-only --python-version {python_version()}'
