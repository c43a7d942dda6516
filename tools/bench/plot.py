"""A plot as SVG: one panel for each thing that grows, a line for each kind of call."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

WIDTH, HEIGHT, LEFT, TOP, GAP = 240, 140, 44, 34, 70
COLOURS: Final = {"accept_ms": "#c2410c", "poll_ms": "#1d4ed8", "list_ms": "#15803d"}


def lines_plot(rows: Sequence[Mapping[str, Any]]) -> str:
    """``rows`` as ``growth.grow`` gives them; the number on a logarithmic axis, ms from zero."""
    kinds = list(dict.fromkeys(str(row["what"]) for row in rows))
    top_ms = max(row[name] for row in rows for name in COLOURS) * 1.1
    parts = [
        _panel(LEFT + n * (WIDTH + GAP), kind, [row for row in rows if row["what"] == kind], top_ms)
        for n, kind in enumerate(kinds)
    ]
    width = LEFT + len(kinds) * (WIDTH + GAP)
    legend = "".join(
        f'<text x="{LEFT + n * 90}" y="14" fill="{colour}">{name.removesuffix("_ms")}</text>'
        for n, (name, colour) in enumerate(COLOURS.items())
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {TOP + HEIGHT + 40}" '
        f'font-family="sans-serif" font-size="11" fill="#555">\n{legend}\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _panel(x: float, title: str, rows: Sequence[Mapping[str, Any]], top_ms: float) -> str:
    last = max(1.0, math.log10(max(row["number"] for row in rows) + 1))

    def place(row: Mapping[str, Any], name: str) -> str:
        across = math.log10(row["number"] + 1) / last
        return f"{x + across * WIDTH:.1f},{TOP + HEIGHT * (1 - row[name] / top_ms):.1f}"

    lines = "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{" ".join(place(r, name) for r in rows)}"/>'
        for name, colour in COLOURS.items()
    )
    ticks = "".join(
        f'<text x="{x + math.log10(row["number"] + 1) / last * WIDTH:.1f}" y="{TOP + HEIGHT + 16}" '
        f'text-anchor="middle">{row["number"]:,}</text>'
        for row in rows
    )
    return (
        f'<path d="M{x} {TOP}v{HEIGHT}h{WIDTH}" fill="none" stroke="#999"/>{lines}{ticks}'
        f'<text x="{x - 6}" y="{TOP + 4}" text-anchor="end">{top_ms:.1f} ms</text>'
        f'<text x="{x + WIDTH / 2}" y="{TOP + HEIGHT + 34}" text-anchor="middle">{escape(title)}</text>'
    )
