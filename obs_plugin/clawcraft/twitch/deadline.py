"""How long one action may take in all, however many calls and waits it is made of."""

from clawcraft.clock import Clock


class Deadline:
    """``total_s`` seconds from now, on the monotonic clock."""

    def __init__(self, clock: Clock, total_s: float) -> None:
        self._clock = clock
        self._ends_at = clock.monotonic() + total_s
        self.total_s = total_s

    @property
    def remaining_s(self) -> float:
        return max(0.0, self._ends_at - self._clock.monotonic())

    @property
    def expired(self) -> bool:
        return self.remaining_s <= 0
