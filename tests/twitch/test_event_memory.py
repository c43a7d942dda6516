"""What is kept of the events, and that everything missing from it is said."""

import json
from typing import Any

import pytest

from clawcraft.clock import rfc3339
from clawcraft.twitch.event_memory import MAX_BYTES, MAX_EVENTS, EventMemory, Page, UnknownCursor
from tests.support.clock import ManualClock


@pytest.fixture
def memory(clock: ManualClock) -> EventMemory:
    return EventMemory(clock)


def fill(memory: EventMemory, count: int, **fields: Any) -> None:
    for number in range(count):
        memory.add({"type": "chat", "text": str(number), **fields})


def texts(page: Page) -> list[str]:
    return [entry["text"] for entry in page.events if entry["type"] == "chat"]


def test_without_a_cursor_everything_kept_comes_oldest_first_and_then_only_what_is_new(memory: EventMemory) -> None:
    fill(memory, 3)
    page = memory.page(None, (), 50)
    assert texts(page) == ["0", "1", "2"]
    assert page.gap is False
    place = memory.place(str(page.next))
    assert memory.page(place, (), 50).events == []
    memory.add({"type": "follow"})
    assert [entry["type"] for entry in memory.page(place, (), 50).events] == ["follow"]


def test_pages_of_any_size_give_each_event_once(memory: EventMemory) -> None:
    fill(memory, 10)
    found, place = [], None
    for limit in (1, 2, 3, 4, 5):
        page = memory.page(place, (), limit)
        place = memory.place(str(page.next))
        found += texts(page)
    assert found == [str(number) for number in range(10)]


def test_other_types_are_passed_over_and_not_looked_at_again(memory: EventMemory) -> None:
    fill(memory, 5)
    memory.add({"type": "raid"})
    fill(memory, 5)
    page = memory.page(None, {"raid"}, 50)
    assert [entry["type"] for entry in page.events] == ["raid"]
    assert page.next.number == 11


def test_at_most_1000_events_are_kept_and_who_was_too_slow_is_told_how_many_are_missing(
    memory: EventMemory, clock: ManualClock
) -> None:
    fill(memory, 1)
    place = memory.page(None, (), 50).next
    seen_at_s = clock.time()
    clock.advance(60)
    fill(memory, 5)
    dropped_at_s = clock.time()
    clock.advance(60)
    fill(memory, MAX_EVENTS)
    page = memory.page(place, (), 200)
    gap, first = page.events[0], page.events[1]
    assert (gap["type"], gap["reason"], gap["missed"]) == ("gap", "dropped", 5)
    assert (gap["from"], gap["to"]) == (rfc3339(seen_at_s), rfc3339(dropped_at_s))
    assert first["text"] == "0"
    assert page.gap is True
    assert len(page.events) == 200
    assert memory.page(page.next, (), 200).gap is False


def test_a_gap_fits_into_the_smallest_page_and_nothing_behind_it_is_lost(memory: EventMemory) -> None:
    fill(memory, 1)
    place = memory.page(None, (), 50).next
    fill(memory, MAX_EVENTS + 1)
    gap = memory.page(place, (), 1)
    assert [entry["type"] for entry in gap.events] == ["gap"]
    assert texts(memory.page(gap.next, (), 2)) == ["1", "2"]


def test_at_most_a_megabyte_is_kept(memory: EventMemory) -> None:
    fill(memory, 900, more="x" * 4_000)
    kept = memory.page(None, (), 1_000).events
    assert 200 < len(kept) < 262
    assert len(json.dumps(kept)) <= MAX_BYTES + 2 * len(kept)


def test_a_cursor_of_the_life_before_is_told_of_the_restart(memory: EventMemory, clock: ManualClock) -> None:
    fill(memory, 700)
    before = str(memory.page(None, (), 1_000).next)
    seen_at_s = clock.time()
    clock.advance(30)
    again = EventMemory(clock)
    begun_s = clock.time()
    clock.advance(30)
    again.add({"type": "chat", "text": "new"})
    page = again.page(again.place(before), (), 50)
    assert [entry["type"] for entry in page.events] == ["gap", "chat"]
    gap = page.events[0]
    assert (gap["reason"], gap["from"], gap["to"]) == ("restarted", rfc3339(seen_at_s), rfc3339(begun_s))
    assert again.page(page.next, (), 50) == Page([], page.next, False)


@pytest.mark.parametrize("cursor", ["", "1", "x" * 200, "0123456789abcdef.1", "0123456789ABCDEF.1.1", "../../etc"])
def test_what_is_no_cursor_is_refused(memory: EventMemory, cursor: str) -> None:
    with pytest.raises(UnknownCursor):
        memory.place(cursor)


def test_a_cursor_that_this_life_never_gave_is_refused(memory: EventMemory) -> None:
    fill(memory, 1)
    life = memory.page(None, (), 1).next.life
    with pytest.raises(UnknownCursor):
        memory.place(f"{life}.2.0")


def test_a_gap_is_told_whatever_types_are_asked_for(memory: EventMemory, clock: ManualClock) -> None:
    memory.add_gap(["chat"], clock.time() - 5, clock.time(), "connection_lost", "why")
    page = memory.page(None, {"raid"}, 50)
    assert [entry["type"] for entry in page.events] == ["gap"]
    assert page.gap is True
