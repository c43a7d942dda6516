"""The soak: what it takes for growth, and a short one in a real OBS."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from proving.page import BEGIN, END, put_figures
from proving.soak.process import Sample
from proving.soak.report import Soak, markdown, svg
from proving.soak.slopes import Line, lines
from tests.support.tool import tool

LENGTH_S = 1800.0


def measured(
    mb_per_10_min: float = 0.0, threads_added: int = 0, warm_up_mb: float = 0.0, alone_mb_per_10_min: float = 0.0
) -> list[Sample]:
    """One sample every 20 s; what comes in the warm-up comes in its first minutes."""
    return [
        Sample(
            at_s=at_s,
            memory_mb=200 + mb_per_10_min * at_s / 600 + min(warm_up_mb, warm_up_mb * at_s / 200),
            threads=30 + (threads_added if at_s > LENGTH_S * 0.6 else 0),
            handles=40,
            database_mb=at_s / 1000,
            alone_mb=150 + alone_mb_per_10_min * at_s / 600,
        )
        for at_s in range(20, int(LENGTH_S) + 1, 20)
    ]


def broken(samples: list[Sample], length_s: float = LENGTH_S) -> list[str]:
    return [line.broken for line in lines(samples, length_s) if line.broken]


def test_what_is_constant_or_grows_a_little_or_only_at_first_is_fine() -> None:
    assert broken(measured()) == []
    assert broken(measured(mb_per_10_min=0.9)) == []
    assert broken(measured(warm_up_mb=80)) == []
    assert broken(measured(mb_per_10_min=2.4, alone_mb_per_10_min=1.5)) == []


def test_a_leak_of_memory_or_threads_is_found() -> None:
    assert broken(measured(mb_per_10_min=1.1)) == ["memory grows by 1.10 MB in 10 min more than OBS alone"]
    assert broken(measured(mb_per_10_min=2.6, alone_mb_per_10_min=1.5)) != []
    assert broken(measured(threads_added=1)) == ["threads have grown from 30 to 31"]


@pytest.mark.parametrize(
    ("threads", "has_grown"),
    [
        ((31, 32, 37, 32, 32), False),  # as many HTTP workers as there were requests at that moment
        ((31, 31, 31, 31, 32), False),
        ((31, 32, 33, 34, 35), True),  # one a start
        ((31, 31, 32, 32, 32), True),
    ],
)
def test_in_a_short_one_what_was_in_use_for_a_moment_is_no_leak(threads: tuple[int, ...], has_grown: bool) -> None:
    short = [replace(each, threads=count) for each, count in zip(measured()[1:6], threads, strict=True)]
    assert bool(broken(short, 120.0)) is has_grown


def test_a_short_one_looks_at_what_was_added() -> None:
    short = [each for each in measured(mb_per_10_min=30) if each.at_s <= 120]
    assert broken(short, 120.0) == []
    short = [each for each in measured(mb_per_10_min=300) if each.at_s <= 120]
    assert "memory has grown by" in broken(short, 120.0)[0]
    with pytest.raises(ValueError, match="soak for longer"):
        lines(short[:3], 120.0)


def test_a_report_says_what_is_broken_and_its_plot_is_one() -> None:
    samples = measured(mb_per_10_min=2)
    found: list[Line] = lines(samples, LENGTH_S)
    done = Soak("OBS 29.0.2", LENGTH_S, 200, 360_000, 90, ["an agent: refused"], samples, found)
    text = markdown(done, "soak.svg")
    assert "Broken: 1 requests failed; memory grows by 2.00 MB in 10 min more than OBS alone." in text
    assert "| memory |" in text
    assert len(ET.fromstring(svg(done)).findall("{http://www.w3.org/2000/svg}polyline")) == 5


def test_figures_are_put_between_the_words_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "soak.md"
    page.write_text(f"Before.\n{BEGIN}old\n{END}After.\n")
    put_figures(page, "new\n")
    assert page.read_text() == f"Before.\n{BEGIN}new\n{END}After.\n"
    page.write_text("Words alone.\n")
    with pytest.raises(ValueError, match="no place for figures"):
        put_figures(page, "new\n")
    assert page.read_text() == "Words alone.\n"


@pytest.mark.real_obs
def test_a_short_soak_in_a_real_obs(tmp_path: Path) -> None:
    done = tool("prove.py", "soak", "--minutes", "2", "--report", str(tmp_path), within_s=280)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every bound is kept." in (tmp_path / "soak.md").read_text("utf-8")
