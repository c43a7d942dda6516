"""The service's log: one JSON line for each event in a rotating file, and short lines for OBS's script log.

``event`` only queues; a thread of the log's own puts the lines into words and writes them.
"""

import contextlib
import io
import json
import logging
import logging.handlers
import os
import queue
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from clawcraft.clock import Clock, rfc3339
from clawcraft.files import private_folder
from clawcraft.telemetry.events import EventLog, Happened

FILE_NAME: Final = "service.log"
MAX_BYTES: Final = 2 * 1024 * 1024
FILES: Final = 5
MAX_PENDING: Final = 2_000
"""More than a second's requests; few enough that close() has time to write them."""
MAX_TEXT: Final = 500
MAX_TRACEBACK: Final = 16_000
BATCH_S: Final = 0.02
OBS_LINES: Final = 20
OBS_WINDOW_S: Final = 4.0
OBS_MANY: Final = 500
OBS_LONG_WINDOW_S: Final = 600.0
"""For each line OBS lays the whole text of its script log out anew, on its UI thread, and keeps it for good: 1 ms at
500 lines, 16 ms at 8,000. From OBS_MANY lines on the window is that long, and requests are in the file alone."""
CLOSE_TIMEOUT_S: Final = 1.0
LIBRARY_LOGGERS: Final = ("clawcraft", "waitress", "urllib3", "requests")

_ENCODER: Final = json.JSONEncoder(default=str, allow_nan=False)
_IDS: Final = ("action", "request_id", "job_id", "agent_id", "mission_id", "correlation_id")
_TELLTALES: Final = ("bearer", "oauth", "token", "secret", "device_code")
_CREDENTIAL: Final = re.compile(
    r"(?i)(\b(?:bearer|oauth)[ :]+(?=\S{16})"
    r"""|(?:token|secret|device_code)(?:["']\s*:\s*|\s?=\s?)["']?)"""
    r"""[^\s"'&,;}]+"""
)
_PATH: Final = re.compile(r"(https?://[^\s/?#)'\"]+)[/?#][^\s)'\"]*")


class _Event(NamedTuple):
    at_s: float
    name: str
    fields: dict[str, Any]


class ServiceLog(EventLog):
    """Writes ``folder/service.log``; ``obs_line`` gets the short lines, at most OBS_LINES in a window.

    Takes over the loggers of the libraries until ``close``: without a handler Python would print their warnings to
    stderr, and OBS opens its script log window over the streamer's screen for anything on stderr.
    """

    def __init__(self, folder: Path, obs_line: Callable[[str], None], clock: Clock) -> None:
        self.path = folder / FILE_NAME
        self.last_error: Happened | None = None
        self._clock = clock
        # Not QueueListener: it wakes for each record, and its stop() waits for a stuck disk without a deadline.
        self._pending: queue.SimpleQueue[_Event | None] = queue.SimpleQueue()
        self._lost = 0
        self._lost_lock = threading.Lock()
        self._closing = threading.Event()
        self._file = _RotatingFile(self.path)
        self._obs = _ObsLines(obs_line, clock, self.path)
        self._takeover = _Takeover(self)
        self._thread = threading.Thread(target=self._write, name="clawcraft-log", daemon=True)
        self._thread.start()

    def event(self, name: str, /, **fields: Any) -> None:
        """See EventLog. Texts are cut, credentials in them blanked."""
        if self._closing.is_set():
            return
        event = _Event(self._clock.time(), name, fields)
        if self._pending.qsize() < MAX_PENDING:
            self._pending.put(event)
        else:
            with self._lost_lock:
                self._lost += 1
        if name in ("request", "job"):
            self._remember(event)

    def close(self) -> None:
        """Write what is pending, end the thread, give the loggers back. Idempotent."""
        if self._closing.is_set():
            return
        deadline_s = time.monotonic() + CLOSE_TIMEOUT_S
        self._takeover.restore()
        self._closing.set()
        self._pending.put(None)
        self._thread.join(max(0.0, deadline_s - time.monotonic()))

    def _remember(self, event: _Event) -> None:
        fields = event.fields
        if fields.get("code") or fields.get("status") == "failed":
            outcome = fields.get("code") or fields.get("outcome")
            action, agent = str(fields.get("action") or ""), str(fields.get("agent_id") or "")
            self.last_error = Happened(event.at_s, action, agent, str(outcome))

    def _write(self) -> None:
        closing, obs_due_s = False, None
        while not closing:
            events: list[_Event] = []
            with contextlib.suppress(queue.Empty):
                event = self._pending.get(timeout=obs_due_s)
                # One write for many events: waking this thread for each would cost the requests dear.
                closing = self._closing.wait(BATCH_S)
                while True:
                    if event is None:  # close() began after the wait, and there is no second None to end the next one
                        closing = True
                    else:
                        events.append(event)
                    event = self._pending.get_nowait()
            worded = [_worded(event) for event in events]
            lines = [line for line, _ in worded]
            with self._lost_lock:
                lost, self._lost = self._lost, 0
            if lost:
                lines.append(json.dumps({"event": "log_overflow", "lines_lost": lost}))
            if lines:
                self._file.write(lines)
            for event, (_, short) in zip(events, worded, strict=True):
                if short is not None:
                    self._obs.show(short, is_request=event.name == "request")
            obs_due_s = self._obs.next_window(at_once=closing)


