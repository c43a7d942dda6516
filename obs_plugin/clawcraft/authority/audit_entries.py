"""How the audit trail lies in its file, and what is read from it: rows that only ever follow, merged into entries.

An entry is its first row, and the rows that came later with the same ``ref``. No state; ``tools/audit.py`` reads here
too, so nothing but the standard library is needed.
"""

import json
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

from clawcraft.clock import rfc3339

FILE_NAME: Final = "audit.sqlite3"
SERVICE_TOKEN: Final = "service token"
"""The holder of ``TOOL_SERVICE_TOKEN``."""
STARTED: Final = "started"
_PAGE: Final = 500
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Kind(StrEnum):
    """What a row says.

    ASKED: an agent's request that may run; ``outcome`` is the decision. DECIDED: what was decided of it later, and by
    whom. ENDED: what it came to. COUNTED: requests of one kind within a minute that came to nothing, refused or
    repeated. OPERATOR: what the streamer did. SERVICE: what the service itself has to say of the trail.
    """

    ASKED = "asked"
    DECIDED = "decided"
    ENDED = "ended"
    COUNTED = "counted"
    OPERATOR = "operator"
    SERVICE = "service"


LATER: Final = (Kind.DECIDED, Kind.ENDED)
"""The rows that belong to an earlier one."""


class Row(NamedTuple):
    """One row as it is stored; ``details`` is a JSON object, ``at`` Unix seconds."""

    ref: str
    at: float
    kind: str
    outcome: str
    details: str
    agent_id: str | None = None
    holder: str | None = None
    action: str | None = None
    request_id: str | None = None
    mission_id: str | None = None
    correlation_id: str | None = None


COLUMNS: Final = ", ".join(Row._fields)
INSERT: Final = f"INSERT INTO entries ({COLUMNS}) VALUES ({', '.join('?' * len(Row._fields))})"  # noqa: S608 - constants
MIGRATIONS: Sequence[Sequence[str]] = (
    (
        # No index but one: a row costs the request that waits for it a single page.
        """CREATE TABLE entries (
            seq INTEGER PRIMARY KEY, ref TEXT NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, outcome TEXT NOT NULL,
            details TEXT NOT NULL, agent_id TEXT, holder TEXT, action TEXT, request_id TEXT, mission_id TEXT,
            correlation_id TEXT)""",
        "CREATE INDEX entries_counted ON entries (seq) WHERE kind = 'counted'",
        "CREATE TABLE sweeping (now INTEGER)",
        """CREATE TRIGGER entries_never_change BEFORE UPDATE ON entries
            BEGIN SELECT RAISE(ABORT, 'the audit trail is only ever added to'); END""",
        """CREATE TRIGGER entries_stay BEFORE DELETE ON entries WHEN NOT EXISTS (SELECT 1 FROM sweeping)
            BEGIN SELECT RAISE(ABORT, 'the audit trail loses only what is past its time'); END""",
    ),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A first row with what came of it, in order."""

    first: Row
    later: tuple[Row, ...] = ()

    def followed_by(self, row: Row) -> "Entry":
        return replace(self, later=(*self.later, row))

    @property
    def args(self) -> dict[str, Any]:
        """What the agent asked for; empty where the entry is of another kind."""
        args = _object(self.first.details).get("args")
        return args if isinstance(args, dict) else {}

    @property
    def end(self) -> Row | None:
        return next((row for row in reversed(self.later) if row.kind == Kind.ENDED), None)

    @property
    def outcome(self) -> str:
        """What it came to: a status or a code; empty as long as nothing is known."""
        if self.first.kind != Kind.ASKED:
            return self.first.outcome
        return "" if self.end is None else self.end.outcome

    @property
    def decision(self) -> str:
        """How it came to run or not: "allowed", or each decision and who made it."""
        if self.first.kind != Kind.ASKED:
            return ""
        words = [self.first.outcome]
        for row in self.later:
            if row.kind == Kind.DECIDED:
                by = _object(row.details).get("by")
                words.append(f"{row.outcome} by {by}" if by else row.outcome)
        return ", ".join(words)

    def to_json(self) -> dict[str, Any]:
        """One object with everything that is known; what does not apply is left out."""
        row, end = self.first, self.end
        body: dict[str, Any] = {"time": rfc3339(row.at), "kind": row.kind, "ref": row.ref}
        body |= {"action": row.action, "agent_id": row.agent_id, "token": row.holder, "decision": self.decision}
        body |= {"outcome": self.outcome, **_object(row.details)}
        if end is not None:
            body |= {"ended": rfc3339(end.at), **_object(end.details)}
        body |= {"request_id": row.request_id, "mission_id": row.mission_id, "correlation_id": row.correlation_id}
        return {name: value for name, value in body.items() if value not in (None, "")}


def remark(at_s: float, kind: Kind, outcome: str, details: Mapping[str, Any]) -> Row:
    """A row that belongs to no other."""
    return Row(f"say_{secrets.token_hex(8)}", at_s, kind, outcome, dump(details))


def dump(details: Mapping[str, Any]) -> str:
    return _ENCODER.encode(details)


def newest_first(connection: sqlite3.Connection, since_s: float = 0.0) -> Iterator[Entry]:
    """The entries from ``since_s`` (Unix) on. Each page is a read of its own: whoever reads slowly does not keep
    SQLite's log from being written back, which would grow without end."""
    later: dict[str, list[Row]] = {}
    before = 2**62
    while True:
        found = connection.execute(
            f"SELECT seq, {COLUMNS} FROM entries WHERE seq < ? AND at >= ? ORDER BY seq DESC LIMIT ?",  # noqa: S608
            (before, since_s, _PAGE),
        ).fetchall()
        for seq, *values in found:
            before, row = seq, Row(*values)
            if row.kind in LATER:
                later.setdefault(row.ref, []).append(row)
            else:
                yield Entry(row, tuple(reversed(later.pop(row.ref, []))))
        if len(found) < _PAGE:
            return


def _object(text: str) -> dict[str, Any]:
    """The JSON object in ``text``; empty where a row is damaged."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
