"""The request signatures seen so far, as digests, until they expire: the replay guard's memory across restarts.

Called from HTTP workers.
"""

import hashlib
from typing import Final

from clawcraft.clock import Clock
from clawcraft.jobs.database import Database

TIDY_BATCH: Final = 16


class SignatureTable:
    """Only digests are stored: the file never holds what could be sent again."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def seen(self, signature: str, expires_at_s: float) -> bool:
        """True if ``signature`` is here and unexpired; else it is here from now until ``expires_at_s``."""
        digest = hashlib.sha256(signature.encode()).digest()
        with self._database.transaction() as connection:
            now_s = self._clock.time()
            row = connection.execute("SELECT expires_at FROM signatures WHERE digest = ?", (digest,)).fetchone()
            if row is not None and row[0] >= now_s:
                return True
            # Each new one clears a few old ones, so the table stays as small as one window's traffic.
            connection.execute(
                "DELETE FROM signatures WHERE digest IN (SELECT digest FROM signatures WHERE expires_at < ? LIMIT ?)",
                (now_s, TIDY_BATCH),
            )
            connection.execute("INSERT OR REPLACE INTO signatures VALUES (?, ?)", (digest, expires_at_s))
        return False
