"""What is changed, and the tests that have to notice. Pure; no thread of its own."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proving.mutation.faults import Fault, faults

ROOT: Final = Path(__file__).resolve().parents[3]
PLUGIN: Final = ROOT / "obs_plugin"


@dataclass(frozen=True, slots=True)
class Area:
    """Modules, and test files. Their order is the one in which they are collected; the quickest test is asked first."""

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
         "tests/contract/test_quick_check.py", "tests/actions/test_catalogue.py", "tests/http/test_query.py",
         "tests/mcp/test_tools.py", "tests/mcp/test_calls.py", "tests/mcp/test_eras.py",
         "tests/http/test_endpoints.py"),
    ),
    "jobs": Area(
        ("clawcraft.jobs.model", "clawcraft.jobs.store", "clawcraft.jobs.idempotency", "clawcraft.jobs.kept_answers",
         "clawcraft.jobs.rows", "clawcraft.jobs.dispatch", "clawcraft.jobs.worker", "clawcraft.jobs.slots",
         "clawcraft.jobs.plain", "clawcraft.jobs.answer"),
        ("tests/jobs/test_model.py", "tests/jobs/test_plain.py", "tests/jobs/test_store.py",
         "tests/jobs/test_dispatch.py", "tests/jobs/test_worker.py",
         "tests/jobs/test_named_agents.py", "tests/jobs/test_guard_rails.py", "tests/jobs/test_unkept.py",
         "tests/jobs/test_database.py", "tests/authority/test_approval.py", "tests/jobs/test_plans.py",
         "tests/jobs/test_store_machine.py", "tests/jobs/test_idempotency_machine.py", "tests/http/test_endpoints.py"),
    ),
    "ownership": Area(
        ("clawcraft.obs.orders", "clawcraft.obs.stream_state", "clawcraft.obs.stream", "clawcraft.obs.observer"),
        ("tests/obs/test_stream_moves.py", "tests/obs/test_stream_state.py", "tests/obs/test_longest_stream.py",
         "tests/obs/test_ownership_moments.py",
         "tests/obs/test_status.py", "tests/obs/test_stream.py", "tests/obs/test_ownership_machine.py",
         "tests/actions/test_stream.py"),
    ),
}  # fmt: skip

Chosen = tuple[str, Fault]
"""A module's name, and its fault."""


def file_of(module: str) -> Path:
    return PLUGIN.joinpath(*module.split(".")).with_suffix(".py")


def sampled(area: Area, count: int, seed: int) -> tuple[list[Chosen], int]:
    """``count`` of the faults that the area's modules can be given, and how many there are. A smaller sample is the
    beginning of a larger one."""
    every = [(module, fault) for module in area.modules for fault in faults(file_of(module).read_text("utf-8"))]
    return random.Random(seed).sample(every, len(every))[:count], len(every)
