"""tools/other_collections.py, which the panel runs while OBS runs."""

import json
from pathlib import Path

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
    assert done.returncode == 1
    assert done.stdout == "Lacks\n"
    assert "error: Broken.json is left alone" in done.stderr
    assert broken.read_text() == "{"
