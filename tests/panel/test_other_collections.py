"""tools/other_collections.py, which the panel runs while OBS runs."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT, SCRIPT


def collection(folder: Path, name: str, *scripts: str) -> Path:
    path = folder / "basic" / "scenes" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [{"path": script, "settings": {}} for script in scripts]
    path.write_text(json.dumps({"name": name, "modules": {"scripts-tool": entries}}))
    return path


def tool(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "other_collections.py"), "--obs-config-dir", str(folder)]
    command += ["--in-use", "Now", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_names_and_fills_those_that_lack_the_script_but_not_the_one_in_use(tmp_path: Path) -> None:
    now, has = collection(tmp_path, "Now"), collection(tmp_path, "Has", str(SCRIPT))
    lacks = collection(tmp_path, "Lacks", "/elsewhere/clock.lua")
    before = {path: path.read_bytes() for path in (now, has, lacks)}
    assert tool(tmp_path, "--check").stdout == "Lacks\n"
    assert {path: path.read_bytes() for path in before} == before
    assert tool(tmp_path).stdout == "Lacks\n"
    assert [now.read_bytes(), has.read_bytes()] == [before[now], before[has]]
    paths = [entry["path"] for entry in json.loads(lacks.read_text())["modules"]["scripts-tool"]]
    assert paths == ["/elsewhere/clock.lua", SCRIPT.as_posix()]
    assert tool(tmp_path, "--check").stdout == ""


def test_a_broken_collection_is_left_alone_and_said(tmp_path: Path) -> None:
    broken = collection(tmp_path, "Broken")
    broken.write_text("{")
    collection(tmp_path, "Lacks")
    done = tool(tmp_path)
    assert done.returncode == 1
    assert done.stdout == "Lacks\n"
    assert "error: Broken.json is left alone" in done.stderr
    assert broken.read_text() == "{"
