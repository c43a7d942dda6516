"""The panel's slow steps, one after the other, on a thread of their own, so that OBS's UI thread never waits."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from clawcraft.dependencies import PLUGIN_FOLDER
from clawcraft.panel.interpreter import PROBE_TIMEOUT_S, child_environment, find_interpreter, no_window

TOOLS_FOLDER: Final = PLUGIN_FOLDER.parent / "tools"
INSTALLER: Final = "install.py"
OTHER_COLLECTIONS: Final = "other_collections.py"


class Background:
    """``submit`` from the UI thread; ``close`` ends the thread and the program it may be running."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._steps: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._closing = False

    def submit(self, step: Callable[[], object]) -> None:
        """UI thread. Run ``step`` when those before it are done."""
        self._steps.put(step)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="clawcraft-panel", daemon=True)
            self._thread.start()

    def close(self, timeout_s: float) -> None:
        """UI thread. Drop the steps that have not begun, kill a program that runs, and join."""
        with self._lock:
            self._closing = True
            if self._process is not None:
                _kill(self._process)
        self._steps.put(None)
        if self._thread is not None:
            self._thread.join(timeout_s)

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

    def _run(self) -> None:
        while True:
            step = self._steps.get()
            if step is None or self._closing:
                return
            try:
                step()
            except Exception as error:  # noqa: BLE001 - a traceback on stderr opens a window in OBS
                self._log(f"panel: {type(error).__name__}: {error}")


def _kill(process: subprocess.Popen[str]) -> None:
    """The program and what it started: pip would go on writing."""
    if sys.platform == "win32":
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
