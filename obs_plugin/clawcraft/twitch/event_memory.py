"""The events an agent has not fetched yet: the newest ones, in memory only, and every gap among them said.

Any thread. The EventSub thread adds; HTTP workers read and wait.
"""

import json
import re
import secrets
import threading
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from clawcraft.clock import Clock, rfc3339

MAX_EVENTS: Final = 1_000
MAX_BYTES: Final = 1 << 20
GAP: Final = "gap"
_CURSOR: Final = re.compile(r"([0-9a-f]{16})\.([0-9]{1,15})\.([0-9]{1,14})")

Entry = dict[str, Any]


class UnknownCursor(ValueError):
    """It is no ``next_cursor`` of an earlier answer."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a cursor says: the life of the service it is from, the last event seen in it, and when that was."""

    life: str
    number: int
    at_ms: int

    def __str__(self) -> str:
        return f"{self.life}.{self.number}.{self.at_ms}"


@dataclass(frozen=True, slots=True)
class Page:
    """Events after a place. ``gap``: something was missed, and an entry of type ``gap`` says what."""

    events: list[Entry]
    next: Place
    gap: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    entry: Entry
    size: int
    at_s: float


class EventMemory:
    """At most MAX_EVENTS entries and MAX_BYTES of JSON, whichever comes first; the oldest give way."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._life = secrets.token_hex(8)
        self._begun_s = clock.time()
        self._changed = threading.Condition()
        self._kept: deque[_Kept] = deque()
        self._bytes = 0
        self._dropped_until_s = 0.0
        self._last = 0
        self.closed = False

    def add(self, entry: Mapping[str, Any]) -> None:
        """Keep an event: its ``type`` and fields, all JSON-safe, clean and short. Its time is now."""
        now_s = self._clock.time()
        self._add({**entry, "at": rfc3339(now_s)}, now_s)

    def add_gap(self, kinds: Iterable[str], from_s: float, to_s: float | None, reason: str, message: str) -> None:
        """Say that events of ``kinds`` between two times (wall clock; None: it goes on) were not heard."""
        now_s = self._clock.time()
        self._add(_gap(from_s, now_s, to_s, reason, message, kinds=list(kinds)), now_s)

    def close(self) -> None:
        """The service stops: whoever waits goes on at once."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def place(self, cursor: str) -> Place:
        """What ``cursor`` says. Raises UnknownCursor."""
        found = _CURSOR.fullmatch(cursor)
        if found is None or (found[1] == self._life and int(found[2]) > self._last):
            raise UnknownCursor
        return Place(found[1], int(found[2]), int(found[3]))

    def page(self, place: Place | None, types: Collection[str], limit: int) -> Page:
        """The oldest ``limit`` events after ``place`` (None: of all that are kept), of these types if any are named.
        Gaps are told whatever is asked for."""
        with self._changed:
            found: list[Entry] = []
            oldest = self._last - len(self._kept)
            after = oldest if place is None else place.number
            if place is not None and (missed := self._missed(place, oldest)) is not None:
                found.append(missed)
                after = oldest
            reached, seen_s = self._last, self._clock.time()
            for number, kept in enumerate(islice(self._kept, after - oldest, None), after + 1):
                if not types or kept.entry["type"] in types or kept.entry["type"] == GAP:
                    if len(found) == limit:
                        reached, seen_s = number - 1, kept.at_s
                        break
                    found.append(kept.entry)
            place = Place(self._life, reached, int(seen_s * 1000))
            return Page(found, place, any(entry["type"] == GAP for entry in found))

    def wait(self, number: int, timeout_s: float) -> bool:
        """Until there is an event after ``number``; false when there is none yet, or the service stops."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or self._last > number, timeout_s)
            return self._last > number and not self.closed

    def _add(self, entry: Entry, now_s: float) -> None:
        size = len(json.dumps(entry))
        with self._changed:
            self._kept.append(_Kept(entry, size, now_s))
            self._bytes += size
            self._last += 1
            while len(self._kept) > MAX_EVENTS or self._bytes > MAX_BYTES:
                dropped = self._kept.popleft()
                self._bytes -= dropped.size
                self._dropped_until_s = dropped.at_s
            self._changed.notify_all()

    def _missed(self, place: Place, oldest: int) -> Entry | None:
        """Under the lock. What lies between ``place`` and the oldest kept event."""
        now_s, from_s = self._clock.time(), place.at_ms / 1000
        if place.life != self._life:
            message = "the service was restarted; what was not fetched before is lost"
            return _gap(from_s, now_s, max(self._begun_s, from_s), "restarted", message)
        if place.number >= oldest:
            return None
        lost = oldest - place.number
        message = f"{lost} events were dropped unread: at most {MAX_EVENTS} are kept, or 1 MB; fetch more often"
        until_s = max(self._dropped_until_s, from_s)
        return _gap(from_s, now_s, until_s, "dropped", message, missed=lost)


def _gap(from_s: float, at_s: float, to_s: float | None, reason: str, message: str, **more: Any) -> Entry:
    until = None if to_s is None else rfc3339(to_s)
    return {
        "type": GAP,
        "at": rfc3339(at_s),
        "from": rfc3339(from_s),
        "to": until,
        "reason": reason,
        "message": message,
        **more,
    }
