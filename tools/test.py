#!/usr/bin/env python3
"""Every check and every test, in an environment of its own: ruff, mypy, the OpenClaw plugin's tests, pytest.

With arguments for pytest only pytest runs, with them. The exit status is pytest's, or 1 if another check failed.

``--repeat N`` runs the tests N times, each time in another order, and says which failed how often.

``--obs-matrix`` runs the core tests (or those named) also in the OBS of other systems, and ends with a table.

``--prove`` also runs the short forms of ``tools/prove.py`` that take minutes: 200 faulted starts in a real OBS, 2,000
random requests.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import _venv
from obs_matrix import roots, table
from obs_matrix.chroot import inside

NODE_PLUGIN = "tools/openclaw"
NODE_NEEDS = 20
WORKERS_A_CORE = 3
MATRIX_S = 1200
"""How long the tests in one more OBS may take; mostly it is a quarter of that."""
PROOFS = (
    ("campaign", "--starts", "200", "--beside", "2", "--minutes", "8"),
    ("attack", "--fuzz-only", "--cases", "2000"),
)
PYTHON_CHECKS = (
    ("ruff check", ["-m", "ruff", "check", "."]),
    ("ruff format", ["-m", "ruff", "format", "--check", "."]),
    ("mypy", ["-m", "mypy"]),
)


def main() -> int:
    options, pytest_arguments = _options()
    _venv.enter("requirements-dev.txt")
    os.chdir(_venv.ROOT)
    if options.obs_matrix and (reason := roots.unable()):
        sys.exit(f"error: --obs-matrix cannot run here: {reason}")
    if pytest_arguments:
        # pyproject.toml deselects the openclaw tests; a later -m wins.
        selections = [[*(["-m", ""] if options.openclaw else []), *pytest_arguments]]
    else:
        selections = _all_tests(options)
    if options.repeat:
        return _repeat(options, selections)
    failed = [] if pytest_arguments else _run_checks()
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        reports: list[Path] = []
        for selection in selections:
            reports.append(Path(folder) / f"{len(reports)}.xml")
            status = _pytest(options, *selection, *_reported(reports[-1])) or status
        if options.obs_matrix:
            here = {name: result for report in reports for name, result in table.results(report).items()}
            status = _matrix(options, pytest_arguments, here, Path(folder)) or status
        if options.prove:
            failed += _prove(Path(folder))
    if failed:
        print(f"error: these checks failed, see above: {', '.join(failed)}", file=sys.stderr)
    return status or (1 if failed else 0)


def _run_checks() -> list[str]:
    """Run the checks side by side and show them in order; the names of those that failed."""
    checks = {name: [sys.executable, *arguments] for name, arguments in PYTHON_CHECKS}
    node = _node()
    if node is None:
        _venv.say(f"== {NODE_PLUGIN}: not tested, it needs Node.js {NODE_NEEDS} or newer (nodejs.org)")
    elif files := _node_tests():
        checks[f"node --test {NODE_PLUGIN}"] = [node, "--test", *files]
    with ThreadPoolExecutor() as pool:
        running = {name: pool.submit(_output_of, command) for name, command in checks.items()}
        failed = []
        for name, check in running.items():
            _venv.say(f"== {name}")
            output, status = check.result()
            print(output, end="", flush=True)
            if status != 0:
                failed.append(name)
        return failed


def _prove(folder: Path) -> list[str]:
    """The short proofs, one after the other; the names of those that found something."""
    failed = []
    for part, *arguments in PROOFS:
        more = ["--fresh", "--journal", str(folder / part)] if part == "campaign" else []
        _venv.say(f"== prove.py {part} {' '.join(arguments)}")
        if subprocess.run([sys.executable, "tools/prove.py", part, *arguments, *more]).returncode:
            failed.append(f"prove.py {part}")
    return failed


def _output_of(command: list[str]) -> tuple[str, int]:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    return done.stdout, done.returncode


def _node() -> str | None:
    """A Node.js that is new enough, or None."""
    node = shutil.which("node")
    if node is None:
        return None
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    match = re.match(r"v(\d+)\.", version)
    return node if match and int(match[1]) >= NODE_NEEDS else None


def _node_tests() -> list[str]:
    # Named one by one: what a folder means to "node --test" differs from version to version.
    files = sorted((_venv.ROOT / NODE_PLUGIN).rglob("*.test.*js"))
    return [str(file) for file in files if "node_modules" not in file.parts]


def _obs_missing() -> str | None:
    sys.path.insert(0, str(_venv.ROOT))
    from tests.support.real_obs import obs_missing

    return obs_missing()


def _all_tests(options: argparse.Namespace) -> list[list[str]]:
    """The tests that need no OBS side by side, since they mostly wait; then, one by one, those in a real OBS."""
    missing = _obs_missing()
    workers = str(WORKERS_A_CORE * (os.cpu_count() or 1))
    spread = ["-n", workers, "--dist", "loadfile", "--no-loadscope-reorder"]  # its order has the slowest files last
    selections = [["-m", "not real_obs and not openclaw", *spread]]
    if missing and not options.require_obs:
        _venv.say(f"== the tests in a real OBS are skipped: {missing}")
    else:
        selections.append(["-m", "real_obs and not openclaw"])
    if options.openclaw:
        selections.append(["-m", "openclaw"])
    return selections


def _matrix(options: argparse.Namespace, arguments: Sequence[str], here: table.Results, folder: Path) -> int:
    """The tests in the OBS of each other system, and the table with those that ran here; pytest's status, or 1."""
    columns, status = {f"{_obs_version(None)} here": here}, 0
    for release in roots.RELEASES:
        report = folder / f"{release.suite}.xml"
        try:
            root = roots.Roots(roots.cache_folder(os.environ)).get(release)
            column = f"{_obs_version(root)} {release.suite}"
            _venv.say(f"== OBS {column}")
            status = _pytest(options, *(arguments or ["-m", "core"]), *_reported(report), root=root) or status
        except roots.RootProblem as problem:
            column, status = f"no {release.suite}", 1
            _venv.say(f"error: {release}: {problem}")
        columns[column] = table.results(report)
    rows = list(dict.fromkeys(name for results in list(columns.values())[1:] for name in results))
    _venv.say("\n".join(["== OBS matrix", *table.lines(columns, rows)]))
    return status


