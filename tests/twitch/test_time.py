"""Deadlines and the end of the service, in real time: whatever Twitch does, a call ends when it has to."""

import functools
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from clawcraft.clock import SystemClock
from clawcraft.errors import ClawcraftError, Interrupted, Stopping, Timeout, TwitchUnavailable
from clawcraft.twitch import connection
from clawcraft.twitch.call import Call, Deadline
from clawcraft.twitch.transport import Request, Transport
from tests.support.examples import EXAMPLES
from tests.support.settings import make_settings
from tests.support.twitch_rig import Rig
from tests.support.waiting import HANG_S
from tests.twitch.conftest import Silent

CHAT = ("post_chat_message", {"message": "x"})
TITLE = ("set_title", {"title": "x"})


@pytest.fixture
def real(request: pytest.FixtureRequest) -> Rig:
    """A rig in real time, its token checked; over TLS for a test that is marked ``over_both``."""
    rig: Rig = request.getfixturevalue(getattr(request, "param", "plain"))
    if rig.settings.twitch_api_url.startswith("https:"):
        rig.twitch._transport._session.verify = str(request.getfixturevalue("certificate"))
    rig.start().twitch.helix("").ready()
    return rig


over_both = pytest.mark.parametrize("real", ["plain", "secure"], indirect=True)


def timed(call: Any) -> tuple[float, BaseException | None]:
    began = time.monotonic()
    try:
        call()
    except ClawcraftError as error:
        return time.monotonic() - began, error
    return time.monotonic() - began, None


def fails(call: Any, kind: type[ClawcraftError], *, retryable: bool, **details: object) -> float:
    """The seconds until it ends as this failure."""
    seconds, error = timed(call)
    assert isinstance(error, kind)
    assert error.retryable is retryable
    assert details.items() <= error.details.items()
    return seconds


@over_both
@pytest.mark.parametrize(
    ("run", "endpoint", "retryable"),
    [
        (TITLE, "PATCH /channels", True),
        (("set_game", {"game": "Rust"}), "GET /games", True),
        (CHAT, "POST /chat/messages", False),
        (("create_clip", {}), "POST /clips", False),
    ],
)
def test_a_twitch_that_hangs_ends_as_timeout_at_the_actions_deadline(
    real: Rig, run: tuple[str, dict[str, Any]], endpoint: str, retryable: bool
) -> None:
    real.change(action_timeout_s=0.4)
    real.sim.fault(endpoint, hang=True, times=9)
    assert 0.39 <= fails(lambda: real.run(*run), Timeout, retryable=retryable, endpoint=endpoint) < 3


@pytest.mark.parametrize("endpoints", [("GET /channels",), ("*",)], ids=["reads", "everything"])
@pytest.mark.parametrize("run", [TITLE, ("set_game", {"game": "Rust"}), CHAT, ("create_clip", {})])
def test_no_action_outlasts_its_time_whatever_hangs(
    real: Rig, run: tuple[str, dict[str, Any]], endpoints: tuple[str, ...]
) -> None:
    real.sim.world.go_live()
    real.change(action_timeout_s=0.6, twitch_timeout_s=0.1, twitch_retries=9)
    for endpoint in endpoints:
        real.sim.fault(endpoint, hang=True, times=99)
    seconds, _ = timed(lambda: real.run(*run))
    assert seconds < 2


def test_a_channel_that_cannot_be_read_is_changed_all_the_same(real: Rig) -> None:
    real.change(action_timeout_s=1.0)
    real.sim.fault("GET /channels", hang=True, times=99)
    result = real.run("set_title", {"title": "Unread"})
    assert (result["status"], result["verified"], result["previous"]) == ("updated", False, None)
    assert real.sim.world.channels["1001"].title == "Unread"


@pytest.mark.parametrize(("action", "name"), [("set_tags", "tags"), ("set_labels", "labels")])
def test_a_channel_whose_tags_cannot_be_read_gets_them_all_the_same(real: Rig, action: str, name: str) -> None:
    real.change(action_timeout_s=4.0)
    real.sim.fault("GET /channels", hang=True, times=99)
    result = real.run(action, EXAMPLES[f"twitch.{action}"])
    assert (result["status"], result["verified"], result[f"previous_{name}"]) == ("updated", False, None)
    assert real.sim.world.count("PATCH /channels") == 1


