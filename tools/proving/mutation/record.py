"""What is known of an area from earlier runs: JSON lines below build/proving/mutation. Called on the main thread.

An outcome counts as long as its module is the same, and a fault that nothing noticed as long as the tests are, too.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proving.mutation.areas import ROOT, Area, Chosen, file_of

if TYPE_CHECKING:
    from proving.mutation.asked import Seen


@dataclass(frozen=True, slots=True)
class Outcome:
    """``by``: the first test that failed; empty where none of the ``asked`` did, "time: ..." for one without end."""

    module: str
    line: int
    what: str
    by: str
    asked: int
    seconds: float


class Record:
    def __init__(self, folder: Path, name: str, area: Area) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._outcomes_file, self._seen_file = folder / f"{name}.jsonl", folder / f"{name}-tests.jsonl"
        self._modules = {module: _hash(file_of(module)) for module in area.modules}
        self._files = {test: _hash(ROOT / test) for test in area.tests}
        self._tests = _of(sorted(self._files.items()))
        self._outcomes: dict[tuple[Any, ...], Outcome] = {}
        for line in _lines(self._outcomes_file):
            outcome = Outcome(**line["outcome"])
            if outcome.by or line["tests"] == self._tests:
                self._outcomes[outcome.module, line["source"], line["number"]] = outcome

    def outcome(self, chosen: Chosen) -> Outcome | None:
        module, fault = chosen
        return self._outcomes.get((module, self._modules[module], fault.number))

    def add(self, chosen: Chosen, outcome: Outcome) -> None:
        module, fault = chosen
        key = {"source": self._modules[module], "number": fault.number, "tests": self._tests}
        _append(self._outcomes_file, key | {"outcome": asdict(outcome)})

    def seen(self) -> dict[str, Seen]:
        """The tests that are as they were, of modules that are as they were."""
        from proving.mutation.asked import Seen

        return {
            line["test"]: Seen(**line["seen"])
            for line in _lines(self._seen_file)
            if line["key"] == self._seen_key(line["test"])
        }

    def add_seen(self, test: str, seen: Seen) -> None:
        _append(self._seen_file, {"test": test, "key": self._seen_key(test), "seen": asdict(seen)})

    def _seen_key(self, test: str) -> str:
        return _of([self._files.get(test.split("::")[0], ""), sorted(self._modules.items())])


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def _append(file: Path, line: dict[str, Any]) -> None:
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def _of(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