def _obs_version(root: Path | None) -> str:
    """Of the OBS in ``root``, or of the one here; empty if it does not say."""
    command = ["obs", "--version"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(
            inside(root, command) if root else command, capture_output=True, text=True, timeout=60, cwd="/"
        ).stdout
        if match := re.search(r"\d+\.\d+\.\d+", said):
            return match[0]
    return "?"


def _reported(report: Path) -> list[str]:
    return [f"--junitxml={report}", "-o", "junit_family=xunit1"]


def _repeat(options: argparse.Namespace, selections: Sequence[Sequence[str]]) -> int:
    """Files in another order each time, and the tests in them; then each failure with its count."""
    red: Counter[str] = Counter()
    green = 0
    first_seed = random.randrange(1_000_000) if options.seed is None else options.seed
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first_seed, first_seed + options.repeat):
            _venv.say(f"== run {seed - first_seed + 1} of {options.repeat}, again with --repeat 1 --seed {seed}")
            failures: set[str] = set()
            for selection in selections:
                report = Path(folder) / "report.xml"
                report.unlink(missing_ok=True)
                order = ("--random-order-bucket=module", f"--random-order-seed={seed}")
                status = _pytest(options, *selection, *order, *_reported(report))
                failures.update(_failures(report) or [f"pytest ended with status {status}"] if status else [])
            red.update(failures)
            green += not failures
    for name, count in red.most_common():
        _venv.say(f"{count} of {options.repeat} red: {name}")
    _venv.say(f"== {green} of {options.repeat} runs green")
    return 0 if green == options.repeat else 1


def _failures(report: Path) -> list[str]:
    """The tests that failed or had an error, as pytest takes them."""
    if not report.exists():
        return []
    cases = ElementTree.parse(report).iter("testcase")
    red = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    return [f"{case.get('file')}::{case.get('name')}" for case in red]


def _pytest(options: argparse.Namespace, *arguments: str, root: Path | None = None) -> int:
    """Its status; with ``root`` the tests start the OBS there, and have to end within MATRIX_S."""
    _venv.say(f"== pytest {' '.join(arguments)}")
    environment = dict(os.environ)
    # The package is loaded some hundred times: compiled each time, that is a fifth of the tests' time.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if options.require_obs:
        environment["CLAWCRAFT_REQUIRE_OBS"] = "1"
    if options.openclaw:
        environment["CLAWCRAFT_OPENCLAW"] = "1"
    if root:
        environment |= {"CLAWCRAFT_REQUIRE_OBS": "1", "CLAWCRAFT_OBS_ROOT": str(root)}
    with subprocess.Popen([sys.executable, "-m", "pytest", *arguments], env=environment) as pytest:
        try:
            return pytest.wait(MATRIX_S if root else None)
        except subprocess.TimeoutExpired:
            print(f"error: the tests in {root} did not end within {MATRIX_S} s", file=sys.stderr)
            pytest.send_signal(signal.SIGINT)  # its fixtures still end what they started
            with contextlib.suppress(subprocess.TimeoutExpired):
                pytest.wait(60)
            pytest.kill()
            return 1


def _options() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        description="Run every check (ruff, mypy, node --test) and every test.",
        epilog="Other arguments go to pytest, which then runs alone: tools/test.py tests/http -k token",
        allow_abbrev=False,
    )
    parser.add_argument("--require-obs", action="store_true", help="fail where OBS, Xvfb or nginx is not installed")
    parser.add_argument("--openclaw", action="store_true", help="also the tests in a real OpenClaw gateway")
    parser.add_argument(
        "--obs-matrix", action="store_true", help="also in the OBS of Debian 13 and testing; takes root"
    )
    parser.add_argument("--prove", action="store_true", help="also the short proofs; needs OBS")
    parser.add_argument("--repeat", type=_count, metavar="N", help="run the tests N times, in random orders; no checks")
    parser.add_argument("--seed", type=int, metavar="S", help="order of the first run; the next has S + 1")
    options, pytest_arguments = parser.parse_known_args()
    if options.repeat and (options.prove or options.obs_matrix):
        parser.error("--repeat takes neither --prove nor --obs-matrix: run those by themselves")
    if options.seed is not None and not options.repeat:
        parser.error("--seed goes with --repeat")
    return options, pytest_arguments


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
