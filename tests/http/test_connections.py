"""Which connections end, when, and which one makes room for another."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from clawcraft.http import wire
from clawcraft.http.wire import Timeouts
from clawcraft.http.workers import Workers
from tests.support.crowd import Crowd
from tests.support.http_service import TOKEN, HttpService, request
from tests.support.waiting import wait_until

FOR_EVER_S = 3600.0
FOR_EVER = Timeouts(FOR_EVER_S, FOR_EVER_S, FOR_EVER_S)
NEVER: dict[str, Any] = {"timeouts": FOR_EVER}
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}


class Caller:
    """One connection, kept as long as the server keeps it."""

    def __init__(self, service: HttpService) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", service.server.port, timeout=30)
        self._http.auto_open = False
        self._http.connect()
        self.sock: socket.socket = self._http.sock

    def get(self, path: str, **headers: str) -> int:
        """The status. Fails if the server has ended the connection."""
        self._http.request("GET", path, headers=headers)
        with self._http.getresponse() as response:
            response.read()
            return response.status

    @property
    def was_told_to_go(self) -> bool:
        """Whether the last answer said that it is the connection's last."""
        return self._http.sock is None

    def is_ended(self) -> bool:
        """Waits for the end."""
        with contextlib.suppress(ConnectionResetError):
            assert self.sock.recv(1) == b""
        return True

    def is_open(self) -> bool:
        self.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            return self.sock.recv(1) != b""
        return True

    def close(self) -> None:
        self._http.close()
        self.sock.close()


@contextlib.contextmanager
def callers(service: HttpService, number: int) -> Iterator[list[Caller]]:
    with contextlib.ExitStack() as stack:
        made = []
        for _ in range(number):
            made.append(caller := Caller(service))
            stack.callback(caller.close)
        yield made


def wait_for_the_clock() -> None:
    """Until the server sees a later time: Windows counts in steps of 16 ms."""
    now_s = time.monotonic()
    wait_until(lambda: time.monotonic() > now_s, "the clock goes on")


# --- time ---------------------------------------------------------------------------------------------------------


def test_a_stranger_s_connection_ends_early_and_an_agent_s_stays() -> None:
    with HttpService(timeouts=FOR_EVER._replace(stranger_s=2.0)) as service, contextlib.ExitStack() as stack:
        (agent,) = stack.enter_context(callers(service, 1))
        assert agent.get("/tools", **AUTHORIZED) == 200
        (served,) = stack.enter_context(callers(service, 1))
        assert served.get("/health") == served.get("/openapi.json") == 200
        silent, half_sent = stack.enter_context(callers(service, 2))
        half_sent.sock.sendall(HEALTH[:-2])
        assert silent.is_ended()
        assert served.is_ended()
        assert half_sent.is_ended()
        assert agent.get("/health") == 200


def test_an_agent_s_silent_connection_is_closed_after_its_time() -> None:
    with HttpService(timeouts=FOR_EVER._replace(idle_s=0.5)) as service, callers(service, 1) as (agent,):
        assert agent.get("/tools", **AUTHORIZED) == 200
        assert agent.is_ended()


@pytest.mark.parametrize(("limit", "shows_token"), [("request_s", True), ("stranger_s", False)])
def test_a_request_that_trickles_in_is_cut_off_although_it_never_falls_silent(limit: str, shows_token: bool) -> None:
    with HttpService(timeouts=FOR_EVER._replace(**{limit: 2.0})) as service, callers(service, 1) as (caller,):
        assert caller.get("/tools" if shows_token else "/health", **AUTHORIZED if shows_token else {}) == 200
        stop = threading.Event()

        def trickle() -> None:
            with contextlib.suppress(OSError):
                caller.sock.sendall(HEALTH[:-2] + b"X-Slow: ")
                while not stop.wait(0.1):
                    caller.sock.sendall(b"x")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            assert caller.is_ended()
        finally:
            stop.set()
            thread.join()


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/health", b"Host: evil.example\r\n", 403),
        ("/health", b"Host: localhost\r\nOrigin: http://localhost\r\n", 403),
        ("/tools", b"Host: localhost\r\n", 401),
        ("/tools", b"Host: localhost\r\nAuthorization: Bearer another-token-of-the-tests\r\n", 401),
        ("/nowhere", b"Host: localhost\r\n", 404),
    ],
)
def test_the_connection_of_a_stranger_that_is_refused_ends_with_the_answer(
    service: HttpService, path: str, headers: bytes, status: int
) -> None:
    refused = b"GET " + path.encode() + b" HTTP/1.1\r\n" + headers + b"\r\n"
    raw = service.raw(HEALTH + refused + HEALTH, end=False)
    assert [int(answer[:3]) for answer in raw.split(b"HTTP/1.1 ")[1:]] == [200, status]
    assert raw.count(b"Connection: close") == 1


def test_who_guesses_too_often_is_told_to_go_too(service: HttpService) -> None:
    statuses = []
    while 429 not in statuses:
        with callers(service, 1) as (stranger,):
            statuses.append(stranger.get("/tools", Authorization="Bearer another-token-of-the-tests"))
            assert stranger.was_told_to_go


@pytest.mark.parametrize("shown", ["Bearer another-token-of-the-tests", "Basic YTpi", ""])
def test_an_agent_s_mistakes_do_not_cost_its_connection_but_a_wrong_token_does(
    service: HttpService, shown: str
) -> None:
    with callers(service, 1) as (agent,):
        assert agent.get("/tools", **AUTHORIZED) == 200
        assert agent.get("/nowhere", **AUTHORIZED) == 404
        assert agent.get("/tools?a=b", **AUTHORIZED) == 400
        assert not agent.was_told_to_go
        assert agent.get("/tools", **({"Authorization": shown} if shown else {})) == 401
        assert agent.was_told_to_go


