"""A copy of the project to install from, and OBS homes to install into, all in temporary folders."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.project_copy import copy_project
from tests.support.studio import Studio
from tests.support.waiting import HANG_S

OWN_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
OWN_TAG = f"cp{sys.version_info.major}{sys.version_info.minor}"
DETECT = "detect"


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

    def install(self, *arguments: str, through: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        command = [*through, *self.command(*arguments)]
        return subprocess.run(command, env=self.env(), capture_output=True, text=True, timeout=3 * HANG_S)

    def installs(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same, and it goes well."""
        done = self.install(*arguments)
        assert done.returncode == 0, done.stderr
        return done

    def pin(self, requirements: str) -> None:
        path = self.folder / "requirements.txt"
        path.unlink(missing_ok=True)  # It may be a hard link into another clone.
        path.write_text(requirements)

    def add_collection(self, name: str, data: Any) -> Path:
        """A scene collection in the user's OBS home."""
        return self.add_file(f"{name}.json", json.dumps(data).encode())

    def add_file(self, name: str, content: bytes) -> Path:
        path = self.config / "basic" / "scenes" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def scripts(self, path: Path) -> list[dict[str, Any]]:
        """The scripts that a collection lists."""
        scripts: list[dict[str, Any]] = json.loads(path.read_bytes())["modules"]["scripts-tool"]
        return scripts


def hide(shadow: Path, *modules: str) -> dict[str, str]:
    """The environment of a Python without ``modules``, and of a shell without programs."""
    for module in modules:
        (shadow / module).mkdir(parents=True)
        (shadow / module / "__init__.py").write_text("")
        (shadow / module / "__main__.py").write_text(f"raise SystemExit('No module named {module}')")
    return {"PYTHONPATH": str(shadow), "PATH": str(shadow)}


def make_wheel(folder: Path, name: str, tag: str = "py3-none-any") -> Path:
    """A package of the tests' own, so that they need no package index: one module that holds its wheel's tag. What it
    says to need is nowhere."""
    path = folder / f"{name}-1.0-{tag}.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", f'TAG = "{tag}"\n')
        described = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: nowhere==1\n"
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", described)
        wheel.writestr(f"{name}-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return path


def pin(name: str, *wheels: Path) -> str:
    """The line of a requirements file for a package that is in these wheels."""
    hashes = (f" --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}" for wheel in wheels)
    return f"{name}==1.0{''.join(hashes)}\n"


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The only place from which a ``clone`` gets packages."""
    return tmp_path_factory.mktemp("wheels")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, wheels: Path) -> Clone:
    """A copy of the project with one small package as all its requirements, installed."""
    first = make_wheel(wheels, "first")
    folder = copy_project(tmp_path_factory.mktemp("clone") / "twitch clawcraft")  # A blank, as in many a real path.
    environment = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    clone = Clone(folder, tmp_path_factory.mktemp("user"), environment)
    clone.pin(pin("first", first))
    clone.installs("--deps-only")
    return clone


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with Studio(tmp_path_factory.mktemp("studio"), with_twitch=False) as studio:
        yield studio


@pytest.fixture
def user_home(tmp_path: Path) -> Path:
    """Of a user whose OBS never ran."""
    folder = tmp_path / "user"
    folder.mkdir()
    return folder


@pytest.fixture
def clone(installed: Clone, user_home: Path, tmp_path: Path) -> Clone:
    """One's own copy of ``installed``."""
    shutil.copytree(installed.folder, tmp_path / "clone", copy_function=os.link)
    return Clone(tmp_path / "clone", user_home, dict(installed.environment))


@pytest.fixture
def whole_clone(user_home: Path, tmp_path: Path) -> Clone:
    """A copy of the project with all its requirements, not installed yet: it needs the package index."""
    return Clone(copy_project(tmp_path / "clone"), user_home)
