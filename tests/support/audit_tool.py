"""What ``tools/audit.py`` tells of a service."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.paths import TOOLS
from tests.support.waiting import HANG_S


def audit(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """What it prints of ``folder``, oldest first."""
    done = subprocess.run(
        [sys.executable, str(TOOLS / "audit.py"), "--data-dir", str(folder), "--format", "jsonl", *arguments],
        capture_output=True,
        text=True,
        timeout=HANG_S,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()][::-1]
