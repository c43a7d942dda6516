"""Waiting for a job: answered when it ends, never at the cost of anybody else."""

import socket
import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from clawcraft.http.workers import IDLE_KEPT
from tests.support.http_service import TOKEN, HttpService, Response, job
from tests.support.waiting import wait_until


def poll(service: HttpService, job_id: str, wait: str = "30") -> Response:
    return service.get(f"/tools/jobs/{job_id}?wait={wait}")


def test_a_poll_is_answered_when_its_job_ends(service: HttpService) -> None:
    service.jobs.put(job("a"))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(poll, service, "a")
        service.jobs.until_waiting(1)
        service.jobs.end("a")
        answer = waiting.result(10)
    assert answer.json["job"]["status"] == "done"


def test_a_poll_is_answered_with_the_job_as_it_is_after_its_wait(service: HttpService) -> None:
    service.jobs.put(job("a"))
    begun_s = service.clock.monotonic()
    answer = poll(service, "a", "0.7")
    assert answer.json["job"]["status"] == "queued"
    assert service.clock.monotonic() - begun_s == pytest.approx(0.7)


def test_without_wait_or_for_an_ended_job_nothing_waits(service: HttpService) -> None:
    service.jobs.put(job("a"))
    assert poll(service, "a", "0").json["job"]["status"] == "queued"
    service.jobs.end("a")
    begun_s = service.clock.monotonic()
    assert poll(service, "a").json["job"]["status"] == "done"
    assert service.clock.monotonic() == begun_s


def test_polls_leave_the_workers_free_and_those_beyond_the_places_are_answered_at_once() -> None:
    with HttpService(workers=2, wait_slots=24) as service:
        service.jobs.put(job("a"))
        with ThreadPoolExecutor(40) as pool:
            polls: list[Future[Response]] = [pool.submit(poll, service, "a") for _ in range(40)]
            service.jobs.until_waiting(24)
            assert service.slots.in_use == 24
            for _ in range(4):
                assert service.get("/health").status == 200
            service.jobs.end("a")
            statuses = sorted(answer.result(10).json["job"]["status"] for answer in polls)
        assert statuses == ["done"] * 24 + ["queued"] * 16
        assert service.slots.in_use == 0


def test_a_poll_whose_client_vanished_gives_its_place_back(service: HttpService) -> None:
    service.jobs.put(job("a"))
    with socket.create_connection(("127.0.0.1", service.server.port), timeout=10) as sock:
        line = f"GET /tools/jobs/a?wait=30 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        sock.sendall(line.encode())
        service.jobs.until_waiting(1)
    service.jobs.until_waiting(0, timeout_s=5)
    assert service.get("/health").status == 200


def test_a_half_closed_poll_is_answered_early_instead_of_never(service: HttpService) -> None:
    service.jobs.put(job("a"))
    line = f"GET /tools/jobs/a?wait=30 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    assert service.raw(line.encode(), end=True).startswith(b"HTTP/1.1 200")


def test_stopping_answers_a_woken_poll_and_ends_within_its_time() -> None:
    service = HttpService()
    with ThreadPoolExecutor(1) as pool:
        with service:
            service.jobs.put(job("a"))
            waiting = pool.submit(poll, service, "a")
            service.jobs.until_waiting(1)
        assert waiting.result(5).json["job"]["status"] == "queued"


def test_stopping_ends_polls_that_nobody_wakes() -> None:
    service = HttpService()
    service.server.start()
    service.jobs.put(job("a"))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(poll, service, "a")
        service.jobs.until_waiting(1)
        assert service.server.stop(2.0) == []
        with pytest.raises((ConnectionError, OSError)):
            waiting.result(5)


def http_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("clawcraft-http-")]


def test_the_pool_shrinks_back_after_waits(service: HttpService) -> None:
    service.jobs.put(job("a"))
    with ThreadPoolExecutor(20) as pool:
        polls = [pool.submit(poll, service, "a") for _ in range(20)]
        service.jobs.until_waiting(20)
        assert len(http_threads()) > 20
        service.jobs.end("a")
        for answer in polls:
            assert answer.result(10).status == 200
    assert service.slots.in_use == 0
    wait_until(lambda: len(http_threads()) <= IDLE_KEPT + 1, "the threads that nobody needs have ended")
