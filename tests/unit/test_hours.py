"""Hours of the day: from the first minute on, up to the last one and without it, also over midnight."""

from datetime import datetime

import pytest

from clawcraft.hours import Hours, parse_hours


def at(clock: str, day: int = 3) -> datetime:
    return datetime.fromisoformat(f"2026-03-{day:02d}T{clock}")


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        ("18:00-23:30", ["18:00:00", "23:29:59"], ["17:59:59", "23:30:00", "00:00:00"]),
        ("18:00-02:00", ["18:00:00", "23:59:59", "00:00:00", "01:59:59"], ["02:00:00", "17:59:59"]),
        (" 8:00 – 24:00 ", ["08:00:00", "23:59:59"], ["00:00:00", "07:59:59"]),
        ("00:00-06:00", ["00:00:00", "05:59:59"], ["06:00:00", "23:59:59"]),
    ],
)
def test_they_begin_with_a_minute_and_end_before_one(hours: str, inside: list[str], outside: list[str]) -> None:
    parsed = parse_hours(hours)
    assert parsed is not None
    assert [clock for clock in inside if at(clock) not in parsed] == []
    assert [clock for clock in outside if at(clock) in parsed] == []


def test_the_next_beginning_is_today_or_tomorrow() -> None:
    hours = Hours(18 * 60, 2 * 60)
    assert hours.next_begin(at("02:00:00")) == at("18:00")
    assert Hours(8 * 60, 10 * 60).next_begin(at("10:00:01")) == at("08:00", day=4)


def test_no_text_is_no_limit_and_what_is_shown_can_be_parsed() -> None:
    assert parse_hours("  ") is None
    assert parse_hours(str(Hours(18 * 60 + 5, 0))) == Hours(18 * 60 + 5, 0)


@pytest.mark.parametrize(
    "text", ["18", "18:00", "18:00-", "25:00-02:00", "18:60-02:00", "24:00-02:00", "18:00-02:00 x", "١٨:٠٠-٠٢:٠٠"]
)
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="18:00-02:00"):
        parse_hours(text)


@pytest.mark.parametrize("text", ["18:00-18:00", "00:00-24:00"])
def test_hours_that_end_when_they_begin_mean_nothing(text: str) -> None:
    with pytest.raises(ValueError, match="leave it empty"):
        parse_hours(text)
