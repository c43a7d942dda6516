"""tools/other_collections.py, which the panel runs while OBS runs."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clawcraft.obs.script_ui import Info
from clawcraft.panel.setup import OtherCollections
from tests.support.paths import SCRIPT
from tests.support.tool import Done, tool


def collection(folder: Path, name: str, *scripts: str) -> Path:
    path = folder / "basic" / "scenes" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [{"path": script, "settings": {}} for script in scripts]
    path.write_text(json.dumps({"name": name, "modules": {"scripts-tool": entries}}))
    return path


def filled(folder: Path, *arguments: str) -> Done:
    return tool("other_collections.py", "--obs-config-dir", str(folder), "--in-use", "Now", *arguments)


def test_it_names_and_fills_those_that_lack_the_script_but_not_the_one_in_use(tmp_path: Path) -> None:
    now, has = collection(tmp_path, "Now"), collection(tmp_path, "Has", str(SCRIPT))
    lacks = collection(tmp_path, "Lacks", "/elsewhere/clock.lua")
    before = {path: path.read_bytes() for path in (now, has, lacks)}
    assert filled(tmp_path, "--check").stdout == "Lacks\n"
    assert {path: path.read_bytes() for path in before} == before
    assert filled(tmp_path).stdout == "Lacks\n"
    assert [now.read_bytes(), has.read_bytes()] == [before[now], before[has]]
    paths = [entry["path"] for entry in json.loads(lacks.read_text())["modules"]["scripts-tool"]]
    assert paths == ["/elsewhere/clock.lua", SCRIPT.as_posix()]
    assert filled(tmp_path, "--check").stdout == ""


def test_a_broken_collection_is_left_alone_and_said(tmp_path: Path) -> None:
    broken = collection(tmp_path, "Broken")
    broken.write_text("{")
    collection(tmp_path, "Lacks")
    done = filled(tmp_path)
    assert done.returncode == 3
    assert done.stdout == "Lacks\n"
    assert "error: Broken.json is left alone" in done.stderr
    assert broken.read_text() == "{"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("global.ini", b"[Locations]\nSceneCollections=\xff\n"),
        ("plugin_config/twitch-clawcraft/install/index.json", b"{"),
    ],
)
def test_a_home_that_cannot_be_read_is_said_in_one_line(tmp_path: Path, name: str, content: bytes) -> None:
    collection(tmp_path, "Lacks")
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)

    done = filled(tmp_path)

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert str(path.parent) in done.stderr


class Ran:
    """The panel's background, where the tool ends at once with ``status`` and ``lines``."""

    def __init__(self, status: int, *lines: str) -> None:
        self._ended = status, list(lines)

    def submit(self, step: Callable[[], object]) -> None:
        step()

    def run_tool(self, _name: str, *_arguments: str) -> tuple[int, list[str]]:
        return self._ended


def told(tmp_path: Path, status: int, *lines: str) -> str:
    """What the panel's box says, once it has looked."""
    service: Any = SimpleNamespace(obs=SimpleNamespace(scene_collection=lambda: "Now"), data_dir=tmp_path / "a" / "b")
    ran: Any = Ran(status, *lines)
    collections = OtherCollections(service, ran)
    row, *_ = collections.box().rows
    assert isinstance(row, Info)
    return row.text


def test_the_panel_names_the_collections_of_a_tool_that_answered_alone(tmp_path: Path) -> None:
    assert "<b>Lacks</b>" in told(tmp_path, 0, "Lacks")
    mixed = told(tmp_path, 3, "Lacks", "error: Broken.json is left alone: it is")
    assert "<b>Lacks</b>" in mixed
    assert "error: Broken.json is left alone: it is" in mixed

    broken = told(tmp_path, 1, "Traceback (most recent call last):", "  File", "RuntimeError: broken")

    assert broken == "the other scene collections cannot be looked at: RuntimeError: broken"
