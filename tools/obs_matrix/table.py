"""What the tests came to in each OBS: one row a test, one column an OBS, seconds or the failure. Pure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

Results = Mapping[str, str]
"""By a test's id: its seconds, ``FAILED`` or ``skipped``."""


def results(report: Path) -> dict[str, str]:
    """Of pytest's report (``--junitxml`` of the family xunit1); empty if there is none."""
    if not report.exists():
        return {}
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('file')}::{case.get('name')}".removeprefix("tests/")
        if case.find("failure") is not None or case.find("error") is not None:
            found[name] = "FAILED"
        elif found.get(name) != "FAILED":
            skipped = case.find("skipped") is not None
            found[name] = "skipped" if skipped else f"{float(case.get('time', '0')):.1f}"
    return found


def lines(columns: Mapping[str, Results], rows: Sequence[str]) -> list[str]:
    """The table of these tests; a dash where one did not run."""
    cells = [["seconds", *columns]]
    cells += [[row, *(results.get(row, "-") for results in columns.values())] for row in rows]
    cells.append(["all", *(_total(results, rows) for results in columns.values())])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in cells]


def _total(results: Results, rows: Sequence[str]) -> str:
    took_s = [float(results[row]) for row in rows if results.get(row, "-")[0].isdigit()]
    return f"{sum(took_s):.1f}"
