"""The packages are those that are pinned, or are named."""

import importlib
import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clawcraft import dependencies
from clawcraft.dependencies import Unfit
from tests.support.paths import OBS_PLUGIN, SCRIPT, TOOLS
from tests.support.tool import python


def package(folder: Path, name: str, version: str = "") -> Path:
    """A module as pip installs it, and as somebody copies it when it has no version."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text("")
    if version:
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder


@pytest.fixture
def pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path; "claw-one" and "claw-two" are required."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("# ours\nclaw-one==1.0 \\\n    --hash=sha256:00\nclaw-two==2.0\n")
    monkeypatch.setattr(dependencies, "REQUIREMENTS", requirements)
    folder = tmp_path / "packages"
    monkeypatch.syspath_prepend(folder)
    yield folder
    sys.modules.pop("claw_one", None)


def test_all_that_the_service_needs_is_there_as_it_is_pinned() -> None:
    assert dependencies.unfit() == ()


def test_each_pinned_package_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "distributions", lambda **_: ())
    assert len(dependencies.unfit()) == dependencies.REQUIREMENTS.read_text().count("==")


def test_a_missing_another_and_a_copied_package_are_named(pinned: Path) -> None:
    assert dependencies.unfit() == (Unfit("claw-one", "1.0"), Unfit("claw-two", "2.0"))
    package(pinned, "claw_one", "0.9")
    package(pinned, "claw_two")
    importlib.invalidate_caches()
    assert list(map(str, dependencies.unfit())) == [
        f"claw-one 0.9 from {pinned} instead of 1.0",
        f"claw-two of unknown version from {pinned} instead of 2.0",
    ]
    assert not any(package.loaded for package in dependencies.unfit())


def test_one_that_another_script_loaded_counts_and_not_the_one_that_stands_first_on_the_path(
    pinned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = package(tmp_path / "theirs", "claw_one", "0.9")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(theirs)
        importlib.import_module("claw_one")
    package(pinned, "claw_one", "1.0")
    package(pinned, "claw_two", "2.0")
    importlib.invalidate_caches()
    assert dependencies.unfit() == (Unfit("claw-one", "1.0", "0.9", str(theirs), loaded=True),)


@pytest.mark.parametrize(
    ("platform", "python", "cpu", "machine"),
    [
        ("win32", "win-arm64", "AMD64", "win-arm64"),
        ("darwin", "macosx-10.13-universal2", "x86_64", "macos-x86_64"),
        ("linux", "linux-aarch64", "aarch64", "armv7l-linux-gnueabihf"),
    ],
    ids=["Windows", "macOS", "a 32-bit Linux on a 64-bit processor"],
)
def test_the_machine_is_the_one_that_this_python_is_built_for(
    platform: str, python: str, cpu: str, machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("sysconfig.get_platform", lambda: python)
    monkeypatch.setattr("platform.machine", lambda: cpu)
    monkeypatch.setattr(sys.implementation, "_multiarch", "armv7l-linux-gnueabihf", raising=False)
    assert dependencies.machine() == machine


def test_what_a_release_brought_for_this_machine_comes_before_what_was_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = dependencies.python_tag(dependencies.python_version())
    monkeypatch.setattr(dependencies, "LIBRARY", tmp_path)
    monkeypatch.setattr(sys, "path", ["there before"])
    for name in (tag, dependencies.SHARED, f"{tag}-another-machine"):
        (tmp_path / name).mkdir()
    assert dependencies.library_folders() == [tmp_path / tag], "the release has nothing for this machine"
    compiled = tmp_path / f"{tag}-{dependencies.machine()}"
    compiled.mkdir()

    dependencies.activate()
    dependencies.activate()

    assert sys.path == [str(compiled), str(tmp_path / dependencies.SHARED), "there before"]


ANOTHER_SCRIPT_LOADED_ITS_OWN = """
import sys, threading
from pathlib import Path
theirs, folder, script, *paths = sys.argv[1:]
sys.path[:0] = [theirs, *paths]
import waitress
sys.path.remove(theirs)
from obs_mock import MockObs
said = threading.Event()
obs = MockObs(Path(script), settings={}, config_dir=Path(folder))
with obs:
    while not any("waitress" in line for line in obs.log_lines()):
        said.wait(0.05)
    shown = obs.open_panel()["status_service"].long_description
print(shown)
"""


def test_another_scripts_older_waitress_is_named_in_the_panel_and_nothing_listens(tmp_path: Path) -> None:
    theirs = package(tmp_path / "theirs", "waitress", "2.1.2")
    paths = map(str, (theirs, tmp_path / "obs", SCRIPT, OBS_PLUGIN, TOOLS))
    done = python("-c", ANOTHER_SCRIPT_LOADED_ITS_OWN, *paths)
    assert done.returncode == 0, done.stderr
    assert f"waitress 2.1.2 from {theirs} instead of 3.0.2" in done.stdout
    assert "restart OBS" in done.stdout
