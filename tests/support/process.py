"""A program that a test runs and whose output it follows."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

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

    _all: ClassVar["weakref.WeakSet[Process]"] = weakref.WeakSet()

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
        self._killed_in = ""
        self._reader = threading.Thread(target=self._read, name=f"output of {command[0]}")
        self._reader.start()
        self._name = f"{Path(command[0]).name} ({self.pid})"
        self._all.add(self)

    @classmethod
    def forget_ended(cls) -> None:
        """``evidence`` is of those that run now, and of those to come."""
        for process in [process for process in cls._all if not process.running]:
            cls._all.discard(process)

    @classmethod
    def evidence(cls, lines: int) -> Iterator[tuple[str, str]]:
        """Of each: its name, and what it said last. For the report of a test that failed."""
        for process in list(cls._all):
            yield process._name, "\n".join([*process.lines()[-lines:], process._killed_in or process._state()])

    def _state(self) -> str:
        """Whether it runs, and what its first thread waits for."""
        if not self.running:
            return f"(it ended: {self._popen.returncode})"
        with contextlib.suppress(OSError):
            of_thread = Path(f"/proc/{self.pid}/task/{self.pid}")
            state = (of_thread / "stat").read_text().rpartition(")")[2].split()[0]
            return f"(it runs; its first thread: {state} {(of_thread / 'wchan').read_text()})"
        return "(it runs)"

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
        self._killed_in = self._killed_in or self._state()
        self.signal_group(signal.SIGKILL)
        self.wait()
