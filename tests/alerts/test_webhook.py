"""One POST: what each answer means, that it ends in time, and that nothing said of it has the address in it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from clawcraft.alerts.webhook import MAX_TOLD_S, Outcome, Webhook
from clawcraft.clock import SystemClock
from clawcraft.secrets import Secret
from clawcraft.telemetry.log import ServiceLog
from tests.support.ports import free_port
from tests.support.receiver import Receiver
from tests.support.waiting import HANG_S


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    webhook = Webhook(SystemClock(), "test/1")
    yield webhook
    webhook.close()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((200, Outcome.SENT), (204, Outcome.SENT)),
        *((429, Outcome.AGAIN), (500, Outcome.AGAIN), (503, Outcome.AGAIN)),
        *((400, Outcome.REFUSED), (401, Outcome.REFUSED), (404, Outcome.REFUSED), (410, Outcome.REFUSED)),
    ],
)
def test_each_status_means_one_thing(receiver: Receiver, webhook: Webhook, status: int, outcome: Outcome) -> None:
    receiver.answers = [(status, {})]
    tried = webhook.post(Secret(receiver.url), b'{"a": 1}', HANG_S)
    assert tried.outcome is outcome
    assert (str(status) in tried.problem) == (outcome is not Outcome.SENT)
    assert receiver.bodies == [{"a": 1}]


@pytest.mark.parametrize(
    ("header", "told_s"),
    [
        *(("7", 7.0), ("0.5", 0.5), ("1e9", MAX_TOLD_S), ("-1", None), ("soon", None)),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 2099 07:28:00 GMT", MAX_TOLD_S),
    ],
)
def test_retry_after_is_understood_as_seconds_and_as_a_date(
    receiver: Receiver, webhook: Webhook, header: str, told_s: float | None
) -> None:
    receiver.answers = [(429, {"Retry-After": header})]
    assert webhook.post(Secret(receiver.url), b"{}", HANG_S).told_s == told_s


def test_a_receivers_broken_header_writes_no_address_to_the_log(
    receiver: Receiver, webhook: Webhook, tmp_path: Path
) -> None:
    log = ServiceLog(tmp_path, lambda _line: None, SystemClock())
    receiver.answers = [(204, {"no name": "x"})]
    try:
        assert webhook.post(Secret(receiver.url), b"{}", HANG_S).outcome is Outcome.SENT
    finally:
        log.close()
    text = log.path.read_text("ascii")
    assert "Failed to parse headers" in text
    assert f"{receiver.address}/***" in text
    assert "the-key" not in text


def test_a_redirect_is_not_followed(receiver: Receiver, webhook: Webhook) -> None:
    with Receiver() as other:
        receiver.answers = [(307, {"Location": other.url})]
        tried = webhook.post(Secret(receiver.url), b"{}", HANG_S)
        assert tried.outcome is Outcome.REFUSED
        assert "elsewhere" in tried.problem
        assert other.bodies == []


def test_one_that_hangs_ends_in_time(receiver: Receiver, webhook: Webhook) -> None:
    receiver.hanging = True
    tried = webhook.post(Secret(receiver.url), b"{}", 0.2)
    assert (tried.outcome, tried.problem) == (Outcome.AGAIN, "no answer within 0.2 s")


def test_one_that_is_not_there_is_said_without_its_address(webhook: Webhook) -> None:
    tried = webhook.post(Secret(f"http://127.0.0.1:{free_port()}/the-key"), b"{}", HANG_S)
    assert (tried.outcome, tried.problem) == (Outcome.AGAIN, "cannot connect")


def test_closing_cuts_what_is_under_way_and_refuses_what_comes_later(receiver: Receiver, webhook: Webhook) -> None:
    receiver.hanging = True
    tries = []
    thread = threading.Thread(target=lambda: tries.append(webhook.post(Secret(receiver.url), b"{}", HANG_S)))
    thread.start()
    receiver.got(1)
    webhook.close()
    thread.join(HANG_S)
    tries.append(webhook.post(Secret(receiver.url), b"{}", HANG_S))
    assert [tried.problem for tried in tries] == ["the service stops"] * 2
    assert len(receiver.bodies) == 1
