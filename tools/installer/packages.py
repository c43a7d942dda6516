"""The runtime packages in ``obs_plugin/lib/<cpXY>/``, for exactly the Python that OBS embeds, unless a release brought
them along."""

import hashlib
import platform
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from _venv import WINDOWS, captured
from clawcraft import dependencies
from installer import Problem, Status
from installer.embedded import EmbeddedPython
from installer.folders import take_place

STAMP: Final = "made-from.sha256"


class PackageFolder:
    """One ``lib/<cpXY>`` folder; its stamp tells what it was made from."""

    def __init__(self, library: Path, python: EmbeddedPython, requirements: Path) -> None:
        self.folder = folder_of(library, python)
        self._brought = self.folder.name != python.tag
        self._python = python
        self._requirements = requirements

    def is_current(self) -> bool:
        try:
            return self._brought or (self.folder / STAMP).read_text("utf-8") == self._digest()
        except OSError:
            return False

    def fill(self) -> bool:
        """Put the packages there unless they are; whether it changed anything. The old folder stays until the new
        one is whole. Raises Problem."""
        if self.is_current():
            return False
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".new-", dir=self.folder.parent) as scratch:
                fresh = Path(scratch) / "packages"
                self._install(fresh, Path(scratch))
                (fresh / STAMP).write_text(self._digest(), "utf-8")
                take_place(fresh, self.folder)
        except OSError as error:
            raise Problem(
                f"cannot write the packages to {self.folder}: {error.strerror or error}", Status.NO_PACKAGES
            ) from error
        return True

    def _install(self, target: Path, scratch: Path) -> None:
        version = str(self._python)
        # --no-deps: everything is pinned, and pip would read the packages' conditions of the Python it runs in.
        command = [*_pip(scratch), "install", "-qq", "--no-input", "--no-deps", "--no-warn-script-location"]
        command += ["--python-version", version, "--implementation", "cp", "--only-binary=:all:"]
        command += ["--target", str(target), "--require-hashes", "-r", str(self._requirements)]
        if self._python.version != sys.version_info[:2]:
            command.append("--no-compile")
        done = captured(command)
        if done.returncode != 0:
            raise Problem(
                f"pip could not get the packages for Python {version}. Is the package index reachable? It said:\n"
                + (done.stdout + done.stderr).strip(),
                Status.NO_PACKAGES,
            )

    def _digest(self) -> str:
        """Of the requirements and the kind of machine, since two kinds can share one folder of files."""
        made_from = self._requirements.read_bytes() + f"{sys.platform} {platform.machine()}".encode()
        return hashlib.sha256(made_from).hexdigest()


def _pip(scratch: Path) -> list[str]:
    """The command of a pip: this Python's own, or one in a throw-away environment. Raises Problem."""
    own = [sys.executable, "-m", "pip"]
    if captured([*own, "--version"]).returncode == 0:
        return own
    environment = scratch / "pip"
    made = captured([sys.executable, "-m", "venv", str(environment)])
    if made.returncode == 0:
        return [str(environment / ("Scripts/python.exe" if WINDOWS else "bin/python")), "-m", "pip"]
    for name in ("pip3", "pip"):
        if found := shutil.which(name):
            return [found]
    raise Problem(
        f"{sys.executable} has no pip and cannot make one. Debian, Ubuntu: sudo apt install python3-venv. "
        "Elsewhere install Python from python.org, which brings pip.",
        Status.NO_PACKAGES,
    )


def folder_of(library: Path, python: EmbeddedPython) -> Path:
    """That of the compiled packages which a release brought along for this Python and machine, else the one to fill."""
    brought = library / f"{python.tag}-{dependencies.machine()}"
    return brought if brought.is_dir() else library / python.tag


def installed(library: Path) -> list[Path]:
    """The package folders that the installer filled."""
    return sorted(path for path in library.glob("cp*") if re.fullmatch(r"cp\d+", path.name) and path.is_dir())


def remove(folder: Path) -> None:
    """Raises Problem."""
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise Problem(f"cannot remove {folder}: {error.strerror or error}") from error
