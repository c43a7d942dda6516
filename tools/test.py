#!/usr/bin/env python3
"""Every check and every test, in an environment of its own: ruff, mypy, the OpenClaw plugin's tests, pytest.

With arguments for pytest only pytest runs, with them. The exit status is pytest's, or 1 if another check failed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import _venv

NODE_PLUGIN = "tools/openclaw"
NODE_NEEDS = 20
PYTHON_CHECKS = (
    ("ruff check", ["-m", "ruff", "check", "."]),
    ("ruff format", ["-m", "ruff", "format", "--check", "."]),
    ("mypy", ["-m", "mypy"]),
)


def main() -> int:
    options, pytest_arguments = _options()
    _venv.enter("requirements-dev.txt")
    os.chdir(_venv.ROOT)
    if pytest_arguments:
        # pyproject.toml deselects the openclaw tests; a later -m wins.
        return _pytest(options, *(["-m", ""] if options.openclaw else []), *pytest_arguments)
    failed = _run_checks()
    status = _run_all_tests(options)
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


def _run_all_tests(options: argparse.Namespace) -> int:
    """The tests that need no OBS side by side, since they mostly wait; then, one by one, those in a real OBS."""
    missing = _obs_missing()
    workers = str(2 * (os.cpu_count() or 1))
    status = _pytest(options, "-m", "not real_obs and not openclaw", "-n", workers, "--dist", "loadfile")
    if missing and not options.require_obs:
        _venv.say(f"== the tests in a real OBS are skipped: {missing}")
    else:
        status = _pytest(options, "-m", "real_obs and not openclaw") or status
    if options.openclaw:
        status = _pytest(options, "-m", "openclaw") or status
    return status


def _pytest(options: argparse.Namespace, *arguments: str) -> int:
    _venv.say(f"== pytest {' '.join(arguments)}")
    environment = dict(os.environ)
    if options.require_obs:
        environment["CLAWCRAFT_REQUIRE_OBS"] = "1"
    if options.openclaw:
        environment["CLAWCRAFT_OPENCLAW"] = "1"
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], env=environment).returncode


def _options() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        description="Run every check (ruff, mypy, node --test) and every test.",
        epilog="Other arguments go to pytest, which then runs alone: tools/test.py tests/http -k token",
        allow_abbrev=False,
    )
    parser.add_argument("--require-obs", action="store_true", help="fail where OBS, Xvfb or nginx is not installed")
    parser.add_argument("--openclaw", action="store_true", help="also the tests in a real OpenClaw gateway")
    return parser.parse_known_args()


if __name__ == "__main__":
    sys.exit(main())
