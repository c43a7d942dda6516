"""Places for requests that wait, at Twitch or for a job. Called on HTTP workers."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator


class Slots:
    """At most ``limit`` in use at once. While ``shared`` says that there are several agents, the last quarter of them
    is for whoever has none yet: one agent cannot keep every place."""

    def __init__(self, limit: int, shared: Callable[[], bool]) -> None:
        self.limit = limit
        self._shared = shared
        self._kept_free = max(1, limit // 4)
        self._by_holder: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def in_use(self) -> int:
        return self._by_holder.total()

    @contextlib.contextmanager
    def waiting(self, holder: str) -> Iterator[bool]:
        """Around a wait: True if there was a place."""
        shared = self._shared()
        with self._lock:
            limit = self.limit - self._kept_free if shared and self._by_holder[holder] else self.limit
            granted = self.in_use < limit
            self._by_holder[holder] += granted
        try:
            yield granted
        finally:
            with self._lock:
                self._by_holder[holder] -= granted
                if not self._by_holder[holder]:
                    del self._by_holder[holder]
