"""A Python program to run the project's tools with. ``sys.executable`` is no answer inside OBS: it is OBS itself on
Windows, and on Linux whatever ``python3`` comes first on PATH.

Called on the panel's background thread, or by a tool: it starts programs to see what they are.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

OLDEST: Final = (3, 11)
PROBE_TIMEOUT_S: Final = 20.0
_PROBE: Final = "import sys; print('%d.%d' % sys.version_info[:2])"

Output = Callable[[Sequence[str]], str]
"""Runs a command and returns what it printed. Raises OSError or SubprocessError."""


def find_interpreter(output: Output) -> Path | None:
    """A Python program of at least OLDEST: that of the embedded interpreter's own installation if it has one, then
    one of the same version, then any."""
    candidates = dict.fromkeys(_candidates())
    return next((candidate for candidate in candidates if _version(candidate, output) >= OLDEST), None)


def interpreter_of(version: tuple[int, int]) -> Path | None:
    """A Python program of exactly this version."""
    found = shutil.which(f"python{version[0]}.{version[1]}")
    candidates = [Path(found)] if found else []
    candidates += list(_candidates())
    return next((candidate for candidate in candidates if _version(candidate, _output) == version), None)


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
    for name in (exact, "python3", "python", "python3.14", "python3.13", "python3.12", "python3.11", "py"):
        found = shutil.which(name)
        if found:
            yield Path(found)


def _version(program: Path, output: Output) -> tuple[int, int]:
    try:
        major, minor = output([str(program), "-c", _PROBE]).strip().rpartition("\n")[2].split(".")
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.SubprocessError):
        return (0, 0)


def _output(command: Sequence[str]) -> str:
    return subprocess.run(  # noqa: S603 - a Python program of this machine
        command,
        env=child_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PROBE_TIMEOUT_S,
        check=True,
        creationflags=no_window(),
    ).stdout
