"""Whether anything grows: slopes, and the bounds they must keep. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from proving.soak.process import MEASURES, Sample

MAX_MB_PER_10_MIN: Final = 1.0
WARM_UP_SHARE: Final = 1 / 6
LEAST_WARM_UP_S: Final = 40.0
LONG_S: Final = 600.0
"""A slope of less than that says more of the moment than of a leak: there, what was added in all is looked at."""
MAX_ADDED_MB: Final = 16.0


@dataclass(frozen=True, slots=True)
class Line:
    """Least squares over what came after the warm-up; ``first`` and ``last`` the medians of its first and last
    third."""

    measure: str
    first: float
    last: float
    least: float
    most: float
    per_10_min: float
    broken: str = ""


def warm_up_s(length_s: float) -> float:
    return max(LEAST_WARM_UP_S, length_s * WARM_UP_SHARE)


def lines(samples: Sequence[Sample], length_s: float) -> list[Line]:
    """One for each measure. Raises ValueError where there are too few samples to tell."""
    warm = [each for each in samples if each.at_s >= warm_up_s(length_s)]
    if len(warm) < 3:
        raise ValueError(f"only {len(warm)} samples after the warm-up: soak for longer")
    return [_line(warm, measure) for measure in MEASURES]


def _line(samples: Sequence[Sample], measure: str) -> Line:
    times = [each.at_s for each in samples]
    values = [float(getattr(each, measure)) for each in samples]
    slope = statistics.linear_regression(times, values).slope * 600
    third = max(1, len(values) // 3)
    first, last = statistics.median(values[:third]), statistics.median(values[-third:])
    line = Line(measure, first, last, min(values), max(values), slope)
    return Line(measure, first, last, line.least, line.most, slope, _broken(line, times[-1] - times[0]))


def _broken(line: Line, over_s: float) -> str:
    if line.measure == "memory_mb":
        if over_s >= LONG_S:
            too_much = line.per_10_min >= MAX_MB_PER_10_MIN
            return f"memory grows by {line.per_10_min:.2f} MB in 10 min" if too_much else ""
        added = line.last - line.first
        return f"memory has grown by {added:.1f} MB" if added > MAX_ADDED_MB else ""
    if line.measure in ("threads", "handles") and line.last > line.first:
        return f"{line.measure} have grown from {line.first:g} to {line.last:g}"
    return ""