class _RotatingFile(logging.handlers.RotatingFileHandler):
    """Never raises, never prints: a full disk or a vanished folder costs the lines and nothing else. The log's thread
    only."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, files: int = FILES) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=files - 1, encoding="ascii", delay=True)

    def write(self, lines: list[str]) -> None:
        """Append whole lines. The file is open only meanwhile, so that whoever moves it or its folder loses nothing."""
        self.emit(logging.makeLogRecord({"msg": "\n".join(lines)}))
        with contextlib.suppress(OSError):
            self.close()

    def doRollover(self) -> None:
        try:
            super().doRollover()
        except OSError:
            # On Windows a file somebody reads cannot be renamed. The newest lines matter more than the oldest.
            Path(self.baseFilename).write_bytes(b"")

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing: logging would print to stderr."""

    def _open(self) -> io.TextIOWrapper:
        """0600: chat messages and titles are the streamer's own business."""
        private_folder(Path(self.baseFilename).parent)
        handle = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(handle, "a", encoding=self.encoding)


class _ObsLines:
    """At most OBS_LINES to OBS in a window, then the number left out. The log's thread only."""

    def __init__(self, obs_line: Callable[[str], None], clock: Clock, path: Path) -> None:
        self._obs_line = obs_line
        self._clock = clock
        self._path = path
        self._shown = self._left_out = self._said = 0
        self._since_s = clock.monotonic()

    def show(self, line: str, *, is_request: bool = False) -> None:
        if self._shown < OBS_LINES and not (is_request and self._said >= OBS_MANY):
            self._shown += 1
            self._say(line)
        else:
            self._left_out += 1

    def next_window(self, *, at_once: bool) -> float | None:
        """Begin another if it is time, or ``at_once``; how long until something is to be said, None if nothing is."""
        window_s = OBS_WINDOW_S if self._said < OBS_MANY else OBS_LONG_WINDOW_S
        due_s = self._since_s + window_s - self._clock.monotonic()
        if due_s <= 0 or at_once:
            if self._left_out:
                self._say(f"{self._left_out} more lines are only in {self._path}")
            self._shown = self._left_out = 0
            self._since_s = self._clock.monotonic()
        return due_s if self._left_out else None

    def _say(self, line: str) -> None:
        self._said += 1
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
        if record.name.startswith("urllib3"):  # it names what was called, and the path of a webhook is its key
            message, trace = _without_paths(message), _without_paths(trace) if trace else None
        self._log.event("library", logger=record.name, level=record.levelname, message=message, traceback=trace)

    def restore(self) -> None:
        for logger, propagate in self._before:
            logger.removeHandler(self)
            logger.propagate = propagate
        self._before = []


def scrubbed(text: str) -> str:
    """``text`` with whatever looks like a credential blanked."""
    lowered = text.lower()
    if not any(word in lowered for word in _TELLTALES):  # most texts, and the pattern takes three times as long
        return text
    return _CREDENTIAL.sub(r"\1***", text)


def _without_paths(text: str) -> str:
    return _PATH.sub(r"\1/***", text)


def _worded(event: _Event) -> tuple[str, str | None]:
    """The line for the file and, if it gets one, that for OBS."""
    try:
        line = _ENCODER.encode({"time": rfc3339(event.at_s), "event": event.name, **_clean(event.fields)})
        return line, _short(event.name, event.fields)
    except Exception as error:  # noqa: BLE001 - a field that cannot be written must not end the log
        return json.dumps({"event": "log_failed", "of": event.name, "error": type(error).__name__}), None


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
