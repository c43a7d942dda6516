"""What is worth an alert: once, when it has lasted, and its end; and no wish of the streamer is a failure."""

import re
from pathlib import Path
from typing import Any

from clawcraft import checks
from clawcraft.alerts.alert import Alert, EndedJob, State
from clawcraft.alerts.conditions import REPEAT_S, WATCHED, WISHED, Conditions
from clawcraft.checks import Outcome
from tests.support.paths import TOOLS

START = "twitch.start_stream"


def wrong(name: str) -> dict[str, str]:
    return {"name": name, "outcome": str(WATCHED[name].outcome), "message": "what is wrong", "fix": "what to do"}


def right(name: str, outcome: Outcome = Outcome.OK) -> dict[str, str]:
    return {"name": name, "outcome": str(outcome), "message": "how it is", "fix": ""}


def looks_at(conditions: Conditions, *checks: dict[str, str]) -> list[tuple[str, State]]:
    """What a minute of them makes worth telling."""
    told = [alert for now_s in (0.0, 60.0) for alert in conditions.look(checks, now_s, 1_780_000_000.0)]
    return [(alert.event, alert.state) for alert in told]


def looks(conditions: Conditions, *names: str, now_s: float = 0.0) -> list[tuple[str, State]]:
    found = conditions.look([wrong(name) for name in names], now_s, 1_780_000_000.0)
    return [(alert.event, alert.state) for alert in found]


def ended(conditions: Conditions, code: str | None, now_s: float = 0.0, action: str = START) -> Alert | None:
    error: dict[str, Any] | None = None if code is None else {"code": code, "message": "m", "hint": "h"}
    return conditions.job_ended(EndedJob("job_1", action, "producer", error), now_s, 1_780_000_000.0)


def test_what_is_wrong_is_told_once_and_its_end_as_well() -> None:
    conditions = Conditions()
    assert looks(conditions, "twitch", "stream_dropped") == [
        ("stream_dropped", State.RAISED),
        ("twitch", State.RAISED),
    ]
    assert conditions.open == ["stream_dropped", "twitch"]
    assert looks(conditions, "twitch", "stream_dropped") == []
    assert looks(conditions, "twitch") == [("stream_dropped", State.RECOVERED)]
    assert looks_at(conditions, right("twitch")) == [("twitch", State.RECOVERED)]
    assert conditions.open == []


def test_a_stream_was_started_again_only_where_one_is_up() -> None:
    conditions = Conditions()

    def summary(*now: dict[str, str]) -> str:
        looks(conditions, "stream_dropped")
        (alert,) = conditions.look(now, 0.0, 1_780_000_000.0)
        return alert.summary

    assert summary(right("stream_dropped")) == "The stream has been started again"
    assert "started or stopped" in summary()


def test_a_login_is_fine_again_only_when_its_check_says_so() -> None:
    conditions = Conditions()
    soon_over = (right("twitch"), wrong("twitch_token"))
    assert list(conditions.look(soon_over, 0.0, 1_780_000_000.0)) == []  # a disk's moment is no such trouble
    assert looks_at(conditions, *soon_over) == [("twitch_token", State.RAISED)]
    # It ends: nothing is said of the token any more.
    assert looks_at(conditions, wrong("twitch")) == [("twitch", State.RAISED)]
    # Another login, which Twitch was not asked about yet.
    assert looks_at(conditions, right("twitch", Outcome.WARNING)) == []
    assert conditions.open == ["twitch", "twitch_token"]
    assert looks_at(conditions, right("twitch"), right("twitch_token")) == [
        ("twitch", State.RECOVERED),
        ("twitch_token", State.RECOVERED),
    ]
    assert looks_at(conditions, right("twitch"), right("twitch_token")) == []


def test_of_a_login_that_is_disconnected_nothing_is_told_any_more() -> None:
    conditions = Conditions()
    looks_at(conditions, right("twitch"), wrong("twitch_token"), wrong("twitch_bot"))
    looks_at(conditions, wrong("twitch"), wrong("twitch_bot"))
    assert conditions.open == ["twitch", "twitch_token", "twitch_bot"]
    assert looks_at(conditions, wrong("twitch"), right("twitch_bot", Outcome.WARNING)) == []
    assert looks_at(conditions, wrong("twitch")) == []
    assert conditions.open == ["twitch", "twitch_token"]
    assert looks_at(conditions) == []
    assert conditions.open == []
    assert looks_at(conditions, right("twitch"), right("twitch_token"), right("twitch_bot")) == []


