"""Everything that is measured can be measured, in the fake OBS; what comes out is nobody's business here."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.support.paths import TOOLS
from tests.support.waiting import HANG_S


def test_all_is_measured_and_shown(tmp_path: Path) -> None:
    command = [sys.executable, str(TOOLS / "bench" / "run.py"), "all", "--quick", "--fake", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3 * HANG_S)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "bench.json").read_text())
    names = {row["name"] for row in found["answers"]}
    assert {"accept", "poll", "refusal", "/events", "MCP tools/list", "long poll wakes, 32"} <= names
    grown = {(row["what"], row["number"]) for row in found["growth"]}
    assert {("jobs kept", 10_000), ("named agents", 64), ("long polls", 200)} <= grown
    page = (tmp_path / "bench.md").read_text()
    assert all(f"| {name} |" in page for name in names)
    assert len(list(ElementTree.parse(tmp_path / "performance.svg").iter("{http://www.w3.org/2000/svg}polyline"))) == 9
