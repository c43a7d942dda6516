"""The kept answers of sync actions, by holder and request_id: what a repeated request is given. On HTTP workers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clawcraft.clock import Clock
from clawcraft.database import Database
from clawcraft.jobs.model import RequestKey


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """``status`` and ``body`` are None from before the action runs until its outcome is stored."""

    action: str
    fingerprint: str
    status: int | None
    body: Mapping[str, Any] | None


class AnswerTable:
    """Rows live for the jobs' TTL from the request on."""

    def __init__(self, database: Database, clock: Clock, ttl_s: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._ttl_s = ttl_s

    def get(self, key: RequestKey) -> KeptAnswer | None:
        """The row, unless it is past its TTL."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT action, fingerprint, status, body FROM answers"
                " WHERE holder = ? AND request_id = ? AND created_at >= ?",
                (*key, self._oldest_kept()),
            ).fetchone()
        if row is None:
            return None
        action, fingerprint, status, body = row
        return KeptAnswer(action, fingerprint, status, None if body is None else json.loads(body))

    def begin(self, key: RequestKey, action: str, fingerprint: str) -> None:
        """Store that the action is about to run: after a crash the row tells that it may have taken effect."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO answers (holder, request_id, action, fingerprint, created_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (*key, action, fingerprint, self._clock.time()),
            )

    def finish(self, key: RequestKey, status: int, body: Mapping[str, Any]) -> None:
        """Store the outcome, an HTTP status and body."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE answers SET status = ?, body = ? WHERE holder = ? AND request_id = ?",
                (status, json.dumps(dict(body), ensure_ascii=False), *key),
            )

    def discard(self, key: RequestKey) -> None:
        """Forget the request: nothing took effect, the same id may run anew."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM answers WHERE holder = ? AND request_id = ?", key)

    def sweep(self, limit: int) -> int:
        """Delete at most ``limit`` rows past the TTL; returns how many."""
        with self._database.transaction() as connection:
            return connection.execute(
                "DELETE FROM answers WHERE (holder, request_id) IN"
                " (SELECT holder, request_id FROM answers WHERE created_at < ? LIMIT ?)",
                (self._oldest_kept(), limit),
            ).rowcount

    def _oldest_kept(self) -> float:
        return self._clock.time() - self._ttl_s()