# --- room ---------------------------------------------------------------------------------------------------------


def test_at_the_limit_the_stranger_unanswered_for_longest_makes_room_and_agents_stay() -> None:
    with HttpService(connection_limit=4, **NEVER) as service, callers(service, 4) as (agent, first, second, third):
        assert agent.get("/tools", **AUTHORIZED) == 200
        second.sock.sendall(HEALTH[:-2])
        assert third.get("/health") == 200
        wait_for_the_clock()
        assert first.get("/health") == 200
        with callers(service, 2) as new:
            assert [caller.get("/tools", **AUTHORIZED) for caller in new] == [200, 200]
            assert second.is_ended()
            assert third.is_ended()
            assert first.is_open()
            assert agent.get("/health") == 200


def test_with_agents_alone_at_the_limit_the_one_that_was_silent_longest_makes_room() -> None:
    with HttpService(connection_limit=3, **NEVER) as service, callers(service, 3) as agents:
        for agent in (*agents, agents[0]):
            assert agent.get("/tools", **AUTHORIZED) == 200
            wait_for_the_clock()
        assert service.get("/tools").status == 200
        assert agents[1].is_ended()
        assert agents[0].is_open()
        assert agents[2].is_open()


def test_a_connection_whose_request_runs_never_makes_room() -> None:
    service = HttpService(connection_limit=2, **NEVER)
    hold = service.dispatcher.hold()
    statuses: list[int] = []
    with service:
        client = threading.Thread(target=lambda: statuses.append(service.post(request()).status))
        client.start()
        hold.until_reached()
        for _ in range(5):
            with callers(service, 3) as connections:
                assert connections[0].is_ended()
        hold.let_go()
        client.join()
    assert statuses == [200]


def test_a_request_that_came_while_others_were_read_is_read_before_its_connection_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 1000.0
    monkeypatch.setattr(wire, "time", SimpleNamespace(monotonic=lambda: now_s))
    first: socket.socket
    read: list[Any] = []

    class Slow(Workers):
        """The last newcomer's request costs the turn what a newcomer is given, and the other one sends its own."""

        def add_task(self, channel: Any) -> None:
            nonlocal now_s
            read.append(channel.addr)
            if len(read) == 6:
                now_s += wire.NEWCOMER_S + 0.01
                first.sendall(HEALTH)

    with socket.create_server(("127.0.0.1", 0)) as sock, contextlib.ExitStack() as stack:
        listener = wire.Listener(lambda *_: [], sock, Slow(lambda: False, 0), connection_limit=8)

        def connected() -> socket.socket:
            return stack.enter_context(socket.create_connection(sock.getsockname()))

        def turns_until(predicate: Callable[[], bool], what: str) -> None:
            def turned() -> bool:
                listener.turn(0.01)
                return predicate()

            wait_until(turned, what)

        longest, *busy = [connected() for _ in range(6)]
        for each in busy:
            each.sendall(HEALTH)
        turns_until(lambda: len(read) == 5, "five requests run")
        now_s += wire.NEWCOMER_S + 0.01
        first, second = connected(), connected()
        turns_until(lambda: len(listener.active_channels) == 8, "the newcomers are in")
        for _ in range(2):
            connected()
        second.sendall(HEALTH)
        turns_until(lambda: len(read) == 6, "the last newcomer's request is read")
        turns_until(lambda: first.getsockname() in read, "the other newcomer's request is read")
        assert longest.recv(1) == b""
        listener.close()
        listener.close_channels(idle_only=False)
        listener.close_trigger()


@contextlib.contextmanager
def slow_readers(service: HttpService, number: int, headers: str = "") -> Iterator[list[socket.socket]]:
    """Each has asked for more than fits between it and the server, and reads nothing."""
    asked = f"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode() * 60
    with contextlib.ExitStack() as stack:
        readers = []
        for _ in range(number):
            sock = stack.enter_context(socket.socket())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", service.server.port))
            sock.sendall(asked)
            readers.append(sock)
        yield readers


def test_who_does_not_fetch_its_answers_is_cut_off_and_delays_nobody() -> None:
    with (
        HttpService(timeouts=FOR_EVER._replace(request_s=1.0)) as service,
        slow_readers(service, 10, f"Authorization: Bearer {TOKEN}\r\n") as readers,
        callers(service, 1) as (agent,),
    ):
        channels = service.server._listener.active_channels  # type: ignore[union-attr]
        wait_until(lambda: sum(bool(each.total_outbufs_len) for each in channels.values()) == 10, "answers wait")
        assert agent.get("/tools", **AUTHORIZED) == 200
        wait_until(lambda: len(channels) == 1, "the ten have ended")
        assert agent.get("/tools", **AUTHORIZED) == 200
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while data := readers[0].recv(65_536):
                received += len(data)
        assert received < 60 * len(service.get("/openapi.json").raw)


def test_strangers_that_do_not_fetch_their_answers_make_room_for_an_agent() -> None:
    with HttpService(connection_limit=8, **NEVER) as service, slow_readers(service, 8):
        assert service.post(request("twitch.stop_stream")).status == 202


def test_a_crowd_that_keeps_and_reopens_connections_cannot_keep_an_agent_from_stopping_the_stream() -> None:
    with HttpService(connection_limit=32, **NEVER) as service, Crowd(service.server.port, 120) as crowd:
        for number in range(10):
            stop = request("twitch.stop_stream", request_id=f"req-{number}")
            assert service.post(stop).status == 202
    assert crowd.reopened > 0
