"""Shows what a campaign found: a table by fault, and the page ``docs/reliability.md`` with its plot."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from proving.campaign.journal import Journal
from proving.campaign.judge import CLASSES
from tests.support.paths import ROOT

REPORT: Final = ROOT / "docs" / "reliability.md"
Row = tuple[str, ...]


def summary(entries: Sequence[dict[str, Any]]) -> str:
    """For the terminal."""
    rows = [("fault", "starts", "done", "failed", "wrong", "s each"), *_rows(entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(w) if not n else cell.rjust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    kinds = Counter(each["kind"] for entry in entries for each in entry["found"])
    return "\n".join([*lines, "", ", ".join(f"{kinds[kind]} {kind}" for kind in CLASSES)])


def _rows(entries: Iterable[dict[str, Any]]) -> list[Row]:
    by_fault: dict[str, list[dict[str, Any]]] = {}
    for entry in entries:
        by_fault.setdefault(entry["fault"], []).append(entry)
    named = sorted(by_fault.items())
    everything = [entry for _, some in named for entry in some]
    return [_row(name, some) for name, some in [*named, ("all", everything)]]


def _row(name: str, entries: list[dict[str, Any]]) -> Row:
    starts = _starts(entries)
    told = Counter(start["told"] for start in starts)
    wrong = sum(len(entry["found"]) for entry in entries)
    each_s = sum(entry["took_s"] for entry in entries) / max(len(starts), 1)
    return (name, str(len(starts)), str(told["done"]), str(len(starts) - told["done"]), str(wrong), f"{each_s:.1f}")


def _starts(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for entry in entries for each in entry["evidence"]["asked"] if each["what"] == "start"]


def write_report(seed: int, path: Path = REPORT) -> None:
    raise NotImplementedError
