"""The service in a fake OBS, in a process of its own that kills itself at a write: ``python -m proving.history.service
FOLDER [RULE]``. RULE is JSON: ``{"kind": "jobs insert", "count": 3, "when": "before"}``.

The seam is ``sqlite3.connect``: the product's own code runs as it is. The seeded bugs are put in there too
(``{"bug": "not stored"}``, ``{"bug": "runs twice"}``), to see that the check finds them.
"""

import json
import os
import re
import signal
import sqlite3
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

from obs_mock import MockObs
from obs_mock.scenarios import Timings

SCRIPT: Final = Path(__file__).resolve().parents[3] / "obs_plugin" / "twitch_clawcraft.py"
_WRITE: Final = re.compile(r"(INSERT|UPDATE|DELETE|COMMIT)\b(?:.*?\b(jobs|answers|signatures|entries)\b)?", re.DOTALL)
BUGGY: Final = 3
"""Every so many-eth job meets the seeded bug."""


class Rule:
    """When to die. ``kind`` is a statement's verb and table, a job's update by its new status."""

    def __init__(self, kind: str = "", count: int = 0, when: str = "", bug: str = "") -> None:
        self.bug = bug
        self._place = (kind, count, when)
        self._seen: Counter[tuple[str, str]] = Counter()
        self._inserts = 0

    def is_met(self, kind: str, when: str) -> None:
        self._seen[kind, when] += 1
        if self._place == (kind, self._seen[kind, when], when):
            os.kill(os.getpid(), signal.SIGKILL)

    def is_for_bug(self) -> bool:
        self._inserts += 1
        return self._inserts % BUGGY == 0


def kind_of(sql: str, values: Any) -> str:
    """Empty for what does not write."""
    found = _WRITE.match(sql)
    if found is None:
        return ""
    kind = " ".join(filter(None, found.groups())).lower()
    kind = " ".join(reversed(kind.split()))
    if kind == "jobs update" and isinstance(values, dict):
        kind += f" {values['status']}"
    return kind


class Connection(sqlite3.Connection):
    """One that may be the last thing its process does."""

    rule: Rule

    def execute(self, sql: str, values: Any = (), /) -> sqlite3.Cursor:
        kind = kind_of(sql, values)
        if not kind:
            return super().execute(sql, values)
        if kind == "jobs insert" and self.rule.bug and self.rule.is_for_bug():
            if self.rule.bug == "not stored":
                return super().execute("SELECT 1")
            values = {**values, "request_id": None}  # a repeat finds nothing, and runs again
        self.rule.is_met(kind, "before")
        cursor = super().execute(sql, values)
        self.rule.is_met(kind, "after")
        return cursor


def main(folder: Path, rule: Rule) -> None:
    connect = sqlite3.connect

    def connected(path: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(path, factory=Connection, **options)
        connection.rule = rule
        return connection

    sqlite3.connect = connected  # type: ignore[assignment]
    host = MockObs(SCRIPT, config_dir=folder, timings=Timings().scaled(0.2), echo=sys.stdout)
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
    host.start()
    while not ended:
        host.wait(0.1)
    host.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Rule(**json.loads(sys.argv[2])) if len(sys.argv) > 2 else Rule())
