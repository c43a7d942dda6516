"""Asks an area's tests about its faults: a pytest plugin that forks for each fault, once everything is imported and
collected. Needs fork, so Linux or macOS. Called on the main thread of a process of its own.

What has run while the tests were imported has left its mark on them: where no test notices such a fault, they are
imported again with it.
"""

from __future__ import annotations

import ast
import gc
import json
import os
import select
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any, Final

import pytest

from proving.mutation import graft
from proving.mutation.areas import Area, Chosen, file_of
from proving.mutation.record import Outcome, Record, Seen

PATIENCE: Final = 4.0
"""A fault with which a test takes so many times as long as without, and GRACE_S more, is found: it hangs."""
GRACE_S: Final = 30.0
WITHOUT_S: Final = 300.0
"""So long may a test take without any fault."""


class Asked:
    """Takes the place of pytest's own loop. ``tell`` gets each outcome as it comes."""

    def __init__(
        self, area: Area, chosen: Sequence[Chosen], record: Record, quick: bool, tell: Callable[[Outcome], None]
    ) -> None:
        self._area, self._chosen, self._record = area, chosen, record
        self._quick, self._tell = quick, tell
        self._imported = _no_lines(area)
        if not quick:
            _trace(self._imported)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        sys.settrace(None)
        threading.settrace(None)
        functions = graft.functions_of(self._area.modules)
        gc.collect()
        gc.freeze()
        seen = self._without_faults(session.items)
        for one in self._chosen:
            items = _that_run(one, session.items, seen)
            outcome = self._record.outcome(one)
            if outcome is None:
                began_s = time.monotonic()
                by = self._grafted(one, items, seen, functions) or self._afresh(one, seen)
                outcome = Outcome(*_named(one), by, len(items), round(time.monotonic() - began_s, 1))
                self._record.add(one, outcome)
            self._tell(outcome)
        return True

    def _without_faults(self, items: Sequence[pytest.Item]) -> dict[str, Seen]:
        """Of each test. One that fails without a fault, or does not end, is never asked."""
        seen = {item.nodeid: known for item in items if (known := self._record.seen(item)) is not None}
        left = [item for item in items if item.nodeid not in seen]
        while left:
            lines = _no_lines(self._area)
            by, told = _in_child(partial(_trace, lines), left, lambda _: WITHOUT_S, lines)
            for item, one in zip(left, told, strict=False):
                seen[item.nodeid] = one
                self._record.add_seen(item, one)
            left = left[len(told) :]
            if by:
                print(f"  left out, since without any fault it fails or does not end: {by}", flush=True)
                left = left[1:]
        return seen

    def _grafted(
        self,
        one: Chosen,
        items: Sequence[pytest.Item],
        seen: dict[str, Seen],
        functions: dict[str, list[FunctionType]],
    ) -> str:
        def limit_s(index: int) -> float:
            return PATIENCE * seen[items[index].nodeid].seconds + GRACE_S

        return _in_child(lambda: graft.put(one, functions), items, limit_s)[0] if items else ""

    def _afresh(self, one: Chosen, seen: dict[str, Seen]) -> str:
        """As if the module's file had the fault, if what it changes ran while the tests were imported."""
        path = str(file_of(one[0]))
        where = _statement(ast.parse(Path(path).read_text("utf-8")), one[1].line)
        if where is not None and not self._imported[path].intersection(where):
            return ""

        def run() -> None:
            for name in [name for name in sys.modules if name.split(".")[0] in ("clawcraft", "tests")]:
                del sys.modules[name]
            sys.meta_path.insert(0, graft.Faulty(*one))
            failed = Failed()
            with tempfile.TemporaryDirectory() as folder:
                status = pytest.main([*options(Path(folder), self._area.tests, self._quick), "-x"], plugins=[failed])
            if status:
                raise NoticedAfresh(failed.by or f"pytest's status {status}")

        usual_s = sum(test.seconds for test in seen.values())
        return _in_child(run, [], lambda _: PATIENCE * usual_s + 4 * GRACE_S)[0]


class NoticedAfresh(Exception):
    """Raised when a test that was imported anew fails; says which."""


def _no_lines(area: Area) -> dict[str, set[int]]:
    return {str(file_of(module)): set() for module in area.modules}


def _named(chosen: Chosen) -> tuple[str, int, str]:
    return chosen[0], chosen[1].line, chosen[1].what


def _that_run(chosen: Chosen, items: Sequence[pytest.Item], seen: dict[str, Seen]) -> list[pytest.Item]:
    """The tests that go through the fault's statement, the quickest first; through its module, if it is outside of a
    function and so has run before any test."""
    path = file_of(chosen[0])
    where = _statement(ast.parse(path.read_text("utf-8")), chosen[1].line)
    found = []
    for item in items:
        lines = seen[item.nodeid].lines.get(str(path), []) if item.nodeid in seen else []
        if any(where is None or line in where for line in lines):
            found.append(item)
    return sorted(found, key=lambda item: seen[item.nodeid].cpu_s)


