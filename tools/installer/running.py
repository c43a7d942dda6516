"""Whether an OBS is running that would overwrite what the installer changes: OBS writes its files when it exits."""

import csv
import os
import subprocess
from pathlib import Path
from typing import Final

from installer import Problem, Status
from installer.homes import APP_FOLDER, ObsHome

_PROGRAMS: Final = {"win32": {"obs64.exe", "obs32.exe", "obs.exe"}, "darwin": {"OBS"}}


def refuse_while_running(home: ObsHome, platform: str) -> None:
    """Raises Problem if an OBS runs that uses ``home`` (Windows, macOS: any OBS)."""
    running = _linux(home, Path("/proc")) if platform.startswith("linux") else _elsewhere(platform)
    if running:
        raise Problem(
            f"OBS is running (process {', '.join(map(str, running))}) and would overwrite the change when it exits. "
            "Close OBS and run this again.",
            Status.OBS_RUNS,
        )


def _linux(home: ObsHome, proc: Path) -> list[int]:
    folder = Path(os.path.realpath(home.folder))
    return [
        int(process.name)
        for process in sorted(proc.glob("[0-9]*"))
        if _is_obs(process) and (_configured(process) == folder or _has_open(process, folder))
    ]


def _is_obs(process: Path) -> bool:
    try:
        return (process / "comm").read_text().strip() == "obs"
    except OSError:
        return False


def _configured(process: Path) -> Path | None:
    """The configuration folder that a process derives from its environment, None if that is hidden from us."""
    try:
        pairs = (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    environment = dict(pair.split(b"=", 1) for pair in pairs if b"=" in pair)
    parent = environment.get(b"XDG_CONFIG_HOME") or os.path.join(environment.get(b"HOME", b"/"), b".config")  # noqa: PTH118
    return Path(os.path.realpath(Path(os.fsdecode(parent)) / APP_FOLDER))


def _has_open(process: Path, folder: Path) -> bool:
    """Whether a file below ``folder`` is open: OBS keeps its log open, also where ``--portable`` moved it."""
    try:
        handles = list((process / "fd").iterdir())
    except OSError:
        return False
    for handle in handles:
        try:
            if Path(os.readlink(handle)).is_relative_to(folder):  # noqa: PTH115 - pipes have no path to resolve
                return True
        except OSError:
            continue
    return False


def _elsewhere(platform: str) -> list[int]:
    windows = platform == "win32"
    command = ["tasklist", "/FO", "CSV", "/NH"] if windows else ["ps", "-axo", "pid=,comm="]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise Problem(f"cannot list the processes to see whether OBS runs: {error}") from error
    listed = from_tasklist(done.stdout) if windows else from_ps(done.stdout)
    return [pid for pid, name in listed if name in _PROGRAMS[platform]]


def from_tasklist(text: str) -> list[tuple[int, str]]:
    """Process ids and program names from Windows' ``tasklist /FO CSV /NH``."""
    return [(int(row[1]), row[0]) for row in csv.reader(text.splitlines()) if len(row) > 1 and row[1].isdigit()]


def from_ps(text: str) -> list[tuple[int, str]]:
    """Process ids and program names from ``ps -axo pid=,comm=`` (macOS prints whole paths)."""
    rows = (line.split(None, 1) for line in text.splitlines())
    return [(int(row[0]), row[1].strip().rpartition("/")[2]) for row in rows if len(row) == 2]
