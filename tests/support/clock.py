"""A clock for tests."""


class ManualClock:
    """Moves only when it is told to."""

    def __init__(self, time_s: float = 1_800_000_000.0) -> None:
        self.now_s = time_s

    def time(self) -> float:
        return self.now_s

    def monotonic(self) -> float:
        return self.now_s

    def advance(self, seconds: float) -> None:
        self.now_s += seconds
