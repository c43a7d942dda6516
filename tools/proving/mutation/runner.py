"""Puts faults into an area by chance, and says which no test noticed. Called on the main thread.

A process for each area, which imports everything once; see ``asked``. What an earlier run found is not tried again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from proving.mutation.areas import AREAS, ROOT, sampled
from proving.mutation.record import Outcome, Record

KEPT: Final = ROOT / "build" / "proving" / "mutation"
ENOUGH: Final = 0.9


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--area", choices=sorted(AREAS), action="append", help="may be given again (default: each)")
    parser.add_argument("--count", type=int, default=50, help="how many faults of each area, by chance (default: 50)")
    parser.add_argument("--seed", type=int, default=1, help="which (default: 1)")
    parser.add_argument("--quick", action="store_true", help="no random examples, nothing imported anew")
    parser.add_argument("--only", action="append", metavar="FILE", help="ask these of the area's test files alone")


def main(options: argparse.Namespace) -> int:
    """Print each area's figures and its survivors. 0 if at least 90 in 100 were noticed everywhere."""
    status = 0
    for name in options.area or sorted(AREAS):
        status |= _in_process(name, options.count, options.seed, options.quick, options.only or ())
    return status


def _in_process(name: str, count: int, seed: int, quick: bool, only: Sequence[str]) -> int:
    child = os.fork()
    if child == 0:
        status = 2
        try:
            status = prove(name, count, seed, quick, only)
        finally:
            sys.stdout.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def prove(name: str, count: int, seed: int, quick: bool, only: Sequence[str]) -> int:
    import pytest

    from proving.mutation.asked import Asked, options

    area = AREAS[name]
    if only:
        area = replace(area, tests=tuple(test for test in area.tests if test in only))
    chosen, every = sampled(area, count, seed)
    print(f"{name}: {len(chosen)} of {every} faults, seed {seed}", flush=True)
    outcomes: list[Outcome] = []

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if not outcome.by:
            what = f"{outcome.module}:{outcome.line}: {outcome.what}"
            print(f"  survives {outcome.asked} tests: {what}", flush=True)

    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(Path(folder, "hypothesis"))
        asked = Asked(area, chosen, Record(KEPT, name, area, quick), quick, tell)
        status = pytest.main([*options(Path(folder, "tests"), area.tests, quick)], plugins=[asked])
    if len(outcomes) < len(chosen):
        print(f"{name}: ended after {len(outcomes)} of {len(chosen)}; pytest's status is {status}", flush=True)
        return 2
    noticed = sum(bool(outcome.by) for outcome in outcomes)
    print(f"{name}: {noticed} of {len(outcomes)} noticed, {noticed / max(1, len(outcomes)):.0%}", flush=True)
    return int(noticed < ENOUGH * len(outcomes))
