"""The audit trail in pages: nothing twice, nothing left out, and each entry with what came of it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from clawcraft.authority.audit_entries import INSERT, MIGRATIONS, Kind, Row, dump
from clawcraft.authority.audit_pages import AuditPages, Filter
from clawcraft.errors import StorageUnavailable

EVERYTHING = Filter()


@pytest.fixture
def trail(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "audit.sqlite3", isolation_level=None)) as connection:
        for statement in MIGRATIONS[0]:
            connection.execute(statement)
        yield connection


@pytest.fixture
def pages(tmp_path: Path) -> AuditPages:
    return AuditPages(tmp_path / "audit.sqlite3", lambda: None)


def add(trail: sqlite3.Connection, ref: str, kind: Kind, outcome: str, action: str | None = None) -> None:
    details = dump({"args": {"title": f"Title of {ref}"}} if kind is Kind.ASKED else {})
    agent = "producer" if kind is Kind.ASKED else None
    trail.execute(INSERT, Row(ref, 1_700_000_000.0, kind, outcome, details, agent, None, action))


def ask(trail: sqlite3.Connection, ref: str, action: str = "twitch.set_title") -> None:
    add(trail, ref, Kind.ASKED, "allowed", action)


def end(trail: sqlite3.Connection, ref: str, outcome: str = "updated") -> None:
    add(trail, ref, Kind.ENDED, outcome)


def test_older_pages_follow_each_other_with_every_outcome(trail: sqlite3.Connection, pages: AuditPages) -> None:
    for number in range(25):
        ask(trail, f"run_{number}")
        if number:
            end(trail, f"run_{number - 1}")  # on the page of the next one
    found, before = [], None
    while True:
        page = pages.older(before, 10, EVERYTHING)
        found += [(entry.first.ref, entry.outcome) for _, entry in page.entries]
        if not page.more:
            break
        before = page.oldest
    outcomes = [("run_24", ""), *((f"run_{number}", "updated") for number in reversed(range(24)))]
    assert found == outcomes


def test_what_came_since_is_new_entries_and_rows_of_known_ones(trail: sqlite3.Connection, pages: AuditPages) -> None:
    ask(trail, "old")
    seen = pages.older(None, 10, EVERYTHING).newest
    add(trail, "old", Kind.DECIDED, "allowed")
    end(trail, "old")
    ask(trail, "new")
    end(trail, "new")
    page = pages.newer(seen, 10, EVERYTHING)
    assert [(entry.first.ref, entry.outcome) for _, entry in page.entries] == [("new", "updated")]
    assert [(row.ref, row.kind) for row in page.later] == [("old", "decided"), ("old", "ended")]
    assert not page.more
    first = pages.newer(seen, 3, EVERYTHING)
    assert first.more
    rest = pages.newer(first.newest, 3, EVERYTHING)
    assert [row.ref for row in rest.later] == ["new"]
    assert pages.newer(rest.newest, 3, EVERYTHING).newest == rest.newest


def test_a_filter_finds_what_lies_far_back_page_by_page(trail: sqlite3.Connection, pages: AuditPages) -> None:
    ask(trail, "needle", "twitch.raid")
    end(trail, "needle", "raided")
    trail.execute("BEGIN")
    for number in range(12_000):
        ask(trail, f"run_{number}")
    trail.execute("COMMIT")
    wanted = Filter(action="twitch.raid")
    first = pages.older(None, 10, wanted)
    assert (first.entries, first.more) == ([], True)
    (found,) = pages.older(first.oldest, 10, wanted).entries
    assert (found[1].first.ref, found[1].outcome) == ("needle", "raided")
    assert pages.older(first.oldest, 10, Filter(text="TITLE of Needle")).entries == [found]
    assert pages.older(first.oldest, 10, Filter(agent="nobody")).entries == []
    assert pages.older(first.oldest, 10, Filter(kinds=frozenset({Kind.COUNTED}))).entries == []


def test_an_empty_trail_is_an_empty_page_and_none_is_told(trail: sqlite3.Connection, tmp_path: Path) -> None:
    page = AuditPages(tmp_path / "audit.sqlite3", lambda: None).older(None, 10, EVERYTHING)
    assert (page.entries, page.newest, page.more) == ([], 0, False)
    with pytest.raises(StorageUnavailable):
        AuditPages(tmp_path / "none.sqlite3", lambda: None).older(None, 10, EVERYTHING)
