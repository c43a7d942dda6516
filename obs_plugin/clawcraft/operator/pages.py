"""The paired pages: which browsers may show the operator page, and a hash of what each carries as its cookie.

They lie in the machine's secret store, so a cookie is good only where it was given out. ``load`` on the supervisor's
thread, ``add`` on HTTP workers and ``revoke`` on the panel's thread touch the disk; everything else returns at once.
"""

import json
import secrets
import threading
from dataclasses import asdict, dataclass
from typing import Any, Final

from clawcraft.authority.agent_file import hash_of, token_hash
from clawcraft.clock import Clock
from clawcraft.secrets import Secret, SecretStore, new_token

STORED_AS: Final = "OPERATOR_PAGES"
KEPT_S: Final = 180 * 24 * 3600.0
MAX_PAGES: Final = 16
"""With one more, the one that was paired first goes."""


@dataclass(frozen=True, slots=True)
class PairedPage:
    """One of them; ``name`` tells the streamer which browser it is, times are Unix seconds."""

    id: str
    name: str
    token_sha256: str
    paired_at: float


class PairedPages:
    """See the module. ``last_seen`` has the Unix time of each page's last request since the script was loaded."""

    def __init__(self, store: SecretStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        """Around a change and its way to the disk."""
        self._pages: tuple[PairedPage, ...] = ()
        self.last_seen: dict[str, float] = {}

    def load(self) -> None:
        """Raises SecretStoreError."""
        stored = self._store.get(STORED_AS)
        with self._lock:
            self._pages = tuple(_read(stored.reveal())) if stored else ()

    def all(self) -> tuple[PairedPage, ...]:
        """Those whose time is not over, the first paired first."""
        now_s = self._clock.time()
        return tuple(page for page in self._pages if now_s < page.paired_at + KEPT_S)

    def of_token(self, token: bytes) -> PairedPage | None:
        """The page that carries ``token``. Looked up by its hash: how long that takes tells nothing about a token."""
        digest = token_hash(token)
        page = next((page for page in self.all() if page.token_sha256 == digest), None)
        if page is not None:
            self.last_seen[page.id] = self._clock.time()
        return page

    def add(self, name: str) -> Secret:
        """Pair one more; its token, which is nowhere else. Raises SecretStoreError, and then none is paired."""
        token = new_token()
        page = PairedPage(f"page_{secrets.token_hex(4)}", name, hash_of(token), self._clock.time())
        with self._lock:
            self._keep((*self.all(), page)[-MAX_PAGES:])
        return token

    def revoke(self, page_id: str) -> None:
        """At once; raises SecretStoreError where that cannot be kept, and it would come back with the next start."""
        with self._lock:
            self._pages = tuple(page for page in self._pages if page.id != page_id)
            self._keep(self.all())

    def _keep(self, pages: tuple[PairedPage, ...]) -> None:
        """Under the lock."""
        text = json.dumps([asdict(page) for page in pages])
        self._store.update({STORED_AS: Secret(text) if pages else None})
        self._pages = pages


def _read(text: str) -> list[PairedPage]:
    """What is not understood opens nothing."""
    try:
        rows: list[Any] = json.loads(text)
        return [
            PairedPage(str(row["id"]), str(row["name"]), str(row["token_sha256"]), float(row["paired_at"]))
            for row in rows
        ]
    except (ValueError, TypeError, KeyError):
        return []
