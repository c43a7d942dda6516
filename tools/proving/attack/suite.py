"""``tools/prove.py attack``: random requests by the thousand, and every attack that a test knows."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from hmac import compare_digest
from typing import Final

from proving.attack.random_requests import fuzz
from tests.support.paths import ROOT

ROUND: Final = 2_000
KNOWN: Final = (
    *("tests/attack", "tests/http/test_wire.py", "tests/http/test_connections.py", "tests/http/test_gate.py"),
    *("tests/http/test_query.py", "tests/contract/test_strict_json.py", "tests/telemetry/test_log.py"),
    *("tests/service/test_foreign_texts.py", "tests/operator/test_door.py", "tests/operator/test_pairing.py"),
    *("tests/mcp/test_door.py", "tests/authority/test_known_secrets.py"),
)
"""Smuggling, slow and many connections, oversized everything, replays, guesses, hostile texts."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cases", type=int, default=20_000, help="random requests (default: 20000)")
    parser.add_argument("--seed", type=int, default=1, help="which (default: 1)")
    parser.add_argument("--fuzz-only", action="store_true", help="the random requests alone")


def main(options: argparse.Namespace) -> int:
    """0 if nothing was found. In rounds, each with a fresh OBS: what was seen is printed after each."""
    done = found = number = 0
    while done < options.cases:
        fuzzed = fuzz(min(ROUND, options.cases - done), options.seed + number, sys.stderr)
        done, found, number = done + max(1, fuzzed.cases), found + fuzzed.found + len(fuzzed.violations), number + 1
        print(fuzzed.report(), f"{done} of {options.cases}, {found} findings so far", sep="\n", flush=True)
    if options.fuzz_only:
        return int(bool(found))
    print(_comparisons())
    tests = subprocess.run([sys.executable, "-m", "pytest", "-q", "-m", "not real_obs", *KNOWN], cwd=ROOT)
    return int(bool(found or tests.returncode))


def _comparisons() -> str:
    """How long a comparison takes with the first and with the last byte wrong: told, not judged, since other programs
    on the machine have more to do with it."""
    right = b"x" * 43
    medians = {}
    for name, guess in (("first byte wrong", b"y" + right[1:]), ("last byte wrong", right[:-1] + b"y")):
        times = []
        for _ in range(200):
            began_ns = time.perf_counter_ns()
            for _ in range(1_000):
                compare_digest(guess, right)
            times.append(time.perf_counter_ns() - began_ns)
        medians[name] = statistics.median(times) / 1_000
    return "a comparison takes " + ", ".join(f"{ns:.0f} ns ({name})" for name, ns in medians.items())
