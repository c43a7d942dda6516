"""``GET /events``: what was heard after a cursor, at once if there is anything, else as soon as there is.

Called on HTTP workers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clawcraft.clock import Clock
from clawcraft.http import query
from clawcraft.jobs.slots import Slots
from clawcraft.twitch.event_memory import GAP, Page, UnknownCursor
from clawcraft.twitch.hearing import OFF, Hearing
from clawcraft.twitch.notifications import EVENT_TYPES


@dataclass(frozen=True, slots=True)
class Asked:
    """The query's parameters, checked as far as they can be without the events."""

    cursor: str | None
    types: frozenset[str]
    wait_s: float
    limit: int

    @classmethod
    def of(cls, values: dict[str, str]) -> "Asked":
        """Raises InvalidRequest."""
        types = frozenset(values["types"].split(",")) if "types" in values else frozenset()
        for unknown in sorted(types - {*EVENT_TYPES, GAP}):
            query.one_of({"types": unknown}, "types", (*EVENT_TYPES, GAP))
        return cls(values.get("cursor"), types, query.wait_s(values), query.limit(values))


def answer(
    hearing: Hearing,
    asked: Asked,
    slots: Slots,
    holder: str,
    clock: Clock,
    client_gone: Callable[[], bool],
    look_every_s: float,
) -> dict[str, Any]:
    """The body. While nothing is heard at all, nobody waits for it. Raises InvalidRequest."""
    memory = hearing.memory
    try:
        place = None if asked.cursor is None else memory.place(asked.cursor)
    except UnknownCursor:
        raise query.refusal("cursor", "pattern", "is not a next_cursor from an earlier answer") from None
    page = memory.page(place, asked.types, asked.limit)
    if page.events or not asked.wait_s or not hearing.enabled:
        return _body(hearing, page)
    with slots.waiting(holder) as granted:
        until_s = clock.monotonic() + asked.wait_s
        while granted and not page.events and not memory.closed and hearing.enabled and not client_gone():
            slice_s = min(look_every_s, until_s - clock.monotonic())
            if slice_s <= 0:
                break
            memory.wait(page.next.number, slice_s)
            page = memory.page(page.next, asked.types, asked.limit)
    return _body(hearing, page)


def _body(hearing: Hearing, page: Page) -> dict[str, Any]:
    status = hearing.status()
    return {
        "ok": True,
        "enabled": status["enabled"],
        "connected": status["connected"],
        "problem": status["problem"] if status["enabled"] else OFF,
        "events": page.events,
        "next_cursor": str(page.next),
        "gap": page.gap,
    }
