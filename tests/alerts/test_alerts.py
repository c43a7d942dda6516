"""The queue and its tries: bounded, in order, as patient as the receiver asks, and over when the service is."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from clawcraft.alerts.alert import EndedJob
from clawcraft.alerts.alerts import FIRST_BACKOFF_S, FLUSH_S, LOOK_S, MAX_TRIES, MAX_WAITING, SEND_TIMEOUT_S, Alerts
from clawcraft.alerts.conditions import AGAIN_S
from clawcraft.alerts.webhook import Outcome, Try, Webhook
from clawcraft.clock import SystemClock
from clawcraft.secrets import Secret
from clawcraft.settings import Settings
from tests.support.clock import ManualClock
from tests.support.events import RecordedEvents
from tests.support.receiver import Receiver
from tests.support.settings import make_settings
from tests.support.waiting import HANG_S, wait_until

URL = "https://alerts.example/the-key-0123456789"
DROPPED = {"name": "stream_dropped", "outcome": "failed", "message": "gave up", "fix": "start again"}
GONE = Try(Outcome.AGAIN, "cannot connect")


class ScriptedWebhook(Webhook):
    """Answers with what ``tries`` holds next, then takes everything."""

    def __init__(self) -> None:
        self.tries: list[Try] = []
        self.sent: list[bytes] = []
        self.within_s: list[float] = []

    def post(self, url: Secret, body: bytes, within_s: float) -> Try:
        self.sent.append(body)
        self.within_s.append(within_s)
        return self.tries.pop(0) if self.tries else Try(Outcome.SENT)

    def close(self) -> None:
        pass


class Rig:
    """The alerts without their thread: ``step`` is what it does again and again."""

    def __init__(self, clock: ManualClock, events: RecordedEvents) -> None:
        self.settings: Settings = make_settings(alert_webhook_url=Secret(URL))
        self.checks: list[dict[str, str]] = []
        self.webhook = ScriptedWebhook()
        self.counted: list[str] = []
        self.clock = clock
        self.alerts = Alerts(
            lambda: self.settings, lambda: self.checks, self.webhook, clock, events, self.counted.append, "1.0"
        )

    def fails(self, code: str = "stream_key_refused", action: str = "twitch.start_stream") -> None:
        error = {"code": code, "message": "m", "hint": "h"}
        self.alerts.job_ended(EndedJob("job_1", action, "producer", error))

    def step(self, after_s: float = 0.0) -> float:
        self.clock.advance(after_s)
        wait_s = self.alerts.step()
        assert wait_s is not None
        return wait_s

    @property
    def status(self) -> dict[str, Any]:
        return self.alerts.status()


@pytest.fixture
def rig(clock: ManualClock, events: RecordedEvents) -> Rig:
    return Rig(clock, events)


def test_what_fails_and_what_is_wrong_is_sent_each_once(rig: Rig) -> None:
    rig.fails()
    rig.checks = [DROPPED]
    while rig.step() == 0:
        pass
    rig.step(LOOK_S)
    assert len(rig.webhook.sent) == 2
    assert rig.webhook.within_s == [SEND_TIMEOUT_S] * 2
    assert (rig.status["sent"], rig.status["open"], rig.status["problem"]) == (2, ["stream_dropped"], None)
    assert rig.status["last_sent_at"] is not None
    rig.checks = []
    rig.step(LOOK_S)
    assert b"recovered" in rig.webhook.sent[-1]


def test_a_receiver_that_fails_is_asked_again_after_longer_and_longer_and_then_given_up(
    rig: Rig, events: RecordedEvents
) -> None:
    rig.webhook.tries = [GONE] * MAX_TRIES
    rig.fails()
    rig.step()
    for tried in range(1, MAX_TRIES):
        waits_s = rig.alerts._send_at_s - rig.clock.now_s
        assert FIRST_BACKOFF_S * 2 ** (tried - 1) <= waits_s <= 1.25 * FIRST_BACKOFF_S * 2 ** (tried - 1)
        assert rig.status["problem"] == "cannot connect"
        rig.step(waits_s - 0.01)
        assert len(rig.webhook.sent) == tried
        rig.step(0.01)
    assert len(rig.webhook.sent) == MAX_TRIES
    assert len(set(rig.webhook.sent)) == 1  # the very same, with the same id
    assert (rig.status["given_up"], rig.status["waiting"], rig.counted) == (1, 0, ["given_up"])
    assert events.named("alert_not_sent") == [{"alert": "job_failed", "tries": MAX_TRIES, "reason": "cannot connect"}]
    rig.fails("stream_start_timeout")
    rig.step(60)
    assert b'"lost_before": 1' in rig.webhook.sent[-1]


def given_up(rig: Rig) -> None:
    """All tries of the alert that waits, one after the other."""
    before = rig.status["given_up"]
    while rig.status["given_up"] == before:
        rig.step(rig.step())


def test_what_is_still_wrong_after_a_receiver_was_away_is_told_then(rig: Rig) -> None:
    rig.webhook.tries = [GONE] * MAX_TRIES * 2
    rig.checks = [DROPPED]
    given_up(rig)
    rig.step(AGAIN_S - LOOK_S)
    assert len(rig.webhook.sent) == MAX_TRIES
    given_up(rig)
    assert len(rig.webhook.sent) == 2 * MAX_TRIES
    rig.step(AGAIN_S)
    assert (b"raised" in rig.webhook.sent[-1], rig.status["sent"]) == (True, 1)
    assert b'"lost_before": 0' in rig.webhook.sent[-1]
    for _ in range(100):
        rig.step(LOOK_S)
    assert len(rig.webhook.sent) == 2 * MAX_TRIES + 1
    assert rig.status["open"] == ["stream_dropped"]


def test_of_what_was_over_before_a_receiver_was_back_the_end_is_told(rig: Rig) -> None:
    """A try that was not answered may have arrived: nobody is left with a stream that is down for ever."""
    rig.webhook.tries = [GONE] * MAX_TRIES
    rig.checks = [DROPPED]
    given_up(rig)
    rig.checks = []
    rig.step(LOOK_S)
    rig.step(AGAIN_S)
    assert (len(rig.webhook.sent), rig.status["sent"]) == (MAX_TRIES + 1, 1)
    assert b"recovered" in rig.webhook.sent[-1]
    assert b'"lost_before": 1' in rig.webhook.sent[-1]
    rig.checks = [DROPPED]
    rig.step(LOOK_S)
    assert b"raised" in rig.webhook.sent[-1]
    rig.step(AGAIN_S)
    assert (len(rig.webhook.sent), rig.status["sent"]) == (MAX_TRIES + 2, 2)


def test_what_is_wrong_and_waits_to_be_told_a_second_time_is_not_told_a_third(rig: Rig) -> None:
    rig.webhook.tries = [GONE] * MAX_TRIES
    rig.checks = [DROPPED]
    rig.step()
    rig.checks = []
    rig.alerts._look(rig.clock.now_s)
    rig.checks = [DROPPED]
    rig.alerts._look(rig.clock.now_s)
    given_up(rig)
    for _ in range(100):
        rig.step(LOOK_S)
    assert (len(rig.webhook.sent), rig.status["sent"]) == (MAX_TRIES + 2, 2)


def test_what_is_wrong_and_refused_is_not_told_again(rig: Rig) -> None:
    rig.webhook.tries = [Try(Outcome.REFUSED, "it answered 404: there is no such webhook")]
    rig.checks = [DROPPED]
    for _ in range(100):
        rig.step(LOOK_S)
    assert (len(rig.webhook.sent), rig.status["given_up"]) == (1, 1)


def test_retry_after_is_waited_for_and_holds_for_those_behind(rig: Rig) -> None:
    rig.webhook.tries = [Try(Outcome.AGAIN, "it answered 429", 90.0)]
    rig.fails()
    rig.step()
    rig.fails("stream_start_timeout")
    for _ in range(17):
        rig.step(LOOK_S)
    assert len(rig.webhook.sent) == 1
    rig.step(LOOK_S)
    rig.step()
    assert len(rig.webhook.sent) == 3
    assert rig.status["sent"] == 2


def test_a_receiver_that_wants_no_wait_is_given_one_all_the_same(rig: Rig) -> None:
    rig.webhook.tries = [Try(Outcome.AGAIN, "it answered 503", 0.0)] * MAX_TRIES
    rig.fails()
    assert rig.step() > 0
    rig.step()
    assert (len(rig.webhook.sent), rig.status["waiting"]) == (1, 1)
    rig.step(1.25 * FIRST_BACKOFF_S)
    assert len(rig.webhook.sent) == 2


def test_a_refusal_is_not_tried_again(rig: Rig) -> None:
    rig.webhook.tries = [Try(Outcome.REFUSED, "it answered 404: there is no such webhook")]
    rig.fails()
    rig.fails("stream_start_timeout")
    rig.step()
    rig.step()
    assert (rig.status["given_up"], rig.status["sent"], len(rig.webhook.sent)) == (1, 1, 2)


def test_what_there_is_no_room_for_is_counted_and_said(rig: Rig, events: RecordedEvents) -> None:
    rig.webhook.tries = [GONE]
    rig.alerts.test()
    rig.step()
    for _ in range(MAX_WAITING):
        rig.alerts.test()
    assert (rig.status["waiting"], rig.status["dropped"], rig.counted) == (MAX_WAITING, 1, ["dropped"])
    assert len(events.named("alert_not_sent")) == 1
    for number in range(3):
        rig.fails(f"code_{number}")
    assert rig.status["dropped"] == 4
    rig.step(60)
    assert b'"lost_before": 4' in rig.webhook.sent[-1]


def test_what_is_lost_while_one_is_being_sent_is_said_with_the_next(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    post = rig.webhook.post

    def slow_post(*args: Any) -> Try:
        for _ in range(MAX_WAITING + 3):
            rig.alerts.test()
        return post(*args)

    rig.alerts.test()
    with monkeypatch.context() as receiver:
        receiver.setattr(rig.webhook, "post", slow_post)
        rig.step()
    rig.step()
    assert b'"lost_before": 4' in rig.webhook.sent[-1]


def test_without_a_webhook_nothing_is_looked_for_or_kept(rig: Rig) -> None:
    rig.settings = make_settings()
    rig.alerts.apply()
    rig.fails()
    assert rig.alerts.step() is None
    assert rig.status["configured"] is False
    assert (rig.status["waiting"], rig.webhook.sent) == (0, [])
    assert rig.alerts._thread is None


def test_a_look_or_an_alert_that_breaks_does_not_end_the_others(rig: Rig, events: RecordedEvents) -> None:
    def broken() -> list[dict[str, str]]:
        raise RuntimeError("no")

    rig.alerts._checks = broken
    rig.fails()
    rig.step()
    assert rig.status["sent"] == 1
    assert events.named("alerts_blind") == [{"reason": "RuntimeError"}]


def test_another_address_starts_afresh(rig: Rig) -> None:
    rig.webhook.tries = [Try(Outcome.AGAIN, "it answered 429", 3000.0)]
    rig.alerts._url = Secret(URL)
    rig.fails()
    rig.step()
    rig.settings = replace(rig.settings, alert_webhook_url=Secret("https://alerts.example/another"))
    rig.alerts._flush_until_s = None
    rig.alerts.apply()
    try:
        wait_until(lambda: rig.status["sent"] == 1, "the other one is told at once")
        assert rig.status["problem"] is None
    finally:
        rig.alerts.stop()


# --- the thread -------------------------------------------------------------------------------------------------------


Live = Callable[[str], Alerts]


@pytest.fixture
def live(tmp_path: Path, events: RecordedEvents) -> Iterator[Live]:
    """The alerts with their thread and a real webhook."""
    made: list[Alerts] = []

    def build(url: str) -> Alerts:
        clock = SystemClock()
        settings = make_settings(alert_webhook_url=Secret(url))
        alerts = Alerts(lambda: settings, list, Webhook(clock, "test/1"), clock, events, lambda _outcome: None, "1.0")
        made.append(alerts)
        alerts.apply()
        return alerts

    yield build
    for alerts in made:
        alerts.stop()


def test_what_is_told_right_before_the_end_still_arrives(live: Live, receiver: Receiver) -> None:
    alerts = live(receiver.url)
    for _ in range(3):
        alerts.test()
    alerts.stop()
    assert [body["state"] for body in receiver.bodies] == ["test"] * 3
    assert set(receiver.paths) == {"/hooks/the-key-0123456789"}
    assert alerts.status()["sent"] == 3


def test_a_receiver_that_hangs_keeps_the_end_no_longer_than_it_may(
    live: Live, receiver: Receiver, events: RecordedEvents
) -> None:
    receiver.hanging = True
    alerts = live(receiver.url)
    for _ in range(3):
        alerts.test()
    receiver.got(1)
    thread = alerts._thread
    assert thread is not None
    began_s = time.monotonic()
    alerts.stop()
    thread.join(HANG_S)
    assert time.monotonic() - began_s < HANG_S / 10
    assert FLUSH_S < 1.5  # of the two seconds that an unload may take
    assert (alerts.status()["given_up"], alerts.status()["waiting"]) == (3, 0)
    assert len(events.named("alert_not_sent")) == 3


def test_nobody_who_has_something_to_tell_waits(live: Live, receiver: Receiver) -> None:
    receiver.hanging = True
    alerts = live(receiver.url)
    alerts.test()
    receiver.got(1)
    error = {"message": "m", "hint": "h"}
    for number in range(1_000):
        told = {**error, "code": f"code_{number}"}
        alerts.job_ended(EndedJob("job_1", "twitch.start_stream", "producer", told))
    assert alerts.status()["dropped"] == 1_000 - (MAX_WAITING - 1)
