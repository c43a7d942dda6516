"""Whether anything grows: slopes, and the bounds they must keep. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from proving.soak.process import MEASURES, Sample

MAX_MB_PER_10_MIN: Final = 1.0
"""Beyond what an OBS without the script grows by meanwhile, where one runs beside."""
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
    found = {measure: _line(warm, measure) for measure in MEASURES}
    over_s = warm[-1].at_s - warm[0].at_s
    found["memory_mb"] = replace(found["memory_mb"], broken=_memory(found["memory_mb"], found["alone_mb"], over_s))
    for measure in ("threads", "handles"):
        if _has_grown(found[measure], [float(getattr(each, measure)) for each in warm], over_s):
            line = found[measure]
            found[measure] = replace(line, broken=f"{measure} have grown from {line.first:g} to {line.last:g}")
    return list(found.values())


def _has_grown(line: Line, values: Sequence[float], over_s: float) -> bool:
    """Nobody ends what is leaked: in less than LONG_S, where a third is a sample or two and each has as many HTTP
    workers as there were requests in that moment, not even the least of the last half is as low as any of the first."""
    half = len(values) // 2
    return line.last > line.first if over_s >= LONG_S else min(values[-half:]) > max(values[:half])


def _line(samples: Sequence[Sample], measure: str) -> Line:
    times = [each.at_s for each in samples]
    values = [float(getattr(each, measure)) for each in samples]
    slope = statistics.linear_regression(times, values).slope * 600
    third = max(1, len(values) // 3)
    first, last = statistics.median(values[:third]), statistics.median(values[-third:])
    return Line(measure, first, last, min(values), max(values), slope)


def _memory(line: Line, alone: Line, over_s: float) -> str:
    if over_s >= LONG_S:
        more = line.per_10_min - max(0.0, alone.per_10_min)
        return f"memory grows by {more:.2f} MB in 10 min more than OBS alone" if more >= MAX_MB_PER_10_MIN else ""
    added = line.last - line.first
    return f"memory has grown by {added:.1f} MB" if added > MAX_ADDED_MB else ""
