"""A Python program to run the project's tools with. ``sys.executable`` is no answer inside OBS: it is OBS itself on
Windows, and on Linux whatever ``python3`` comes first on PATH.

Called on the panel's background thread: it starts programs to see what they are.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

OLDEST: Final = (3, 11)
_PROBE: Final = "import sys; print('%d.%d' % sys.version_info[:2])"


def find_interpreter() -> Path | None:
    """A Python program of at least OLDEST: that of the embedded interpreter's own installation if it has one, then
    one of the same version, then any."""
    seen: set[Path] = set()
    for candidate in _candidates():
        if candidate not in seen and _version(candidate) >= OLDEST:
            return candidate
        seen.add(candidate)
    return None


def interpreter_of(version: tuple[int, int]) -> Path | None:
    """A Python program of exactly this version."""
    found = shutil.which(f"python{version[0]}.{version[1]}")
    candidates = [Path(found)] if found else []
    candidates += list(_candidates())
    return next((candidate for candidate in candidates if _version(candidate) == version), None)


def child_environment() -> dict[str, str]:
    """This process's environment, without what would bend another Python."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")} | {
        "PYTHONUNBUFFERED": "1",
        "PYTHONIOENCODING": "utf-8",
    }


def no_window() -> int:
    """The flag that keeps Windows from opening a console over the streamer's screen."""
    return getattr(subprocess, "CREATE_NO_WINDOW", 0)


def _candidates() -> Iterator[Path]:
    exact = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base = Path(sys.base_prefix)
    yield from (path for path in (base / "python.exe", base / "bin" / exact) if path.is_file())
    for name in (exact, "python3", "python", "python3.14", "python3.13", "python3.12", "python3.11"):
        found = shutil.which(name)
        if found:
            yield Path(found)


def _version(program: Path) -> tuple[int, int]:
    try:
        done = subprocess.run(  # noqa: S603 - a Python program of this machine
            [str(program), "-c", _PROBE],
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
            creationflags=no_window(),
        )
        major, minor = done.stdout.strip().split(".")
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.SubprocessError):
        return (0, 0)
