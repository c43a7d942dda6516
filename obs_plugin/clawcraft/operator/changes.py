"""Who waits for something to change waits here. ``touch`` returns at once, on any thread; ``wait`` on HTTP workers."""

import threading


class Changes:
    """Counts changes."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.count = 0
        self.closed = False

    def touch(self, *_ignored: object) -> None:
        """Something changed that the page shows."""
        with self._changed:
            self.count += 1
            self._changed.notify_all()

    def wait(self, seen: int, timeout_s: float) -> None:
        """Until the count is another than ``seen``, ``timeout_s`` has passed, or ``close``."""
        with self._changed:
            self._changed.wait_for(lambda: self.closed or self.count != seen, timeout_s)

    def close(self) -> None:
        """Nobody waits any longer, now or later."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
