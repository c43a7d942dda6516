"""What is known of an area from earlier runs: JSON lines below build/proving/mutation. Called on the main thread.

An outcome counts as long as its module is the same, and a fault that nothing noticed as long as the tests are, too.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proving.mutation.areas import ROOT, Area, Chosen, file_of

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True, slots=True)
class Outcome:
    """``by``: the first test that failed; empty where none of the ``asked`` did, "time: ..." for one without end."""

    module: str
    line: int
    what: str
    by: str
    asked: int
    seconds: float


@dataclass(slots=True)
class Seen:
    """A test without any fault: how long it takes, on the clock and of the processor, and the lines of the area's
    modules that it runs."""

    seconds: float
    cpu_s: float
    lines: dict[str, list[int]]


class Record:
    def __init__(self, folder: Path, name: str, area: Area, quick: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._outcomes_file, self._seen_file = folder / f"{name}.jsonl", folder / f"{name}-tests.jsonl"
        self._modules = {module: _hash(file_of(module)) for module in area.modules}
        self._files = {test: _hash(ROOT / test) for test in area.tests}
        self._tests = _of([quick, sorted(self._files.items())])
        self._seen = {(line["test"], line["key"]): Seen(**line["seen"]) for line in _lines(self._seen_file)}
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

    def seen(self, item: pytest.Item) -> Seen | None:
        """The test, if it and the modules are as they were."""
        return self._seen.get((item.nodeid, self._seen_key(item)))

    def add_seen(self, item: pytest.Item, seen: Seen) -> None:
        _append(self._seen_file, {"test": item.nodeid, "key": self._seen_key(item), "seen": asdict(seen)})

    def _seen_key(self, item: pytest.Item) -> str:
        return _of([inspect.getsource(item.function), sorted(self._modules.items())])  # type: ignore[attr-defined]


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []


def _append(file: Path, line: dict[str, Any]) -> None:
    with file.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line) + "\n")


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def _of(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
