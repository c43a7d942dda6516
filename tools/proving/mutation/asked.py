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
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType, FunctionType
from typing import Any, Final

import pytest

from proving.mutation import graft
from proving.mutation.areas import Area, Chosen, file_of
from proving.mutation.record import Outcome, Record

PATIENCE: Final = 4.0
"""A fault with which a test takes so many times as long as without, and GRACE_S more, is found: it hangs."""
GRACE_S: Final = 30.0


@dataclass(slots=True)
class Seen:
    """A test without any fault: how long it takes, and the lines of the area's modules that it runs."""

    seconds: float
    passes: bool
    lines: dict[str, list[int]] = field(default_factory=dict)


class Asked:
    """Takes the place of pytest's own loop. ``tell`` gets each outcome as it comes."""

    def __init__(
        self, area: Area, chosen: Sequence[Chosen], record: Record, longest_s: float, tell: Callable[[Outcome], None]
    ) -> None:
        self._area, self._chosen, self._record = area, chosen, record
        self._longest_s, self._tell = longest_s, tell
        self._imported = _no_lines(area)
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
            items = _that_run(one, session.items, seen, self._longest_s)
            outcome = self._record.outcome(one)
            if outcome is None:
                began_s = time.monotonic()
                by = self._grafted(one, items, seen, functions) or self._afresh(one, seen)
                outcome = Outcome(*_named(one), by, len(items), round(time.monotonic() - began_s, 1))
                self._record.add(one, outcome)
            self._tell(outcome)
        return True

    def _without_faults(self, items: Sequence[pytest.Item]) -> dict[str, Seen]:
        """Of each test. One that fails without a fault, or does not end in time, is never asked."""
        seen = self._record.seen()
        for item in items:
            if item.nodeid not in seen:
                lines = _no_lines(self._area)
                began_s = time.monotonic()
                by, told = _in_child(partial(_trace, lines), [item], lambda _: self._longest_s, lines)
                seconds = round(time.monotonic() - began_s, 2)
                seen[item.nodeid] = Seen(seconds, not by, json.loads(told or "{}"))
                self._record.add_seen(item.nodeid, seen[item.nodeid])
                if by:
                    print(f"  left out, since without any fault it fails or takes too long: {by}", flush=True)
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
        going = [name for name, test in seen.items() if test.passes and test.lines.get(path)]
        files = [file for file in self._area.tests if any(name.split("::")[0] == file for name in going)]
        slow = [f"--deselect={name}" for name, test in seen.items() if not test.passes]

        def run() -> None:
            for name in [name for name in sys.modules if name.split(".")[0] in ("clawcraft", "tests")]:
                del sys.modules[name]
            sys.meta_path.insert(0, graft.Faulty(*one))
            failed = Failed()
            with tempfile.TemporaryDirectory() as folder:
                status = pytest.main([*options(Path(folder), files), "-x", *slow], plugins=[failed])
            if status:
                raise NoticedAfresh(failed.by or f"pytest's status {status}")

        usual_s = sum(seen[name].seconds for name in going)
        return _in_child(run, [], lambda _: PATIENCE * usual_s + 4 * GRACE_S)[0]


class NoticedAfresh(Exception):
    """Raised when a test that was imported anew fails; says which."""


def _no_lines(area: Area) -> dict[str, set[int]]:
    return {str(file_of(module)): set() for module in area.modules}


def _named(chosen: Chosen) -> tuple[str, int, str]:
    return chosen[0], chosen[1].line, chosen[1].what


def _that_run(
    chosen: Chosen, items: Sequence[pytest.Item], seen: dict[str, Seen], longest_s: float
) -> list[pytest.Item]:
    """The tests that go through the fault's statement, the quickest first; through its module, if it is outside of a
    function and so has run before any test."""
    path = file_of(chosen[0])
    where = _statement(ast.parse(path.read_text("utf-8")), chosen[1].line)
    found = []
    for item in items:
        test = seen[item.nodeid]
        lines = test.lines.get(str(path), [])
        if test.passes and test.seconds <= longest_s and any(where is None or line in where for line in lines):
            found.append(item)
    return sorted(found, key=lambda item: seen[item.nodeid].seconds)


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
) -> tuple[str, str]:
    """The first of ``items`` that fails, or "time: ..." for the one that does not end, or empty; and the lines run.
    ``limit_s`` of the one by its index, and of ``prepare``, by 0."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _child(prepare, items, writing, lines)
    os.close(writing)
    at, by, buffer = 0, "", b""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while True:
            if not select.select([pipe], [], [], limit_s(at))[0]:
                by = f"time: {items[at].nodeid if items else 'all'}"
                break
            if not (more := pipe.read(65_536)):
                break
            buffer += more
            at = max([at, *(int(said[3:]) for said in buffer.decode().split("\n")[:-1] if said.startswith("at "))])
    _end_group(child)
    said = [part.split(" ", 1) for part in buffer.decode().split("\n") if part]
    by = by or next((rest for kind, rest in said if kind == "by"), "")
    if not by and not any(kind == "end" for kind, _ in said):
        by = f"the process ended: {items[at].nodeid}" if items else "the process ended"
    return by, next((rest for kind, rest in said if kind == "lines"), "")


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

    def say(kind: str, rest: Any) -> None:
        os.write(writing, f"{kind} {rest}\n".encode())

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
        following = items[index + 1] if index + 1 < len(items) else None
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        except BaseException:  # noqa: BLE001 - a KeyboardInterrupt of a fault, too
            failed.by = failed.by or item.nodeid
        if failed.by:
            say("by", failed.by)
            break
    if lines is not None:
        sys.settrace(None)
        say("lines", json.dumps({path: sorted(numbers) for path, numbers in lines.items()}))
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


def options(basetemp: Path, tests: Sequence[str]) -> Iterator[str]:
    """For pytest."""
    yield from ("-q", "-s", "--no-summary", "-p", "no:cacheprovider", "--hypothesis-seed=0", "-m", "not real_obs")
    yield from ("-W", "ignore::pytest.PytestAssertRewriteWarning", f"--basetemp={basetemp}")
    yield from tests
