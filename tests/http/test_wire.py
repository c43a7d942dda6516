"""Bytes on the connection: malformed, ambiguous, pipelined, slow, half-sent."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clawcraft.http.wire import Channel
from tests.support.http_service import TOKEN, HttpService, request
from tests.support.responses import fits

BODY = json.dumps(request()).encode()
AUTHORIZED = b"Authorization: Bearer " + TOKEN.encode() + b"\r\nContent-Type: application/json\r\n"
POST = b"POST /tools/execute HTTP/1.1\r\nHost: localhost\r\n" + AUTHORIZED
HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def answers(raw: bytes) -> list[tuple[int, Any]]:
    """Status and JSON of each answer in ``raw``, which must be nothing but whole answers."""
    found = []
    while raw:
        head, _, rest = raw.partition(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        length = int(fields[b"Content-Length"])
        found.append((int(head.split()[1]), json.loads(rest[:length])))
        raw = rest[length:]
    return found


@contextmanager
def connected(service: HttpService) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", service.server.port), timeout=10) as sock:
        yield sock


def only_refusal(service: HttpService, data: bytes) -> tuple[int, str]:
    """The one answer to ``data``, after which the server closed."""
    ((status, body),) = answers(service.raw(data, end=False))
    assert fits("failure", body)
    return status, body["error"]["code"]


def test_two_lengths_are_refused(service: HttpService) -> None:
    length = b"Content-Length: %d\r\n" % len(BODY)
    for second in (length, b"Content-Length: 0\r\n", b"content-length: 5\r\n"):
        assert only_refusal(service, POST + length + second + b"\r\n" + BODY) == (400, "invalid_request")
    assert service.dispatcher.envelopes == []


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 0x10\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: 5 5\r\n",
        b"Content-Length: \r\n",
        b"Content-Length: " + b"9" * 5000 + b"\r\n",
        b"X-A: b\nX-C: d\r\n",
        b"X-A: b\rX-C: d\r\n",
        b"X A: b\r\n",
        b": b\r\n",
        b"X-A: \x00\r\n",
        b"no colon\r\n",
    ],
)
def test_ambiguous_or_malformed_headers_are_refused_and_the_connection_ends(
    service: HttpService, headers: bytes
) -> None:
    smuggled = b"0\r\n\r\nGET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert only_refusal(service, POST + headers + b"\r\n" + smuggled) == (400, "invalid_request")


@pytest.mark.parametrize(
    "line",
    [
        b"GET /health",
        b"GET /health HTTP/2.0",
        b"GET /health HTTP/0.9",
        b"GET /health HTTP/1.1 x",
        b"GET  /health HTTP/1.1",
        b"get /health HTTP/1.1",
        b"GET http://[::1/health HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"G\x00ET /health HTTP/1.1",
        b"GET /health\r HTTP/1.1",
    ],
)
def test_malformed_request_lines_are_refused_as_json(service: HttpService, line: bytes) -> None:
    assert only_refusal(service, line + b"\r\nHost: localhost\r\n\r\n") == (400, "invalid_request")


def test_a_refused_header_is_not_repeated_in_answer_or_log(service: HttpService) -> None:
    raw = service.raw(POST + b"Authorization: Bearer the-other-secret\n\r\n\r\n", end=False)
    assert b"400" in raw.split(b"\r\n")[0]
    assert b"secret" not in raw
    assert "secret" not in json.dumps(service.events.entries)


def test_http_1_0_chunked_is_refused(service: HttpService) -> None:
    head = POST.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Transfer-Encoding: chunked\r\n\r\n"
    assert only_refusal(service, head + b"0\r\n\r\n") == (400, "invalid_request")


@pytest.mark.parametrize(
    "chunks",
    [b"x\r\n", b"-1\r\n", b"5\r\nabcdefgh\r\n", b"5;a=\x00\r\n", b"0x5\r\nhello\r\n0\r\n\r\n", b" 5\r\nhello\r\n"],
)
def test_malformed_chunks_are_refused(service: HttpService, chunks: bytes) -> None:
    raw = service.raw(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks, end=False)
    assert answers(raw)[0][1]["error"]["code"] == "invalid_request"


def test_headers_are_limited_to_16_kib(service: HttpService) -> None:
    def padded(size: int) -> bytes:
        head = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Padding: "
        return head + b"x" * (size - len(head) - 4) + b"\r\n\r\n"

    assert answers(service.raw(padded(16_383), end=False))[0][0] == 200
    assert only_refusal(service, padded(16_384)) == (431, "headers_too_large")
    assert only_refusal(service, b"GET /" + b"x" * 16_400) == (431, "headers_too_large")
    assert only_refusal(service, b"x" * 16_384) == (431, "headers_too_large")


def test_pipelined_requests_are_answered_in_order(service: HttpService) -> None:
    post = POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    with connected(service) as sock:
        sock.sendall(HEALTH + post + HEALTH.replace(b"/health", b"/nowhere") + HEALTH)
        raw = b""
        while raw.count(b"HTTP/1.1 ") < 4 or not raw.endswith(b"}"):
            raw += sock.recv(65536)
    assert [status for status, _ in answers(raw)] == [200, 200, 404, 200]


def test_a_request_may_arrive_byte_by_byte(service: HttpService) -> None:
    with connected(service) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY:
            sock.sendall(bytes([byte]))
        raw = b"".join(iter(lambda: sock.recv(65536), b""))
    assert [status for status, _ in answers(raw)] == [200]


def test_http_1_0_closes_and_keeps_alive_on_request(service: HttpService) -> None:
    old = HEALTH.replace(b"HTTP/1.1", b"HTTP/1.0")
    assert [status for status, _ in answers(service.raw(old, end=False))] == [200]
    kept = old.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n")
    assert [status for status, _ in answers(service.raw(kept + old, end=False))] == [200, 200]


def test_a_client_that_closed_its_sending_side_still_gets_its_answer(service: HttpService) -> None:
    assert [status for status, _ in answers(service.raw(HEALTH, end=True))] == [200]


def test_continue_is_sent_only_for_a_body_that_will_be_read(service: HttpService) -> None:
    expect = POST + b"Expect: 100-continue\r\nConnection: close\r\n"
    with connected(service) as sock:
        sock.sendall(expect + b"Content-Length: %d\r\n\r\n" % len(BODY))
        assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(BODY)
        raw = b"".join(iter(lambda: sock.recv(65536), b""))
    assert [status for status, _ in answers(raw)] == [200]
    for length in (65_537, 2**40):
        assert only_refusal(service, expect + b"Content-Length: %d\r\n\r\n" % length) == (413, "payload_too_large")
    without_body = HEALTH.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
    assert [status for status, _ in answers(service.raw(without_body, end=False))] == [200]


def test_the_usual_answer_has_the_head_that_waitress_gives_it(service: HttpService) -> None:
    """Which writes it itself where the request has a Connection header."""
    for ask in (HEALTH, POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY):
        by_waitress = ask.replace(b"\r\n", b"\r\nConnection: keep-alive\r\n", 1)
        end = HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        first, second, _ = (
            [line for line in answer.split(b"\r\n") if not line.startswith(b"Date: ")]
            for answer in service.raw(ask + by_waitress + end, end=False).split(b"HTTP/1.1 ")[1:]
        )
        assert first == second
        assert b"Content-Type: application/json" in first


@pytest.mark.parametrize("tries", [1, 2], ids=["which sends all", "which cannot send yet"])
def test_the_loop_looks_at_an_answer_only_after_the_worker(
    service: HttpService, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    """To look meanwhile is to spin until the worker has the processor back."""
    looks = []
    send = Channel.send

    def late(channel: Channel, data: bytes, do_close: bool = True) -> int:
        looks.append(channel.writable())
        return int(send(channel, data, do_close)) if len(looks) == tries else 0

    monkeypatch.setattr(Channel, "send", late)
    with connected(service) as sock:
        sock.sendall(HEALTH)
        assert answers(sock.recv(65_536))[0][0] == 200
    assert looks == [False, True][:tries]


def test_a_header_with_an_underscore_cannot_pose_as_another(service: HttpService) -> None:
    raw = service.raw(
        HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\nX_Origin: a\r\nHost_: b\r\n\r\n"), end=False
    )
    assert [status for status, _ in answers(raw)] == [200]


PIECES = (
    b"GET |POST |/health|/tools/execute| HTTP/1.1|\r\n|\r\n\r\n|Host: localhost|Content-Length: |5|0|:|\x00|\n|"
    b"Transfer-Encoding: chunked|Expect: 100-continue"
).split(b"|")
NEAR_MISSES = st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join)
NEAR_JSON = st.text(st.sampled_from('{}[]",:\\u0019ageni_dctors.'), max_size=60).map(str.encode)
MANY = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@given(data=st.binary(max_size=120) | NEAR_MISSES)
def test_any_bytes_get_answers_of_the_contract_or_none(service: HttpService, data: bytes) -> None:
    raw = service.raw(data, end=True).replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
    for status, body in answers(raw):
        assert status < 500
        assert body["ok"] is (status < 300)
    assert service.get("/health").status == 200


@MANY
@given(body=st.binary(max_size=200) | NEAR_JSON)
def test_any_body_gets_a_client_error_and_never_a_500(service: HttpService, body: bytes) -> None:
    answer = service.post(body)
    assert answer.status == 400
    assert answer.code in ("invalid_json", "invalid_request")


def send_until_cut_off(sock: socket.socket, data: bytes, every_s: float) -> None:
    never = threading.Event()
    while not never.wait(every_s):
        sock.sendall(data)


def test_who_goes_on_sending_after_a_refusal_is_cut_off(service: HttpService) -> None:
    with connected(service) as sock:
        sock.sendall(POST + b"Content-Length: 99999999\r\n\r\n")
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
            send_until_cut_off(sock, b"x" * 65536, every_s=0)


def test_who_keeps_the_connection_after_a_refusal_is_cut_off_too(service: HttpService) -> None:
    with connected(service) as sock:
        sock.sendall(POST + b"Content-Length: 99999999\r\n\r\n")
        assert answers(b"".join(iter(lambda: sock.recv(65536), b"")))[0][0] == 413
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
            send_until_cut_off(sock, b"x", every_s=0.05)
