"""The panel's slow steps, which run the project's own tools. What the panel writes does not queue behind them."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from clawcraft.dependencies import PLUGIN_FOLDER
from clawcraft.panel.interpreter import PROBE_TIMEOUT_S, child_environment, find_interpreter, no_window
from clawcraft.panel.steps import Steps

TOOLS_FOLDER: Final = PLUGIN_FOLDER.parent / "tools"
INSTALLER: Final = "install.py"
OTHER_COLLECTIONS: Final = "other_collections.py"


class Background:
    """``submit`` from the UI thread; ``stop`` and ``join`` end the thread and the program it may be running."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._steps = Steps("clawcraft-panel-tools", log)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._closing = False

    def submit(self, step: Callable[[], object]) -> None:
        """UI thread. Run ``step`` when those before it are done."""
        self._steps.submit(step)

    def stop(self) -> None:
        """UI thread. Drop the steps that have not begun, and kill a program that runs."""
        self._steps.drop()
        with self._lock:
            self._closing = True
            if self._process is not None:
                _kill(self._process)

    def join(self, timeout_s: float) -> None:
        """UI thread, after ``stop``."""
        self._steps.close(timeout_s)

    def run_tool(
        self, name: str, *arguments: str, progress: Callable[[str], None] = lambda _line: None
    ) -> tuple[int, list[str]]:
        """On this thread: run ``tools/name`` in a Python process of its own. ``progress`` gets each line; returns the
        exit status and all lines. Raises OSError if it cannot be started."""
        interpreter = find_interpreter(self._output)
        if interpreter is None:
            raise OSError(f"no Python program (3.11 or newer) was found to run tools/{name} with")
        with self._started([str(interpreter), str(TOOLS_FOLDER / name), *arguments]) as process:
            lines = []
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip())
                progress(lines[-1])
            return process.wait(), lines

    def _output(self, command: Sequence[str]) -> str:
        with self._started(command) as process:
            return process.communicate(timeout=PROBE_TIMEOUT_S)[0]

    @contextlib.contextmanager
    def _started(self, command: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(  # noqa: S603 - our own tool with our own arguments
            command,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            creationflags=no_window(),
            start_new_session=True,
        )
        with self._lock:  # not around the start of a program: the UI thread takes it
            self._process = process
            if self._closing:
                _kill(process)
        try:
            with process:
                try:
                    yield process
                except BaseException:
                    _kill(process)
                    raise
        finally:
            with self._lock:
                self._process = None


def _kill(process: subprocess.Popen[str]) -> None:
    """The program and what it started: pip would go on writing."""
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