def test_a_title_is_set_although_twitch_hangs_over_its_game(real: Rig) -> None:
    real.change(action_timeout_s=6.0)
    real.sim.fault("GET /games", hang=True, times=99)
    with pytest.raises(Timeout) as raised:
        real.twitch.apply_metadata({"title": "Unread", "game": "Rust"}, real.may)
    assert raised.value.details["applied"]["current"]["title"] == "Unread"


@over_both
def test_an_answer_that_trickles_ends_at_the_deadline_although_bytes_keep_coming(real: Rig) -> None:
    real.change(action_timeout_s=0.4)
    real.sim.fault("PATCH /channels", trickle=True, times=9)
    assert 0.39 <= fails(lambda: real.run(*TITLE), Timeout, retryable=True) < 3


def test_one_call_has_a_limit_of_its_own_and_a_repeatable_one_is_tried_again_within_the_deadline(real: Rig) -> None:
    real.change(twitch_timeout_s=0.15)
    real.sim.fault("PATCH /channels", hang=True)
    seconds, error = timed(lambda: real.run(*TITLE))
    assert error is None
    assert seconds >= 0.15
    assert real.sim.world.count("PATCH /channels") == 2


def test_a_chat_message_whose_answer_does_not_come_is_never_sent_again(real: Rig) -> None:
    real.change(twitch_timeout_s=0.15)
    real.sim.fault("POST /chat/messages", hang=True, applies=True)
    fails(lambda: real.run(*CHAT), Timeout, retryable=False)
    assert len(real.sim.world.chat) == real.sim.world.count("POST /chat/messages") == 1


@over_both
def test_close_ends_a_hanging_action_a_hanging_check_and_a_hanging_login_at_once(real: Rig) -> None:
    for endpoint in ("POST /clips", "GET /oauth2/validate", "POST /oauth2/device"):
        real.sim.fault(endpoint, hang=True)
    real.sim.fault("POST /chat/messages", status=401)
    with ThreadPoolExecutor(2) as pool:
        action: Future[Any] = pool.submit(real.run, "create_clip")
        real.sim.world.wait_for("POST /clips", 1)
        unsure: Future[Any] = pool.submit(real.run, *CHAT)
        real.twitch.login.start()
        real.sim.world.wait_for("GET /oauth2/validate", 2)
        real.sim.world.wait_for("POST /oauth2/device", 1)
        seconds, _ = timed(real.twitch.close)
        error = action.exception(timeout=5)
        assert isinstance(unsure.exception(timeout=5), Stopping)
    assert seconds < 2
    assert isinstance(error, Stopping)
    assert error.retryable is False
    assert real.twitch.status()["login"]["state"] == "cancelled"


def test_close_ends_the_wait_between_two_tries(real: Rig) -> None:
    real.sim.fault("PATCH /channels", times=9, status=429, headers={"Retry-After": "20"})
    with ThreadPoolExecutor(1) as pool:
        action: Future[Any] = pool.submit(real.run, *TITLE)
        real.sim.world.wait_for("PATCH /channels", 1)
        seconds, _ = timed(real.twitch.close)
        error = action.exception(timeout=5)
    assert seconds < 2
    assert isinstance(error, Stopping)
    assert error.retryable is True


def test_close_ends_the_wait_for_live_as_interrupted(real: Rig) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting: Future[Any] = pool.submit(real.twitch.wait_until_live, lambda *_: None)
        real.sim.world.wait_for("GET /streams", 1)
        seconds, _ = timed(real.twitch.close)
        error = waiting.exception(timeout=5)
    assert seconds < 2
    assert isinstance(error, Interrupted)


