"""What ``tools/audit.py`` tells of a service."""

import json
from pathlib import Path
from typing import Any

from tests.support.tool import tool


def audit(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """What it prints of ``folder``, oldest first."""
    done = tool("audit.py", "--data-dir", str(folder), "--format", "jsonl", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()][::-1]
