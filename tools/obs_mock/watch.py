"""Watches over the process while a script runs in it: its standard streams, its threads, its modules."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, TextIO

from obs_mock.system import ScriptLog


class ScriptStream:
    """sys.stdout or sys.stderr inside OBS: lines for the script log. Anything on stderr opens its window.

    ``ensure`` puts it back where something else replaced it: pytest does, between the phases of a test.
    """

    encoding = "utf-8"

    def __init__(self, name: str, on_line: Callable[[str], None]) -> None:
        self._name = name
        self._on_line = on_line
        self._rest = ""
        self._before: TextIO | None = None

    def ensure(self) -> None:
        current = getattr(sys, self._name)
        if current is not self:
            self._before = current
            setattr(sys, self._name, self)

    def restore(self) -> None:
        self._end_line()
        if getattr(sys, self._name) is self:
            setattr(sys, self._name, self._before)

    def write(self, text: str) -> int:
        *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            self._on_line(line)
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False

    def _end_line(self) -> None:
        rest, self._rest = self._rest, ""
        if rest:
            self._on_line(rest)


class Threads:
    """Which threads the script started, directly or through a thread of its own."""

    def __init__(self, is_script: Callable[[], bool]) -> None:
        self._is_script = is_script
        self._lock = threading.Lock()
        self._started: list[threading.Thread] = []

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        start = threading.Thread.start

        def watched_start(thread: threading.Thread) -> None:
            if self._is_script() or threading.current_thread() in self._started:
                with self._lock:
                    # Those that have ended are let go of: a script starts thousands in a long show.
                    self._started = [each for each in self._started if each.ident is None or each.is_alive()]
                    self._started.append(thread)
            start(thread)

        threading.Thread.start = watched_start  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            threading.Thread.start = start  # type: ignore[method-assign]

    def left(self, grace_s: float) -> list[str]:
        """Those that still run, after at most so long in all."""
        with self._lock:
            started = list(self._started)
        deadline = time.monotonic() + grace_s
        for thread in started:
            thread.join(max(0.0, deadline - time.monotonic()))
        return [thread.name for thread in started if thread.is_alive()]


@contextlib.contextmanager
def modules_of(folder: Path) -> Iterator[None]:
    """Forget what the script imported from its folder, and bring back what it dropped: a process that ends."""
    before, path = dict(sys.modules), list(sys.path)
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            if before.get(name) is not module and _inside(module, folder):
                del sys.modules[name]
        for name, module in before.items():
            sys.modules.setdefault(name, module)
        sys.path[:] = path


def _inside(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and Path(file).is_relative_to(folder)


@contextlib.contextmanager
def hooks(report: Callable[[str], Any]) -> Iterator[None]:
    """Exceptions that end a thread or nobody can raise: Python prints them to stderr, OBS opens its window."""
    thread_hook, unraisable_hook = threading.excepthook, sys.unraisablehook

    def in_thread(args: threading.ExceptHookArgs) -> None:
        name = args.thread.name if args.thread is not None else "?"
        report(f"stderr: exception in thread {name!r}: {_short(args.exc_type, args.exc_value, args.exc_traceback)}")

    def unraisable(args: "sys.UnraisableHookArgs") -> None:
        report(f"stderr: exception nobody can raise: {_short(args.exc_type, args.exc_value, args.exc_traceback)}")

    threading.excepthook, sys.unraisablehook = in_thread, unraisable
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = thread_hook, unraisable_hook


def _short(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> str:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    return f"{kind.__name__}: {error}{place}"


def script_streams(log: ScriptLog) -> tuple[ScriptStream, ScriptStream]:
    return ScriptStream("stdout", log.info), ScriptStream("stderr", lambda line: log.error(f"stderr: {line}", line))
