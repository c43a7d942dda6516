"""The campaign's memory: one JSON line for each case that was judged, below ``build/``. Any thread, one at a time."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.support.paths import ROOT

HOME: Final = ROOT / "build" / "proving"


class Journal:
    """That of one seed, of the service or of the peer. A line that a crash cut off is left out."""

    def __init__(self, seed: int, peer: bool = False, home: Path = HOME) -> None:
        self.path = home / f"campaign-{seed}{'-peer' if peer else ''}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists() and not self.path.read_bytes().endswith(b"\n"):
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n")

    @staticmethod
    def seeds(peer: bool = False, home: Path = HOME) -> list[int]:
        """Those that have a journal."""
        found = (re.fullmatch(r"campaign-(\d+)(-peer)?", path.stem) for path in home.glob("campaign-*.jsonl"))
        return sorted(int(match[1]) for match in found if match is not None and bool(match[2]) == peer)

    def entries(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        for line in self.path.read_text("utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue

    def next_number(self) -> int:
        return max((int(entry["number"]) for entry in self.entries()), default=-1) + 1

    def add(self, entry: Mapping[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, separators=(",", ":")) + "\n")

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
