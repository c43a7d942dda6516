"""A copy of the project to install from, and OBS homes to install into, all in temporary folders."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
OWN_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
DETECT = "detect"
OWN_TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"


@dataclass
class Clone:
    """A copy of the project, as a streamer has it, with a home folder for its user."""

    folder: Path
    user_home: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def script(self) -> Path:
        return self.folder / "obs_plugin" / "twitch_clawcraft.py"

    @property
    def packages(self) -> Path:
        return self.folder / "obs_plugin" / "lib" / OWN_TAG

    @property
    def config(self) -> Path:
        """OBS's configuration folder of the user."""
        return self.user_home / ".config" / "obs-studio"

    def command(self, *arguments: str) -> list[str]:
        """``install.py`` for the Python that runs the tests, unless the arguments name another. With ``DETECT`` for
        the Python of the OBS installed here."""
        tool = [sys.executable, str(self.folder / "tools" / "install.py")]
        if DETECT in arguments:
            return [*tool, *(word for word in arguments if word != DETECT)]
        which = [] if any(word.startswith("--python") for word in arguments) else ["--python-version", OWN_VERSION]
        return [*tool, *which, *arguments]

    def env(self) -> dict[str, str]:
        hidden = ("XDG_CONFIG_HOME", "PYTHONPATH")
        inherited = {name: value for name, value in os.environ.items() if name not in hidden}
        return {**inherited, "HOME": str(self.user_home), **self.environment}

    def install(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), env=self.env(), capture_output=True, text=True, timeout=100, check=False
        )

    def add_collection(self, name: str, data: Any, dump: Callable[[Any], str] | None = None) -> Path:
        """A scene collection in the user's OBS home, by default laid out as OBS does."""
        text = dump(data) if dump else json.dumps(data, indent=4)
        return self.add_file(f"{name}.json", text.encode())

    def add_file(self, name: str, content: bytes) -> Path:
        path = self.config / "basic" / "scenes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def scripts(self, path: Path) -> list[dict[str, Any]]:
        """The scripts that a collection lists."""
        scripts: list[dict[str, Any]] = json.loads(path.read_bytes().decode("utf-8-sig"))["modules"]["scripts-tool"]
        return scripts


def copy_project(target: Path) -> None:
    for name in ("tools", "obs_plugin", "schemas"):
        shutil.copytree(
            ROOT / name, target / name, ignore=shutil.ignore_patterns("lib", "__pycache__", "node_modules", ".*")
        )
    shutil.copy(ROOT / "requirements.txt", target)


def pin(clone: Clone, requirements: str) -> None:
    """Give the clone other requirements: few, where a test is not about the packages themselves."""
    path = clone.folder / "requirements.txt"
    path.unlink()  # It may be a hard link into another clone.
    path.write_text(requirements)


@pytest.fixture(scope="session")
def small_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with one small package as all its requirements, installed."""
    folder = tmp_path_factory.mktemp("clone") / "twitch clawcraft"  # A blank, as in many a real path.
    copy_project(folder)
    clone = Clone(folder, tmp_path_factory.mktemp("user"))
    pin(clone, "bottle==0.13.4\n")
    done = clone.install("--deps-only")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def clone(small_clone: Path, tmp_path: Path) -> Clone:
    """One's own copy of ``small_clone``, and a user whose OBS never ran."""
    folder = tmp_path / "clone"
    shutil.copytree(small_clone, folder, copy_function=os.link)
    user_home = tmp_path / "user"
    user_home.mkdir()
    return Clone(folder, user_home)


@pytest.fixture
def whole_clone(tmp_path: Path) -> Clone:
    """A copy of the project with all its requirements, not installed yet, and a user whose OBS never ran."""
    copy_project(tmp_path / "clone")
    user_home = tmp_path / "user"
    user_home.mkdir()
    return Clone(tmp_path / "clone", user_home)
