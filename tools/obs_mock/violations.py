"""What the real OBS would have answered with a freeze, a crash, a leak or a window: written down and raised."""

import threading


class Violation(RuntimeError):
    """Raised where the caller is; recorded too, so that swallowing it does not hide it."""


class Recorder:
    """The violations of one run, and everything noteworthy that happened, in order. Any thread."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._violations: list[str] = []
        self._timeline: list[str] = []

    def violation(self, text: str) -> Violation:
        """Record it; the caller raises the answer (or not, where nobody could catch it)."""
        with self._news:
            self._violations.append(text)
        return Violation(text)

    def violations(self) -> tuple[str, ...]:
        with self._news:
            return tuple(self._violations)

    def note(self, happened: str) -> None:
        with self._news:
            self._timeline.append(happened)
            self._news.notify_all()

    def timeline(self) -> tuple[str, ...]:
        with self._news:
            return tuple(self._timeline)

    def wait_for(self, happened: str, timeout_s: float, after: int = 0) -> None:
        """Until ``happened`` is on the timeline, from place ``after`` on."""
        with self._news:
            if not self._news.wait_for(lambda: happened in self._timeline[after:], timeout_s):
                raise TimeoutError(f"not within {timeout_s} s: {happened!r}; happened: {self._timeline[after:]}")
