"""Shows what a campaign found: a table by fault for the terminal, and the figures and the plot of
``docs/reliability.md``, whose other words stay as they are."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from proving.campaign.journal import HOME, Journal
from proving.campaign.judge import CLASSES, flashes, judged_anew
from proving.page import put_figures
from tests.support.paths import ROOT

REPORT: Final = ROOT / "docs" / "reliability.md"
PLOT: Final = ROOT / "docs" / "images" / "reliability.svg"
Entries = Sequence[Mapping[str, Any]]
ROW, BAR, LEFT, WIDTH = 30, 9, 250, 420
COLOURS: Final = {"done": "#3a9d5d", "failed": "#b8bcc4", "wrong": "#d23c3c"}


class Figures:
    """Of some cases: ``starts``, of which so many were told as done or as failed; ``wrong`` counts the cases in which
    the witnesses disagree, ``kinds`` the disagreements."""

    def __init__(self, entries: Entries) -> None:
        starts = [each for entry in entries for each in entry["evidence"]["asked"] if each["what"] == "start"]
        self.starts = len(starts)
        self.done = sum(start["told"] == "done" for start in starts)
        self.failed = self.starts - self.done
        self.codes = Counter(str(start["code"]) for start in starts if start["told"] != "done")
        self.wrong = sum(bool(entry["found"]) for entry in entries)
        self.crashed = sum(bool(entry["crashed"]) for entry in entries)
        self.unplayed = sum(bool(entry["trouble"]) for entry in entries)
        self.kinds = Counter(each["kind"] for entry in entries for each in entry["found"])
        self.flashes = [each for entry in entries for each in flashes(entry["evidence"])]
        self.seconds = sum(float(entry["took_s"]) for entry in entries)


def by_fault(entries: Entries) -> dict[str, Figures]:
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        groups.setdefault(entry["fault"], []).append(entry)
    return {name: Figures(groups[name]) for name in sorted(groups)}


def summary(entries: Entries) -> str:
    """For the terminal."""
    lines = [f"{'fault':36} {'starts':>7} {'done':>7} {'failed':>7} {'wrong':>6} {'s each':>7}"]
    total = Figures(entries)
    for name, of in {**by_fault(entries), "all": total}.items():
        each_s = of.seconds / max(of.starts, 1)
        lines.append(f"{name:36} {of.starts:7,} {of.done:7,} {of.failed:7,} {of.wrong:6} {each_s:7.1f}")
    lines.append(", ".join(f"{total.kinds[kind]} {kind}" for kind in CLASSES))
    lines.append(f"{total.unplayed} cases could not be played as meant; OBS crashed or hung in {total.crashed}")
    return "\n".join(lines)


def write_report(home: Path = HOME, path: Path = REPORT, plot: Path = PLOT) -> None:
    """The figures between the page's two marks, and the plot: of all seeds that were run here."""
    ours, peers = (
        [judged_anew(entry) for seed in Journal.seeds(peer, home) for entry in Journal(seed, peer, home).entries()]
        for peer in (False, True)
    )
    put_figures(path, _markdown(ours, peers, Journal.seeds(home=home)))
    plot.write_text(_svg(by_fault(ours), by_fault(peers)), "utf-8")


def _markdown(ours: Entries, peers: Entries, played: Sequence[int]) -> str:
    total, contrast = Figures(ours), Figures(peers)
    seeds = ", ".join(map(str, played))
    lines = [
        "",
        f"So far **{total.starts:,} starts** in {len(ours):,} cases (seeds {seeds}), "
        f"{total.seconds / max(total.starts, 1):.1f} s each; beside them {contrast.starts:,} starts by polling "
        "obs-websocket.",
        "",
        "| | the service | polling obs-websocket |",
        "| --- | ---: | ---: |",
    ]
    lines += [
        f"| {kind} | {total.kinds[kind]} | {contrast.kinds[kind]} |" for kind in CLASSES if kind != "table differs"
    ]
    lines.append(f"| job table differs from what was told | {total.kinds['table differs']} | has none |")
    lines.append(f"| OBS crashed or hung | {total.crashed} | {contrast.crashed} |")
    lines.append(f"| cases not played as meant | {total.unplayed} | {contrast.unplayed} |")
    lines += ["", "![By fault: done, failed and wrong](images/reliability.svg)", ""]
    lines.append("| fault | starts | done | failed | wrong | polling: starts | done | failed | wrong |")
    lines.append("| --- | " + " | ".join(["---:"] * 8) + " |")
    theirs = by_fault(peers)
    nothing = Figures([])
    for name, of in {**by_fault(ours), "**all**": total}.items():
        other = contrast if of is total else theirs.get(name, nothing)
        cells = _cells(of) + (_cells(other) if other.starts else ["", "", "", ""])
        lines.append(f"| {name} | {' | '.join(cells)} |")
    codes = ", ".join(f"`{code}` {count:,}" for code, count in total.codes.most_common())
    lines += ["", f"The failed ones were told as: {codes or 'none'}.", ""]
    if total.flashes:
        lines += [
            f"{len(total.flashes):,} that were told as failed went live all the same, and were taken down after "
            f"{statistics.median(total.flashes):.1f} s at the median and {max(total.flashes):.1f} s at most.",
            "",
        ]
    return "\n".join(lines) + "\n"


def _cells(of: Figures) -> list[str]:
    return [f"{of.starts:,}", f"{of.done:,}", f"{of.failed:,}", str(of.wrong)]


def _svg(ours: Mapping[str, Figures], peers: Mapping[str, Figures]) -> str:
    """Two bars for each fault, ours above: what was told, and in red how much of it was wrong."""
    height = ROW * (len(ours) + 1) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 20}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{LEFT + WIDTH + 20}" height="{height}" fill="white"/>',
    ]
    for number, (word, colour) in enumerate(COLOURS.items()):
        x = LEFT + number * 70
        parts.append(f'<rect x="{x}" y="8" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14}" y="17">{word}</text>')
    parts.append(f'<text x="{LEFT + 220}" y="17" fill="#555">above the service, below polling</text>')
    for number, name in enumerate(ours):
        y = ROW * (number + 1) + 4
        parts.append(f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>')
        parts += _bar(ours[name], y)
        if name in peers:
            parts += _bar(peers[name], y + BAR + 1)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(of: Figures, y: int) -> Iterable[str]:
    wrong = min(of.wrong, of.starts)
    right = of.starts - wrong
    done = min(of.done, right)
    x = float(LEFT)
    for count, colour in zip((done, right - done, wrong), COLOURS.values(), strict=True):
        width = WIDTH * count / max(of.starts, 1)
        if width:
            yield f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>'
        x += width
