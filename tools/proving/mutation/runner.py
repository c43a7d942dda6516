"""Runs an area's tests against one fault after the other. A process of its own for each, which starts from this one:
pytest and the libraries are loaded once. Needs fork, so Linux or macOS. Called on the main thread.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

from proving.mutation.faults import Fault, faults, with_fault

ROOT: Final = Path(__file__).resolve().parents[3]
PLUGIN: Final = ROOT / "obs_plugin"
PATIENCE: Final = 4.0
"""A fault that makes the tests take so many times as long as they take without any is found: something hangs."""
LOADED_ONCE: Final = ("pytest", "hypothesis", "hypothesis.stateful", "requests", "jsonschema", "prometheus_client")


@dataclass(frozen=True, slots=True)
class Area:
    """What is changed, and the tests that have to notice, the quick ones first."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


AREAS: Final = {
    "gate": Area(
        ("clawcraft.http.gate", "clawcraft.http.signature", "clawcraft.authority.guard"),
        ("tests/authority/test_guard.py", "tests/http/test_gate.py", "tests/mcp/test_door.py",
         "tests/jobs/test_guard_rails.py", "tests/jobs/test_worker.py"),
    ),
    "contract": Area(
        ("clawcraft.contract.schemas", "clawcraft.contract.strict_json", "clawcraft.contract.quick_check",
         "clawcraft.contract.openapi"),
        ("tests/contract/test_strict_json.py", "tests/contract/test_openapi.py", "tests/contract/test_schemas.py",
         "tests/contract/test_quick_check.py"),
    ),
    "jobs": Area(
        ("clawcraft.jobs.model", "clawcraft.jobs.store", "clawcraft.jobs.idempotency", "clawcraft.jobs.kept_answers",
         "clawcraft.jobs.rows", "clawcraft.jobs.dispatch", "clawcraft.jobs.worker", "clawcraft.jobs.slots",
         "clawcraft.jobs.plain", "clawcraft.jobs.answer"),
        ("tests/jobs/test_store.py", "tests/jobs/test_dispatch.py", "tests/jobs/test_worker.py",
         "tests/jobs/test_named_agents.py", "tests/jobs/test_guard_rails.py", "tests/jobs/test_unkept.py",
         "tests/jobs/test_database.py", "tests/authority/test_approval.py", "tests/jobs/test_plans.py",
         "tests/jobs/test_store_machine.py", "tests/jobs/test_idempotency_machine.py"),
    ),
    "ownership": Area(
        ("clawcraft.obs.orders", "clawcraft.obs.stream_state", "clawcraft.obs.stream", "clawcraft.obs.observer"),
        ("tests/obs/test_stream_state.py", "tests/obs/test_longest_stream.py", "tests/obs/test_ownership_moments.py",
         "tests/obs/test_status.py", "tests/obs/test_stream.py", "tests/obs/test_ownership_machine.py",
         "tests/actions/test_stream.py"),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """``by``: the first test that failed; empty where none did, and "time" where they did not end."""

    module: str
    line: int
    what: str
    by: str
    seconds: float


def sampled(area: Area, count: int, seed: int) -> tuple[list[tuple[str, Fault]], int]:
    """``count`` of the faults that the area's modules can be given, and how many there are."""
    every = [(module, fault) for module in area.modules for fault in faults(_file(module).read_text("utf-8"))]
    chosen = random.Random(seed).sample(every, min(count, len(every)))
    return chosen, len(every)


def run(area: Area, chosen: Sequence[tuple[str, Fault]]) -> Iterator[Outcome]:
    """Each fault's outcome. Raises RuntimeError if the tests fail without any."""
    for name in LOADED_ONCE:
        importlib.import_module(name)
    began_s = time.monotonic()
    if failed := _failed(area, None, 3_600):
        raise RuntimeError(f"fails without any fault: {failed}")
    usual_s = time.monotonic() - began_s
    for module, fault in chosen:
        began_s = time.monotonic()
        by = _failed(area, (module, fault), PATIENCE * usual_s + 30)
        yield Outcome(module, fault.line, fault.what, by, round(time.monotonic() - began_s, 1))


def _failed(area: Area, fault: tuple[str, Fault] | None, limit_s: float) -> str:
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder, "said")
        child = os.fork()
        if child == 0:
            _test(area, fault, said)
        until_s = time.monotonic() + limit_s
        while not (ended := os.waitpid(child, os.WNOHANG))[0]:
            if time.monotonic() > until_s:
                os.killpg(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return "time"
            time.sleep(0.02)
        lines = said.read_text("utf-8", "replace").splitlines()
    if ended[1] == 0:
        return ""
    found = [line.split(" - ")[0] for line in lines if line.startswith(("FAILED", "ERROR"))]
    return found[0] if found else f"pytest broke ({ended[1]}): {lines[-3:]}"


def _test(area: Area, fault: tuple[str, Fault] | None, said: Path) -> None:
    """In the child; does not return."""
    os.setsid()
    descriptor = os.open(said, os.O_WRONLY | os.O_CREAT)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.chdir(ROOT)
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(said.parent / "hypothesis")
    if fault is not None:
        sys.meta_path.insert(0, _Faulty(*fault))
    import pytest

    options = ("-x", "-rfE", "-p", "no:cacheprovider", "--hypothesis-seed=0", "-m", "not real_obs",
               "-W", "ignore::pytest.PytestAssertRewriteWarning")  # fmt: skip
    try:
        status = pytest.main([*options, f"--basetemp={said.parent / 'tests'}", *area.tests])
    except BaseException:  # noqa: BLE001 - whatever it is, the parent reads it
        traceback.print_exc()
        status = 3
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(status))


class _Faulty(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):  # type: ignore[misc]
    """Imports one module with its fault; the file stays as it is."""

    def __init__(self, module: str, fault: Fault) -> None:
        super().__init__(module, str(_file(module)))
        self._number = fault.number

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        source = Path(self.path).read_text("utf-8")
        return compile(with_fault(source, self._number), str(self.path), "exec", dont_inherit=True)


def _file(module: str) -> Path:
    return PLUGIN.joinpath(*module.split(".")).with_suffix(".py")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--area", choices=sorted(AREAS), action="append", help="may be given again (default: each)")
    parser.add_argument("--count", type=int, default=50, help="how many faults of each area, by chance (default: 50)")
    parser.add_argument("--seed", type=int, default=1, help="which (default: 1)")
    parser.add_argument("--results", type=Path, metavar="FILE", help="append each outcome, as JSON lines")


def main(options: argparse.Namespace) -> int:
    return prove(options.area or sorted(AREAS), options.count, options.seed, options.results)


def prove(names: Sequence[str], count: int, seed: int, results: Path | None) -> int:
    """Print each area's figures and its survivors, appending every outcome to ``results``. 0 if at least 90 in 100
    were noticed everywhere."""
    status = 0
    for name in names:
        chosen, every = sampled(AREAS[name], count, seed)
        print(f"{name}: {len(chosen)} of {every} faults", flush=True)
        outcomes = []
        for outcome in run(AREAS[name], chosen):
            outcomes.append(outcome)
            if results is not None:
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"area": name, **asdict(outcome)}) + "\n")
            if not outcome.by:
                print(f"  survives: {outcome.module}:{outcome.line}: {outcome.what}", flush=True)
        noticed = sum(bool(outcome.by) for outcome in outcomes)
        print(f"{name}: {noticed} of {len(outcomes)} noticed, {noticed / max(1, len(outcomes)):.0%}", flush=True)
        status |= noticed < 0.9 * len(outcomes)
    return status
