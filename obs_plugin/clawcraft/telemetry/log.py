"""The service's log: one JSON line for each event in a rotating file, and short lines for OBS's script log.

``event`` may be called from any thread, never blocks on the disk and never raises: a thread of the log's own writes.
"""

import contextlib
import json
import logging
import re
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from clawcraft.clock import Clock, rfc3339
from clawcraft.telemetry.files import RotatingLines

FILE_NAME: Final = "service.log"
MAX_PENDING: Final = 5_000
MAX_TEXT: Final = 500
MAX_TRACEBACK: Final = 16_000
BATCH_S: Final = 0.02
OBS_LINES_PER_S: Final = 5
OBS_BURST: Final = 20
CLOSE_TIMEOUT_S: Final = 1.0
LIBRARY_LOGGERS: Final = ("clawcraft", "waitress", "urllib3", "requests")

_ENCODER: Final = json.JSONEncoder(default=str, allow_nan=False)
_IDS: Final = ("action", "request_id", "job_id", "agent_id", "mission_id", "correlation_id")
_CREDENTIAL: Final = re.compile(
    r"(?i)(\b(?:bearer|oauth)[ :]+(?=\S{16})"
    r"""|(?:token|secret|device_code)(?:["']\s*:\s*|\s?=\s?)["']?)"""
    r"""[^\s"'&,;}]+"""
)


class ServiceLog:
    """Writes ``folder/service.log``; ``obs_line`` gets the short lines, at most 5 a second.

    Takes over the loggers of the libraries until ``close``: without a handler Python would print their warnings to
    stderr, and OBS opens its script log window over the streamer's screen for anything on stderr.
    """

    def __init__(self, folder: Path, obs_line: Callable[[str], None], clock: Clock) -> None:
        self.path = folder / FILE_NAME
        self._lines = RotatingLines(self.path)
        self._obs_line = obs_line
        self._clock = clock
        self._pending: deque[tuple[bytes, str | None]] = deque()
        self._dropped = 0
        self._closed = False
        self._changed = threading.Condition()
        self._obs = _ObsLines(obs_line, clock, self.path)
        self._takeover = _Takeover(self)
        self._thread = threading.Thread(target=self._write, name="clawcraft-log", daemon=True)
        self._thread.start()

    def event(self, name: str, /, **fields: Any) -> None:
        """Record one event. Fields that are None are left out; texts are cut, credentials in them blanked."""
        try:
            line = _ENCODER.encode({"time": rfc3339(self._clock.time()), "event": name, **_clean(fields)})
            entry = (line.encode("ascii") + b"\n", _short(name, fields))
        except Exception as error:  # noqa: BLE001 - a field that cannot be written must not fail the request
            entry = (
                json.dumps({"event": "log_failed", "of": name, "error": type(error).__name__}).encode() + b"\n",
                None,
            )
        with self._changed:
            if self._closed:
                return
            if len(self._pending) >= MAX_PENDING:
                self._dropped += 1
                return
            self._pending.append(entry)
            if len(self._pending) == 1:
                self._changed.notify()

    def close(self) -> None:
        """Write what is pending, end the thread, give the loggers back. Idempotent."""
        self._takeover.restore()
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(CLOSE_TIMEOUT_S)

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closed, self._obs.summary_due_s())
                if not self._closed:
                    # One write for many events: waking this thread for each would cost the requests dear.
                    self._changed.wait_for(lambda: self._closed, BATCH_S)
                entries, self._pending = self._pending, deque()
                dropped, self._dropped = self._dropped, 0
                closed = self._closed
            if dropped:
                entries.append((json.dumps({"event": "log_overflow", "lines_lost": dropped}).encode() + b"\n", None))
            # A full disk or a vanished folder costs the lines, not the service.
            with contextlib.suppress(OSError):
                if entries:
                    self._lines.write(b"".join(line for line, _ in entries))
            for _, short in entries:
                if short is not None:
                    self._obs.show(short)
            if closed:
                self._obs.summarise()
                self._lines.close()
                return
            self._obs.tick()


class _ObsLines:
    """At most OBS_LINES_PER_S lines a second to OBS, then the number left out. The log's thread only."""

    def __init__(self, obs_line: Callable[[str], None], clock: Clock, path: Path) -> None:
        self._obs_line = obs_line
        self._clock = clock
        self._path = path
        self._room = float(OBS_BURST)
        self._at_s = clock.monotonic()
        self._left_out = 0

    def show(self, line: str) -> None:
        self._refill()
        if self._left_out or self._room < 1:
            self._left_out += 1
            return
        self._room -= 1
        self._say(line)

    def tick(self) -> None:
        self._refill()
        if self._room >= OBS_BURST / 2:
            self.summarise()

    def summary_due_s(self) -> float | None:
        return 1.0 if self._left_out else None

    def summarise(self) -> None:
        if self._left_out:
            self._say(f"{self._left_out} more lines are only in {self._path}")
            self._left_out = 0

    def _refill(self) -> None:
        now_s = self._clock.monotonic()
        self._room = min(float(OBS_BURST), self._room + (now_s - self._at_s) * OBS_LINES_PER_S)
        self._at_s = now_s

    def _say(self, line: str) -> None:
        with contextlib.suppress(Exception):
            self._obs_line(line)


class _Takeover(logging.Handler):
    """Leads the libraries' warnings into the log, until ``restore``."""

    def __init__(self, log: ServiceLog) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._before = []
        for name in LIBRARY_LOGGERS:
            logger = logging.getLogger(name)
            self._before.append((logger, logger.propagate))
            logger.addHandler(self)
            logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
            trace = None
            if record.exc_info:
                trace = logging.Formatter().formatException(record.exc_info)
        except Exception:  # noqa: BLE001 - logging would print it to stderr
            message, trace = str(record.msg), None
        self._log.event("library", logger=record.name, level=record.levelname, message=message, traceback=trace)

    def restore(self) -> None:
        for logger, propagate in self._before:
            logger.removeHandler(self)
            logger.propagate = propagate
        self._before = []


def scrubbed(text: str) -> str:
    """``text`` with whatever looks like a credential blanked."""
    return _CREDENTIAL.sub(r"\1***", text)


def _clean(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: _clean_value(value, name == "traceback") for name, value in fields.items() if value is not None}


def _clean_value(value: Any, keep_end: bool = False) -> Any:
    if isinstance(value, str):
        # The end of a traceback tells more than its beginning.
        return scrubbed(value[-MAX_TRACEBACK:] if keep_end else value[:MAX_TEXT])
    if isinstance(value, dict):
        return {str(name): _clean_value(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean_value(inner) for inner in value]
    return value


def _short(name: str, fields: dict[str, Any]) -> str | None:
    """The line for OBS, None for what only the file has: requests that merely read and succeeded."""
    status = fields.get("status")
    if name == "request":
        failed = isinstance(status, int) and status >= 400
        if not failed and fields.get("method") != "POST":
            return None
        words = [f"{fields.get('method')} {fields.get('path')}", str(status), fields.get("code")]
        words.append(f"{fields.get('duration_ms')} ms")
    elif name in ("library", "log_failed"):
        return None
    elif name == "incident":
        words = ["unexpected error", f"incident {fields.get('incident_id')}", "see service.log"]
    else:
        words = [name, status, fields.get("outcome"), fields.get("message")]
    words += [f"{key}={fields[key]}" for key in _IDS if fields.get(key) is not None]
    text = scrubbed(" ".join(str(word) for word in words if word is not None))[:MAX_TEXT]
    # One line is one line: nothing an agent sends may start another or colour a terminal.
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "?" for letter in text)