def test_a_bot_that_speaks_with_a_token_that_ends_speaks_again() -> None:
    conditions = Conditions()
    assert looks_at(conditions, wrong("twitch_bot")) == [("twitch_bot", State.RAISED)]
    both = (right("twitch_bot"), right("twitch_bot", Outcome.WARNING))
    assert looks_at(conditions, *both) == [("twitch_bot", State.RECOVERED)]


def test_what_passes_by_itself_is_not_told_and_what_flickers_is_one() -> None:
    conditions = Conditions()
    assert looks(conditions, "obs", now_s=0) == []
    assert looks(conditions, now_s=5) == []
    assert looks(conditions, "obs", now_s=10) == []
    assert looks(conditions, "obs", now_s=15) == []
    assert looks(conditions, "obs", now_s=20) == [("obs", State.RAISED)]
    assert looks(conditions, now_s=25) == []
    assert looks(conditions, "obs", now_s=30) == []
    assert looks(conditions, now_s=35) == []
    assert looks(conditions, now_s=45) == [("obs", State.RECOVERED)]


def test_only_the_outcome_that_hurts_counts() -> None:
    conditions = Conditions()
    check = {**wrong("twitch"), "outcome": str(Outcome.WARNING)}
    assert list(conditions.look([check, {**wrong("obs"), "outcome": "ok"}], 100.0, 0.0)) == []


def test_every_check_that_is_watched_is_one_that_there_is() -> None:
    text = Path(checks.__file__).read_text("utf-8")
    for name in WATCHED:
        assert f'"{name}"' in text


def test_a_failed_job_is_told_once_for_a_while_and_then_with_how_often_it_came() -> None:
    conditions = Conditions()
    first = ended(conditions, "stream_key_refused")
    assert first is not None
    assert (first.event, first.state, first.said, first.fix) == ("job_failed", State.RAISED, "m", "h")
    assert first.ids == {
        "action": START,
        "code": "stream_key_refused",
        "job_id": "job_1",
        "agent_id": "producer",
    }
    for second in (1.0, 2.0, REPEAT_S - 1):
        assert ended(conditions, "stream_key_refused", second) is None
    other = ended(conditions, "stream_start_timeout", 3.0)
    assert other is not None
    assert other.repeats == 0
    assert ended(conditions, "stream_start_timeout", 4.0) is None
    later = ended(conditions, "stream_start_timeout", REPEAT_S + 10)
    assert later is not None
    assert later.repeats == 1


def test_when_the_action_works_again_that_is_told_once() -> None:
    conditions = Conditions()
    assert ended(conditions, None) is None
    ended(conditions, "stream_key_refused")
    assert ended(conditions, None, action="twitch.stop_stream") is None
    recovered = ended(conditions, None)
    assert recovered is not None
    assert recovered.state is State.RECOVERED
    assert ended(conditions, None) is None


def test_what_fails_and_works_in_turn_is_told_once_for_a_while() -> None:
    conditions = Conditions()
    told = [ended(conditions, None if second % 2 else "scene_not_found", float(second)) for second in range(60)]
    assert [alert.state for alert in told if alert] == [State.RAISED, State.RECOVERED]
    later = ended(conditions, "scene_not_found", REPEAT_S)
    assert later is not None
    assert (later.state, later.repeats) == (State.RAISED, 29)
    recovered = ended(conditions, None, REPEAT_S + 1)
    assert recovered is not None
    assert recovered.state is State.RECOVERED


def test_what_fails_in_two_ways_in_turn_is_told_once_each() -> None:
    conditions = Conditions()
    codes = ("scene_not_found", "stream_connect_failed")
    told = [ended(conditions, codes[second % 2], float(second)) for second in range(60)]
    assert [alert.ids["code"] for alert in told if alert] == list(codes)
    recovered = ended(conditions, None, 60.0)
    assert recovered is not None
    assert ended(conditions, None, 61.0) is None


def test_what_somebody_wished_is_no_failure_and_prometheus_thinks_so_too() -> None:
    conditions = Conditions()
    for code in WISHED:
        assert ended(conditions, code) is None
    rules = (TOOLS / "observability" / "alerts.yml").read_text("utf-8")
    (listed,) = set(re.findall(r'outcome!~"ok\|([a-z_|]+)"', rules))
    assert set(listed.split("|")) == WISHED
