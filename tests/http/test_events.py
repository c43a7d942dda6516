"""``GET /events``: answered when there is something, told why when there is nothing, never at others' cost."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.http_service import HttpService, Response
from tests.support.responses import fits

CHAT = {"type": "chat", "text": "hello"}


def texts(answer: Response) -> list[str]:
    return [entry["text"] for entry in answer.json["events"]]


def test_what_was_heard_comes_at_once_and_then_what_is_new(service: HttpService) -> None:
    service.hearing.memory.add(CHAT)
    first = service.get("/events?wait=30")
    assert first.status == 200
    assert fits("events", first.json)
    assert texts(first) == ["hello"]
    assert (first.json["enabled"], first.json["connected"], first.json["gap"]) == (True, True, False)
    service.hearing.memory.add({**CHAT, "text": "again"})
    assert texts(service.get(f"/events?cursor={first.json['next_cursor']}")) == ["again"]


def test_a_poll_is_answered_when_something_of_its_types_is_heard(service: HttpService) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(service.get, "/events?wait=30&types=raid,follow")
        assert service.hearing.memory.waiting.acquire(timeout=10)
        service.hearing.memory.add(CHAT)
        service.hearing.memory.add({"type": "raid"})
        answer = waiting.result(10)
    assert [entry["type"] for entry in answer.json["events"]] == ["raid"]


def test_a_poll_is_answered_empty_after_its_wait(service: HttpService) -> None:
    begun_s = service.clock.monotonic()
    answer = service.get("/events?wait=0.7")
    assert answer.json["events"] == []
    assert service.clock.monotonic() - begun_s == pytest.approx(0.7)


def test_a_gap_is_told_to_whoever_waits_and_marked(service: HttpService) -> None:
    service.hearing.memory.add_gap(["chat"], 1.0, 2.0, "connection_lost", "the connection broke")
    answer = service.get("/events?wait=30&types=raid")
    assert fits("events", answer.json)
    assert answer.json["gap"] is True
    assert answer.json["events"][0]["reason"] == "connection_lost"


def test_while_hearing_is_off_nobody_waits_and_the_answer_says_what_to_do(service: HttpService) -> None:
    service.hearing.now = {**service.hearing.now, "enabled": False, "connected": False}
    begun_s = service.clock.monotonic()
    answer = service.get("/events?wait=30")
    assert answer.status == 200
    assert fits("events", answer.json)
    assert answer.json["enabled"] is False
    assert "TWITCH_EVENTS" in answer.json["problem"]
    assert service.clock.monotonic() == begun_s


def test_what_keeps_it_from_hearing_is_said(service: HttpService) -> None:
    service.hearing.now = {**service.hearing.now, "connected": False, "problem": "cannot connect"}
    answer = service.get("/events")
    assert (answer.json["connected"], answer.json["problem"]) == (False, "cannot connect")


def test_pages_are_as_long_as_asked_for(service: HttpService) -> None:
    for number in range(300):
        service.hearing.memory.add({**CHAT, "text": str(number)})
    found: list[str] = []
    cursor = ""
    for limit in (1, 99, 200):
        answer = service.get(f"/events?limit={limit}{cursor}")
        cursor = f"&cursor={answer.json['next_cursor']}"
        found += texts(answer)
    assert found == [str(number) for number in range(300)]


def test_polls_beyond_the_places_are_answered_at_once_and_all_are_when_something_is_heard() -> None:
    with HttpService(workers=2, wait_slots=4) as service, ThreadPoolExecutor(10) as pool:
        polls = [pool.submit(service.get, "/events?wait=30") for _ in range(10)]
        for _ in range(4):
            assert service.hearing.memory.waiting.acquire(timeout=10)
        assert service.get("/health").status == 200
        service.hearing.memory.add(CHAT)
        answers: list[Any] = [poll.result(10).json["events"] for poll in polls]
    assert sum(bool(events) for events in answers) >= 4


def test_stopping_answers_who_waits() -> None:
    service = HttpService()
    with ThreadPoolExecutor(1) as pool:
        with service:
            waiting = pool.submit(service.get, "/events?wait=30")
            assert service.hearing.memory.waiting.acquire(timeout=10)
            service.hearing.memory.close()
            assert waiting.result(10).json["events"] == []
        assert service.slots.in_use == 0
