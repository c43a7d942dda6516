"""The audit trail in pages, for the streamer to leaf through: older entries, and what came since. HTTP workers.

Each page is read over a connection of its own, so that no agent's request waits behind a long look back.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clawcraft.authority.audit_entries import COLUMNS, LATER, Entry, Kind, Row
from clawcraft.errors import StorageUnavailable

MAX_LIMIT: Final = 500
LOOKED_AT: Final = 10_000
"""Rows for one page, also where a filter finds nothing among them: then the next page goes on."""
NEWEST: Final = 2**62
_CHUNK: Final = 500
_KINDS: Final = ", ".join(f"'{kind}'" for kind in LATER)


@dataclass(frozen=True, slots=True)
class Filter:
    """What is wanted of the entries; an empty field wants everything. ``text`` is looked for in all that is shown."""

    agent: str = ""
    action: str = ""
    kinds: frozenset[str] = frozenset()
    text: str = ""

    def wants(self, row: Row) -> bool:
        """Judged by the first row, which never changes: an entry does not vanish when it ends."""
        return (
            self.agent in ("", row.agent_id)
            and self.action in ("", row.action)
            and (not self.kinds or row.kind in self.kinds)
            and (not self.text or self.text.casefold() in " ".join(map(str, row)).casefold())
        )


@dataclass(frozen=True, slots=True)
class AuditPage:
    """``entries`` newest first, each with its place; ``later`` are rows that belong to entries of other pages. ``more``
    tells whether a further page goes on from ``oldest`` (of older ones) or ``newest``."""

    entries: list[tuple[int, Entry]]
    later: list[Row]
    oldest: int
    newest: int
    more: bool


class AuditPages:
    """``store`` writes what waits, so that a page has it."""

    def __init__(self, path: Path, store: Callable[[], None]) -> None:
        self._path = path
        self._store = store

    def older(self, before: int | None, limit: int, wanted: Filter) -> AuditPage:
        """The newest entries, or those ``before`` a place. Raises StorageUnavailable."""
        with self._reading() as connection:
            newest = connection.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()[0]
            found: list[tuple[int, Row]] = []
            later: dict[str, list[Row]] = {}
            place, looked_at, more = NEWEST if before is None else before, 0, True
            while more and len(found) < limit and looked_at < LOOKED_AT:
                rows = list(_rows(connection, "seq < ? ORDER BY seq DESC LIMIT ?", place, _CHUNK))
                more, looked_at = len(rows) == _CHUNK, looked_at + len(rows)
                for seq, row in rows:
                    place = seq
                    if row.kind in LATER:
                        later.setdefault(row.ref, []).insert(0, row)
                    elif wanted.wants(row):
                        found.append((seq, row))
                        if len(found) == limit:
                            more = True
                            break
            if before is not None:
                self._look_ahead(connection, before, {row.ref for _, row in found if row.kind == Kind.ASKED}, later)
        entries = [(seq, Entry(row, tuple(later.get(row.ref, ())))) for seq, row in found]
        return AuditPage(entries, [], place if found or looked_at else 0, newest, more)

    def newer(self, after: int, limit: int, wanted: Filter) -> AuditPage:
        """What came after a place. Raises StorageUnavailable."""
        with self._reading() as connection:
            rows = list(_rows(connection, "seq > ? ORDER BY seq LIMIT ?", after, limit))
        firsts = {row.ref: (seq, Entry(row)) for seq, row in rows if row.kind not in LATER and wanted.wants(row)}
        later = []
        for _, row in rows:
            if row.kind not in LATER:
                continue
            if row.ref in firsts:
                seq, entry = firsts[row.ref]
                firsts[row.ref] = seq, entry.followed_by(row)
            else:
                later.append(row)
        newest = rows[-1][0] if rows else after
        return AuditPage(list(reversed(firsts.values())), later, after, newest, len(rows) == limit)

    def _look_ahead(
        self, connection: sqlite3.Connection, begin: int, refs: set[str], later: dict[str, list[Row]]
    ) -> None:
        """What came of entries on the page of those that are newer than it: mostly right at its begin."""
        open_refs = refs - {ref for ref, rows in later.items() if any(row.kind == Kind.ENDED for row in rows)}
        ahead = _rows(connection, f"seq >= ? AND kind IN ({_KINDS}) ORDER BY seq LIMIT ?", begin, LOOKED_AT)
        for _, row in ahead:
            if not open_refs:
                return
            if row.ref in open_refs:
                later.setdefault(row.ref, []).append(row)
                if row.kind == Kind.ENDED:
                    open_refs.discard(row.ref)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        self._store()
        try:
            uri = f"{self._path.absolute().as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=2.0)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise StorageUnavailable(f"the audit trail cannot be read: {error}") from error


def _rows(connection: sqlite3.Connection, where: str, *values: Any) -> Iterable[tuple[int, Row]]:
    query = f"SELECT seq, {COLUMNS} FROM entries WHERE {where}"  # noqa: S608 - constants
    for seq, *columns in connection.execute(query, values):
        yield seq, Row(*columns)
