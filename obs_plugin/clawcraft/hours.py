"""Hours of the day by this machine's clock, such as 18:00-02:00. No state."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_DAY_MIN: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """From the minute ``first`` of the day up to, and without, the minute ``end``, which may be of the next day."""

    first: int
    end: int

    def __contains__(self, moment: datetime) -> bool:
        """``moment`` is local and naive."""
        minute = moment.hour * 60 + moment.minute
        if self.first < self.end:
            return self.first <= minute < self.end
        return minute >= self.first or minute < self.end

    def next_begin(self, moment: datetime) -> datetime:
        """When they begin next, for a ``moment`` outside: local and naive, as that is."""
        begin = moment.replace(hour=self.first // 60, minute=self.first % 60, second=0, microsecond=0)
        return begin if begin > moment else begin + timedelta(days=1)

    def __str__(self) -> str:
        return "-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in (self.first, self.end))


def parse_hours(text: str) -> Hours | None:
    """None for an empty text. Raises ValueError with what it must be."""
    if not text.strip():
        return None
    found = re.fullmatch(r"\s*([01]?\d|2[0-3]):([0-5]\d)\s*[-–]\s*(?:([01]?\d|2[0-3]):([0-5]\d)|24:00)\s*", text)
    if not found or not text.replace("–", "-").isascii():  # \d also takes other alphabets' digits
        raise ValueError("must be hours such as 18:00-02:00")
    first = int(found[1]) * 60 + int(found[2])
    end = 0 if found[3] is None else int(found[3]) * 60 + int(found[4])
    if first == end:
        raise ValueError("begins when it ends; leave it empty for any hour")
    return Hours(first, end % _DAY_MIN)
