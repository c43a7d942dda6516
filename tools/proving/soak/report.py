"""The table and the plot of a soak. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from proving.soak.process import MEASURES, Sample
from proving.soak.slopes import Line, warm_up_s

_NAMES: Final = {
    "memory_mb": "memory",
    "alone_mb": "memory of an OBS without the script",
    "threads": "threads",
    "handles": "handles",
    "database_mb": "database",
}
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 760, 110, 70, 40, 50


@dataclass(frozen=True, slots=True)
class Soak:
    """One run. ``where`` is the OBS; ``failures`` say what failed."""

    where: str
    length_s: float
    wanted_per_s: int
    requests: int
    cycles: int
    failures: Sequence[str]
    samples: Sequence[Sample]
    lines: Sequence[Line]

    @property
    def broken(self) -> list[str]:
        failed = [f"{len(self.failures)} requests failed"] if self.failures else []
        return failed + [line.broken for line in self.lines if line.broken]


def markdown(soak: Soak, plot: str) -> str:
    """The table, with ``plot`` as the name of the picture."""
    rows = [
        "| | after warm-up | at the end | least | most | slope in 10 min |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for line in soak.lines:
        figures = [_figure(line.measure, value) for value in (line.first, line.last, line.least, line.most)]
        rows.append(
            f"| {_NAMES[line.measure]} | {' | '.join(figures)} | {_figure(line.measure, line.per_10_min, '+')} |"
        )
    said = (
        f"{soak.length_s / 60:.1f} minutes in one {soak.where} process: {soak.requests:,} requests "
        f"({soak.requests / soak.length_s:.0f} a second, {soak.wanted_per_s} wanted), {soak.cycles} starts and as many "
        f"stops; {len(soak.failures)} failed. Warm-up: the first {warm_up_s(soak.length_s):.0f} s."
    )
    verdict = "Every bound is kept." if not soak.broken else f"Broken: {'; '.join(soak.broken)}."
    return "\n".join([said, "", *rows, "", verdict, "", f"![Memory, threads, handles and database size]({plot})", ""])


def svg(soak: Soak) -> str:
    """One row for each measure, over the minutes; the warm-up is grey."""
    height = _TOP + len(MEASURES) * (_HEIGHT + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 20} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="100%" height="100%" fill="#ffffff"/><text x="{_LEFT}" y="20" font-weight="bold">'
        f"Soak, {soak.length_s / 60:.0f} minutes in {soak.where}</text>",
    ]
    for row, line in enumerate(soak.lines):
        parts += _row(soak, line, _TOP + row * (_HEIGHT + _GAP))
    return "\n".join([*parts, "</svg>", ""])


def _row(soak: Soak, line: Line, top: float) -> list[str]:
    values = [float(getattr(each, line.measure)) for each in soak.samples]
    most = max(values) * 1.05 or 1.0
    points = " ".join(
        f"{_x(soak, each.at_s):.1f},{top + _HEIGHT * (1 - value / most):.1f}"
        for each, value in zip(soak.samples, values, strict=True)
    )
    warm_x, bottom = _x(soak, warm_up_s(soak.length_s)), top + _HEIGHT
    name = f"{_NAMES[line.measure]}, slope {_figure(line.measure, line.per_10_min, '+')} in 10 min"
    minutes = soak.length_s / 60
    return [
        f'<rect x="{_LEFT}" y="{top}" width="{warm_x - _LEFT:.1f}" height="{_HEIGHT}" fill="#eeeeee"/>',
        f'<path d="M{_LEFT},{top}V{bottom}H{_LEFT + _WIDTH}" fill="none" stroke="#888888"/>',
        f'<polyline points="{points}" fill="none" stroke="#1f6feb" stroke-width="1.5"/>',
        f'<text x="{_LEFT}" y="{top - 6}">{name}</text>',
        f'<text x="{_LEFT - 6}" y="{top + 10}" text-anchor="end">{_figure(line.measure, most)}</text>',
        f'<text x="{_LEFT - 6}" y="{bottom}" text-anchor="end">0</text>',
        f'<text x="{_LEFT + _WIDTH}" y="{bottom + 16}" text-anchor="end">{minutes:.0f} min</text>',
    ]


def _x(soak: Soak, at_s: float) -> float:
    return _LEFT + _WIDTH * min(1.0, at_s / soak.length_s)


def _figure(measure: str, value: float, sign: str = "") -> str:
    unit = MEASURES[measure]
    text = f"{value:{sign}.2f}" if unit or sign else f"{value:.0f}"
    return f"{text} {unit}".rstrip()