def test_close_gives_a_refresh_that_is_being_answered_time_to_be_stored(real: Rig) -> None:
    real.sim.world.expire_all()
    real.sim.fault("POST /oauth2/token", delay_s=0.03)
    with ThreadPoolExecutor(1) as pool:
        action: Future[Any] = pool.submit(real.run, *CHAT)
        real.sim.world.wait_for("POST /oauth2/token", 1)
        seconds, _ = timed(real.twitch.close)
        assert action.exception(timeout=5) is not None
    assert seconds < 2
    assert real.stored() == real.sim.world.tokens[-1].refresh


def test_nothing_is_accepted_after_close_and_closing_twice_is_nothing(real: Rig) -> None:
    real.twitch.close()
    real.twitch.close()
    with pytest.raises(Stopping):
        real.run(*CHAT)
    assert real.twitch.login.start()["state"] == "idle"


def test_an_unknown_certificate_is_refused_before_anything_is_sent(secure: Rig) -> None:
    _, error = timed(lambda: secure.start().run(*CHAT))
    assert isinstance(error, TwitchUnavailable)
    assert error.details["reason"] == "TLS failed"
    assert secure.sim.world.endpoints() == []


def test_close_waits_a_second_for_a_disk_that_hangs_and_says_so(real: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    storing, go_on = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        storing.set()
        go_on.wait(10)

    monkeypatch.setattr(real.store, "update", hang)
    real.sim.world.expire_all()
    with ThreadPoolExecutor(1) as pool:
        action: Future[Any] = pool.submit(real.run, *CHAT)
        assert storing.wait(10)
        seconds, _ = timed(real.twitch.close)
        go_on.set()
        assert isinstance(action.exception(timeout=5), Stopping)
    assert 1 <= seconds < 3
    assert "twitch_refresh_goes_on" in real.log.names()
    real.twitch.close()


# --- the transport alone ------------------------------------------------------------------------------------------


@pytest.fixture
def transport() -> Iterator[Transport]:
    settings = make_settings(twitch_timeout_s=5.0)
    transport = Transport(lambda: settings, SystemClock(), threading.Event.wait, lambda *_: None, "test")
    yield transport
    transport.close()


def get(url: str) -> Request:
    return Request("GET", url, "GET /x")


def within(seconds: float = 0.4) -> Deadline:
    return Deadline(SystemClock(), seconds)


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def test_a_tls_handshake_that_never_ends_is_cut_at_the_deadline(transport: Transport, silent: Silent) -> None:
    call = functools.partial(transport.send, get(f"https://{silent.address}/"), within())
    assert 0.39 <= fails(call, Timeout, retryable=True) < 3


def test_a_tls_handshake_that_never_ends_is_cut_by_close(transport: Transport, silent: Silent) -> None:
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(transport.send, get(f"https://{silent.address}/"), within(30))
        silent.first_byte()
        seconds, _ = timed(transport.close)
        assert isinstance(call.exception(timeout=5), Stopping)
    assert seconds < 2


def test_a_connection_that_is_never_accepted_is_given_up_at_the_deadline(transport: Transport) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        port = port_of(server)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
            fillers.append(filler)
        call = functools.partial(transport.send, get(f"http://127.0.0.1:{port}/"), within())
        assert 0.39 <= fails(call, Timeout, retryable=True) < 3
        for filler in fillers:
            filler.close()


@pytest.mark.parametrize("cut", [False, True])
def test_an_address_that_is_silent_keeps_no_other_from_being_tried_unless_the_call_is_cut(
    monkeypatch: pytest.MonkeyPatch, cut: bool
) -> None:
    call = Call(within(HANG_S), set(), repeatable=True)
    connect, asked, until = connection._connect, socket.getaddrinfo, time.monotonic() + HANG_S
    given_s: list[float] = []

    def silent_at_first(sock: socket.socket, address: Any, of: Call, share: float) -> None:
        given_s.append(until - share)
        if len(given_s) > 1:
            connect(sock, address, of, share)
            return
        if cut:
            call.cut("closing")
        raise TimeoutError

    def two(host: str, port: int, **how: Any) -> Any:
        return asked("127.0.0.1", port, **how) * 2

    monkeypatch.setattr(connection, "_connect", silent_at_first)
    monkeypatch.setattr(socket, "getaddrinfo", two)
    with socket.create_server(("127.0.0.1", 0)) as server, call:
        if cut:
            with pytest.raises(TimeoutError):
                connection.connected("twitch.invalid", port_of(server), call, until)
        else:
            connection.connected("twitch.invalid", port_of(server), call, until).close()
    assert len(given_s) == (1 if cut else 2)
    assert 0 < given_s[0] <= HANG_S / 2


def test_of_many_addresses_the_first_tries_are_long_enough_for_a_slow_network_and_of_both_families(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[tuple[str, float]] = []
    began = time.monotonic()

    def silent(_sock: socket.socket, address: Any, _of: Call, until: float) -> None:
        tried.append((address[0], until - began))
        raise TimeoutError

    def six_and_four(_host: str, port: int, **_how: Any) -> Any:
        six = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (f"::{n}", port, 0, 0)) for n in range(1, 5)]
        return [*six, *((socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", port)) for n in range(1, 3))]

    monkeypatch.setattr(connection, "_connect", silent)
    monkeypatch.setattr(socket, "getaddrinfo", six_and_four)
    with Call(within(HANG_S), set(), repeatable=True) as call, pytest.raises(TimeoutError):
        connection.connected("twitch.invalid", 443, call, began + 5.0)
    assert [address for address, _ in tried] == ["::1", "127.0.0.1", "::2", "127.0.0.2", "::3", "::4"]
    assert tried[0][1] == pytest.approx(2.5, rel=0.5)
    assert tried[-1][1] == pytest.approx(5.0)


def test_a_resolver_that_hangs_is_given_up_at_the_deadline(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = threading.Event()
    asked = socket.getaddrinfo

    def hanging(host: str, *args: Any, **kwargs: Any) -> Any:
        answer.wait(10)
        return asked("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    call = functools.partial(transport.send, get("https://twitch.invalid/"), within())
    assert 0.39 <= fails(call, Timeout, retryable=True) < 3
    left = transport.close()
    answer.set()
    for thread in left:
        thread.join(10)
    assert [thread.name for thread in left] == ["twitch-resolve"]


def test_an_unknown_name_says_so_and_may_be_tried_again(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    call = functools.partial(transport.send, get("https://twitch.invalid/"), within(20))
    fails(call, TwitchUnavailable, retryable=True, reason="its name cannot be resolved")


def test_a_refused_connection_may_be_tried_again_even_for_a_chat_message(transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = port_of(server)
    call = functools.partial(transport.send, get(f"http://127.0.0.1:{port}/"), within(20))
    fails(call, TwitchUnavailable, retryable=True, reason="cannot connect")


@over_both
def test_a_connection_idle_for_too_long_is_not_used_again(real: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    connect = connection._connect

    def counted(*args: Any) -> None:
        opened.append(args)
        connect(*args)

    monkeypatch.setattr(connection, "_connect", counted)
    real.run(*CHAT)
    real.run(*CHAT)
    assert opened == []
    monkeypatch.setattr(connection, "MAX_IDLE_S", 0.0)
    real.run(*CHAT)
    assert len(opened) == 1


def test_an_answer_without_end_is_cut_short(real: Rig) -> None:
    real.sim.fault("POST /chat/messages", status=200, body={"data": ["x" * (1 << 21)]})
    fails(lambda: real.run(*CHAT), TwitchUnavailable, retryable=False, reason="the answer is too long")


def test_a_proxy_of_the_environment_is_not_used(real: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    assert real.run(*CHAT)["status"] == "sent"


def test_a_redirect_is_not_followed(real: Rig, silent: Silent) -> None:
    real.sim.fault("POST /chat/messages", status=307, headers={"Location": f"http://{silent.address}/"})
    fails(lambda: real.run(*CHAT), TwitchUnavailable, retryable=False, twitch_status=307)


@pytest.mark.parametrize("url", ["http://api.twitch.tv/helix", "http://192.168.1.5/helix", "ftp://127.0.0.1/", "x"])
def test_plain_http_is_for_this_machine_only(url: str, transport: Transport) -> None:
    with pytest.raises(ValueError, match="https"):
        transport.send(get(url), within())