def _statement(tree: ast.Module, line: int) -> range | None:
    """The lines of the innermost statement there, without those it holds; None outside of functions."""
    inside: list[ast.stmt] = []
    function: ast.stmt | None = None
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno):
            inside.append(node)
            if isinstance(node, ast.FunctionDef) and line >= node.body[0].lineno:
                function = node
    if function is None:
        return None
    found = max(inside, key=lambda node: (node.lineno, -(node.end_lineno or 0)))
    body: list[ast.stmt] = getattr(found, "body", [])
    return range(found.lineno, max(body[0].lineno, found.lineno + 1) if body else (found.end_lineno or line) + 1)


def _in_child(
    prepare: Callable[[], None],
    items: Sequence[pytest.Item],
    limit_s: Callable[[int], float],
    lines: dict[str, set[int]] | None = None,
) -> tuple[str, list[Seen]]:
    """The first of ``items`` that fails, or "time: ..." for the one that does not end, or empty; with ``lines``, what
    those before it are like. ``limit_s`` of the one by its index, and of ``prepare``, by 0."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(prepare, items, writing, lines)
    os.close(writing)
    at, by, is_whole, seen, rest = 0, "", False, [], b""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while not by:
            if not select.select([pipe], [], [], limit_s(at))[0]:
                by = f"time: {items[at].nodeid if items else 'all'}"
                break
            if not (more := pipe.read(65_536)):
                break
            *told, rest = (rest + more).split(b"\n")
            for kind, value in (line.decode().split(" ", 1) for line in told):
                at = int(value) if kind == "at" else at
                by = by or (value if kind == "by" else "")
                is_whole = is_whole or kind == "end"
                if kind == "seen":
                    seen.append(Seen(**json.loads(value)))
    _end_group(child)
    if not by and not is_whole:
        by = f"the process ended: {items[at].nodeid}" if items else "the process ended"
    return by, seen


def _end_group(child: int) -> None:
    """The child, and what it started and left."""
    for target in (-child, child):
        try:
            os.kill(target, signal.SIGKILL)
        except ProcessLookupError:
            continue
    os.waitpid(child, 0)


def _child(
    prepare: Callable[[], None], items: Sequence[pytest.Item], writing: int, lines: dict[str, set[int]] | None
) -> None:
    """Does not return."""
    os.setsid()
    os.set_inheritable(writing, False)

    def say(kind: str, value: Any) -> None:
        rest = f"{kind} {value}\n".encode()
        while rest:
            rest = rest[os.write(writing, rest) :]

    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        prepare()
    except NoticedAfresh as noticed:
        say("by", noticed)
        os._exit(0)
    except BaseException as problem:  # noqa: BLE001 - the module cannot even be imported
        say("by", f"import: {type(problem).__name__}")
        os._exit(0)
    failed = Failed()
    if items:
        items[0].config.pluginmanager.register(failed)
    for index, item in enumerate(items):
        say("at", index)
        began_s, cpu_s = time.monotonic(), time.process_time()
        following = items[index + 1] if index + 1 < len(items) else None
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except BaseException:  # noqa: BLE001 - a KeyboardInterrupt of a fault, too
            failed.by = failed.by or item.nodeid
        if failed.by:
            say("by", failed.by)
            break
        if lines is not None:
            run = {path: sorted(numbers) for path, numbers in lines.items()}
            seconds, cpu_s = round(time.monotonic() - began_s, 2), round(time.process_time() - cpu_s, 3)
            say("seen", json.dumps({"seconds": seconds, "cpu_s": cpu_s, "lines": run}))
            for numbers in lines.values():
                numbers.clear()
    say("end", "")
    os._exit(0)


class Failed:
    """A pytest plugin: the first test that fails."""

    def __init__(self) -> None:
        self.by = ""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.by:
            self.by = report.nodeid

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.by:
            self.by = report.nodeid


def _trace(lines: dict[str, set[int]]) -> None:
    """From now on, in every thread."""

    def local(frame: FrameType, event: str, argument: Any) -> Any:
        lines[frame.f_code.co_filename].add(frame.f_lineno)
        return local

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename in lines:
            return local
        return None

    threading.settrace(call)
    sys.settrace(call)


def options(basetemp: Path, tests: Sequence[str], quick: bool) -> Iterator[str]:
    """For pytest."""
    which = "not real_obs and not hypothesis" if quick else "not real_obs"
    yield from ("-q", "-s", "--no-summary", "-p", "no:cacheprovider", "--hypothesis-seed=0", "-m", which)
    yield from ("-W", "ignore::pytest.PytestAssertRewriteWarning", f"--basetemp={basetemp}")
    yield from tests
