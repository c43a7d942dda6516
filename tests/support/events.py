"""The log of tests."""

import threading
from typing import Any

from clawcraft.telemetry.events import EventLog
from tests.support.waiting import HANG_S


class RecordedEvents(EventLog):
    """Keeps what it is told. Any thread."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, dict[str, Any]]] = []
        self._added = threading.Condition()

    def event(self, name: str, /, **fields: Any) -> None:
        with self._added:
            self.entries.append((name, fields))
            self._added.notify_all()

    def names(self) -> list[str]:
        return [name for name, _fields in self.entries]

    def named(self, name: str) -> list[dict[str, Any]]:
        """The fields of each such event."""
        return [fields for each, fields in self.entries if each == name]

    def wait_for(self, name: str, number: int = 1) -> None:
        """Until it was told that often. Raises TimeoutError with what it was told instead."""
        with self._added:
            if not self._added.wait_for(lambda: self.names().count(name) >= number, HANG_S):
                raise TimeoutError(f"{name} was not told {number} times: {self.entries}")
