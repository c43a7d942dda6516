"""Everything that is measured, as a table, as JSON and as a plot; what ``docs/performance.md`` shows."""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench import answers, growth
from bench.compare import compare
from bench.cost import cost
from bench.plot import lines_plot
from bench.target import FakeTarget, RealTarget, Target
from tests.support.paths import ROOT
from tests.support.real_obs import obs_missing

PAGE: Final = ROOT / "docs" / "performance.md"
PLOT: Final = ROOT / "docs" / "images" / "performance.svg"


@dataclass(frozen=True, slots=True)
class Depth:
    """How much of it: ``rounds`` against the peer, ``times`` of each answer, ``wakes`` of each number of long polls,
    ``seconds`` of each load, and how far the job table grows."""

    rounds: int
    times: int
    wakes: int
    seconds: float
    jobs: Sequence[int]


WHOLE: Final = Depth(40, 200, 10, 20.0, growth.JOBS)
QUICK: Final = Depth(5, 20, 2, 5.0, growth.JOBS[:2])


def main() -> int:
    parser = argparse.ArgumentParser(prog="run.py all", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few of each: whether it runs, not what it measures")
    parser.add_argument("--fake", action="store_true", help="in the fake OBS: no peer, no cost to OBS")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench", help="folder of the JSON, table and plot")
    parser.add_argument("--write-docs", action="store_true", help=f"write {PAGE.relative_to(ROOT)} and its plot")
    options = parser.parse_args()
    if not options.fake and (reason := obs_missing()):
        parser.error(f"{reason}; --fake measures without")
    found = measure(QUICK if options.quick else WHOLE, fake=options.fake)
    text, plot = page(found), lines_plot(found["growth"])
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "bench.json").write_text(json.dumps(found, indent=2) + "\n")
    (options.out / "bench.md").write_text(text)
    (options.out / "performance.svg").write_text(plot)
    if options.write_docs:
        PAGE.write_text(text)
        PLOT.write_text(plot)
    print(text)
    return 0


def measure(depth: Depth, *, fake: bool) -> dict[str, Any]:
    """Each part with its own OBS, so that none meets what another left."""
    found: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="minutes"), "machine": machine()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not fake:
            found["compare"] = compare(depth.rounds, folder / "compare")
        with _target(folder / "answers", fake=fake) as target:
            found["obs"] = target.kind
            measures = answers.measure(target, depth.times)
            measures += [answers.wake_ups(target, clients, depth.wakes) for clients in answers.WAKERS]
            found["answers"] = [each.row() for each in measures]
        with _target(folder / "growth", fake=fake) as target:
            found["growth"] = list(growth.grow(target, max(5, depth.times // 4), depth.jobs))
    if not fake:
        found["cost"] = cost(depth.seconds)
    return found


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def page(found: Mapping[str, Any]) -> str:
    """``docs/performance.md``."""
    parts = [
        "# Performance",
        f"Measured at {found['at']} on {found['machine']}, in a {found['obs']}; figures tell about that machine, their "
        "ratios about the service. `python3 tools/bench/run.py all --write-docs` measures anew (some ten minutes; "
        "`--quick` and `--fake` are shorter).",
    ]
    if "compare" in found:
        rows = [{"what": name, **figures} for name, figures in found["compare"].items()]
        parts += [
            "## Against obs-websocket",
            "The same OBS and server, in turns, medians in ms. The floor is bare waitress with an empty bottle app in "
            "that OBS, asked by the same client: what any answer in Python costs there. STARTED and STOPPED to done "
            "run from OBS's event, as another script hears it, to the job's end: below 0 where the service is first.",
            table(rows),
        ]
    parts += [
        "## Answers",
        "Medians and 95th percentiles at the agent, ms. A long poll's time runs from the end of the job.",
        table(found["answers"]),
        "## Growth",
        "![medians by what lies in the service](images/performance.svg)",
        f"At most {growth.AGENTS[-1]} named agents, and 64 places to wait: who finds none is answered at once.",
        table(found["growth"]),
    ]
    if "cost" in found:
        parts += [
            "## Cost to OBS",
            "Start until its window is there (with the service: until that answers too); processor time in percent of "
            "one core, also that of the window's thread and of the threads that scripts began; frame_ms is OBS's own "
            'average for one frame. "To another process" asks a service outside of OBS instead: what the agent, which '
            "runs on the same cores, takes from OBS whoever answers.",
            table(found["cost"]),
        ]
    return "\n\n".join(parts) + "\n"


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    rows = list(rows)
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [names, ["---"] * len(names), *([_cell(row.get(name)) for name in names] for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _target(folder: Path, *, fake: bool) -> Target:
    return FakeTarget(folder) if fake else RealTarget(folder)
