"""Start and stop: the port taken and freed at once, no thread and no connection left."""

import gc
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from clawcraft.http.server import HttpServer, ListenError, PortInUse
from clawcraft.http.workers import IDLE_KEPT, MAX_WAITING, Workers
from clawcraft.jobs.slots import Slots
from tests.support.http_service import HttpService, request
from tests.support.job_rig import together
from tests.support.waiting import HANG_S, wait_until

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF_SENT = b"POST /tools/execute HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def everything(sock: socket.socket) -> bytes:
    """What the server sends until it closes."""
    return b"".join(iter(lambda: sock.recv(65536), b""))


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def test_50_starts_and_stops_on_one_port_leave_nothing() -> None:
    first = HttpServer(app, "127.0.0.1", 0, Slots(MAX_WAITING, lambda: False))
    first.start()
    port = first.port
    assert first.stop(2) == []
    threads = set(threading.enumerate())
    slots = Slots(MAX_WAITING, lambda: False)
    gc.collect()  # what earlier tests left to the collector is not ours to count
    files = open_files() if sys.platform == "linux" else 0
    for _ in range(50):
        server = HttpServer(app, "127.0.0.1", port, slots)
        server.start()
        with socket.create_connection(("127.0.0.1", port), timeout=5) as kept:
            kept.sendall(HEALTH)
            assert kept.recv(1) == b"H"
            assert server.stop(2) == []
            assert everything(kept).endswith(b"ok")
        assert set(threading.enumerate()) == threads
    gc.collect()
    if sys.platform == "linux":
        assert open_files() <= files


def test_stop_waits_for_no_idle_or_half_sent_connection() -> None:
    with HttpService() as service:
        address = ("127.0.0.1", service.server.port)
        connections = [socket.create_connection(address, timeout=5) for _ in range(20)]
        for number, sock in enumerate(connections):
            sock.sendall((HEALTH, HEALTH[:20], HALF_SENT, b"")[number % 4])
        assert service.get("/health").status == 200
        begun_s = time.monotonic()
        assert service.server.stop(2.0) == []
        assert time.monotonic() - begun_s < 3
        for sock in connections:
            sock.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=5)


def test_a_running_request_is_finished_before_the_stop() -> None:
    service = HttpService()
    hold = service.dispatcher.hold()
    answers: list[object] = []
    with service:
        client = threading.Thread(target=lambda: answers.append(service.post(request()).status))
        client.start()
        hold.until_reached()
        stopper = threading.Thread(target=lambda: answers.append(service.server.stop(10)))
        stopper.start()
        hold.let_go()
        stopper.join()
        client.join()
    assert sorted(answers, key=str) == [200, []]


def test_a_request_that_hangs_is_named_and_does_not_hold_the_stop() -> None:
    service = HttpService()
    hold = service.dispatcher.hold()
    service.server.start()
    cut_off = []

    def ask() -> None:
        with pytest.raises(OSError) as caught:  # noqa: PT011 - whichever way the connection ends
            service.post(request())
        cut_off.append(caught.value)

    client = threading.Thread(target=ask)
    client.start()
    hold.until_reached()
    begun_s = time.monotonic()
    (name,) = service.server.stop(0.6)
    assert name.startswith("clawcraft-http-")
    assert time.monotonic() - begun_s < 2
    client.join()
    assert len(cut_off) == 1
    hold.let_go()
    assert service.server.stop(10) == []


def test_stop_may_come_twice_and_before_any_start() -> None:
    server = HttpServer(app, "127.0.0.1", 0, Slots(MAX_WAITING, lambda: False))
    assert server.stop(1) == []
    server.start()
    assert [server.stop(1), server.stop(1)] == [[], []]


def test_a_taken_port_is_told_to_the_caller_and_nothing_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUse) as caught:
            HttpServer(app, "127.0.0.1", port, Slots(MAX_WAITING, lambda: False)).start()
        assert str(caught.value) == (
            f"port {port} on 127.0.0.1 is in use by another program: close that program or choose another PORT"
        )
    server = HttpServer(app, "127.0.0.1", port, Slots(MAX_WAITING, lambda: False))
    server.start()
    with pytest.raises(PortInUse):
        HttpServer(app, "127.0.0.1", port, Slots(MAX_WAITING, lambda: False)).start()
    assert server.stop(1) == []


def test_an_address_of_another_machine_is_told_to_the_caller() -> None:
    with pytest.raises(ListenError, match=r"192\.0\.2\.1 is not an address of this machine"):
        HttpServer(app, "192.0.2.1", 0, Slots(MAX_WAITING, lambda: False)).start()


def test_a_connection_that_breaks_the_loop_costs_only_itself(service: HttpService, caplog: Any) -> None:
    with socket.create_connection(("127.0.0.1", service.server.port), timeout=5) as sock:
        sock.sendall(HEALTH)
        assert sock.recv(4096)
        (channel,) = service.server._listener.active_channels.values()  # type: ignore[union-attr]
        broken = threading.Event()

        def writable() -> bool:
            if not broken.is_set():
                broken.set()
                raise RuntimeError("provoked")
            return False

        channel.writable = writable
        service.server._listener.pull_trigger()  # type: ignore[union-attr]
        assert broken.wait(5)
        assert service.get("/health").status == 200
    assert "the HTTP loop stumbled" in caplog.text


def test_a_burst_beyond_the_workers_is_served_without_a_warning(service: HttpService, caplog: Any) -> None:
    together([lambda: service.get("/health")] * 40)
    assert len(service.requests(40)) == 40
    assert caplog.text == ""


def test_the_last_thread_to_rest_is_the_first_to_be_called() -> None:
    """So that of many threads, which one burst needed, a few do all the work that follows."""
    asked: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
    servers: queue.SimpleQueue[str] = queue.SimpleQueue()

    class Request:
        def __init__(self, work: Callable[[], object]) -> None:
            self._work = work

        def service(self) -> None:
            workers.may_block()
            self._work()

    def look() -> bool:
        work = asked.get()
        if work is not None:
            workers.add_task(Request(work))
        return work is not None

    def all_rest() -> bool:
        """One that the burst needed ends, and may lead once more until it has."""
        alive = sum(thread.is_alive() for thread in workers._threads)
        return not workers.busy and len(workers._idle) == IDLE_KEPT == alive - 1

    def serve() -> None:
        wait_until(lambda: workers._leader is not None, "another thread looks at the connections")
        servers.put(threading.current_thread().name)

    workers = Workers(look, 8)
    workers.start()
    burst = threading.Barrier(IDLE_KEPT + 1)
    for _ in range(IDLE_KEPT + 1):
        asked.put(burst.wait)
    served = set()
    for _ in range(10):
        wait_until(all_rest, "the threads rest")
        asked.put(serve)
        served.add(servers.get(timeout=HANG_S))
    asked.put(None)
    assert workers.join(time.monotonic() + 10) == []
    assert len(served) == 2
