"""A program that a test runs and whose output it follows."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.paths import OBS_PLUGIN, ROOT
from tests.support.waiting import HANG_S


def killed_after(folder: Path, program: str, lines: int) -> list[str]:
    """The first ``lines`` that Python prints for this program, whose argument is ``folder``; it is killed right then,
    without a chance to tidy up."""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"PYTHONPATH": f"{OBS_PLUGIN}:{ROOT}"},
    ) as process:
        assert process.stdout is not None
        try:
            return [process.stdout.readline().strip() for _ in range(lines)]
        finally:
            process.kill()


class Process:
    """A program whose output is followed line by line, so that a test can wait for a line instead of sleeping."""

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._popen = subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            pass_fds=pass_fds,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, name=f"output of {command[0]}")
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as output:
            for raw in output:
                with self._news:
                    self._lines.append(raw.decode(errors="replace").rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def lines(self) -> list[str]:
        with self._news:
            return list(self._lines)

    def mark(self) -> int:
        """The place in the output now, to wait for lines after it."""
        return len(self.lines())

    def wait_for_line(self, pattern: str, after: int = 0, within_s: float = HANG_S) -> str:
        """The first line that ``pattern`` is found in, from line ``after`` on."""
        wanted = re.compile(pattern)

        def found() -> list[str]:
            return [line for line in self._lines[after:] if wanted.search(line)]

        with self._news:
            self._news.wait_for(lambda: found() or self._ended, within_s)
            if lines := found():
                return lines[0]
            state = "ended without" if self._ended else f"no line within {within_s} s:"
            raise TimeoutError("\n".join([f"{state} {pattern!r}; last lines:", *self._lines[-30:]]))

    def wait(self, within_s: float = HANG_S) -> int:
        """Its exit status, once it has ended by itself."""
        status = self._popen.wait(within_s)
        self._reader.join(HANG_S)
        return status

    def signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, number)

    def kill(self) -> None:
        """SIGKILL to it and its children."""
        self.signal_group(signal.SIGKILL)
        self.wait()
