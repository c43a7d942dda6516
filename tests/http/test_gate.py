"""Who may enter, in which order it is decided, and what a refusal gives away."""

import hashlib
import hmac
import http.client
import json
from ipaddress import ip_network
from typing import Any

import pytest

from clawcraft.http.gate import _plain_address
from clawcraft.secrets import Secret
from tests.support.http_service import SECRET, TOKEN, HttpService, request

JSON = {"Content-Type": "application/json"}
NOW_S = 1_800_000_000


# --- client and Host ----------------------------------------------------------------------------------------------


def with_host(service: HttpService, host: str | None, version: str = "1.1") -> tuple[int, Any]:
    line = b"" if host is None else b"Host: " + host.encode("latin-1") + b"\r\n"
    raw = service.raw(b"GET /health HTTP/" + version.encode() + b"\r\n" + line + b"Connection: close\r\n\r\n")
    head, _, body = raw.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:3040", "localhost.", "127.0.0.1", "127.0.0.1:80", "127.9.9.9", "[::1]", "[::1]:3040"],
)
def test_a_loopback_host_may_be_named(service: HttpService, host: str) -> None:
    assert with_host(service, host)[0] == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.168.1.5",
        "localhost, evil.example",
        "user@localhost",
        "localhost:",
        "localhost:99999999",
        "::1",
        "[::1",
        "local host",
        "2130706433",
        "0x7f.1",
        "",
        "löcalhost",
    ],
)
def test_any_other_host_is_refused(service: HttpService, host: str) -> None:
    status, body = with_host(service, host)
    assert (status, body["error"]["code"]) == (403, "client_not_allowed")


def test_a_host_may_be_allowed_by_name_with_or_without_port(service: HttpService) -> None:
    service.configure(allowed_hosts=("stream.lan", "Other.Lan:3040"))
    assert [with_host(service, host)[0] for host in ("stream.lan", "STREAM.lan:1", "other.lan")] == [200, 200, 200]
    assert with_host(service, "stream.lan.evil.example")[0] == 403


def test_the_bind_address_may_be_named_and_any_address_when_bound_to_all(service: HttpService) -> None:
    service.configure(bind="192.168.1.5")
    assert (with_host(service, "192.168.1.5:3040")[0], with_host(service, "192.168.1.6")[0]) == (200, 403)
    for everywhere in ("0.0.0.0", "::"):
        service.configure(bind=everywhere)
        assert with_host(service, "192.168.1.6")[0] == 200
        assert with_host(service, "evil.example")[0] == 403


def test_http_1_1_needs_a_host_and_http_1_0_does_not(service: HttpService) -> None:
    status, body = with_host(service, None)
    assert (status, body["error"]["code"]) == (400, "invalid_request")
    assert with_host(service, None, "1.0")[0] == 200


def test_an_absolute_target_counts_as_the_host(service: HttpService) -> None:
    for target, status in ((b"http://evil.example/health", b"403"), (b"http://localhost:3040/health", b"200")):
        raw = service.raw(b"GET " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert raw.split()[1] == status


def test_an_address_that_is_not_allowed_is_refused_before_anything_else(service: HttpService) -> None:
    service.configure(allowed_clients=(ip_network("192.0.2.0/24"),))
    for answer in (service.get("/health"), service.post(b"{" * 70_000, token=None), service.get("/nowhere")):
        assert (answer.status, answer.code) == (403, "client_not_allowed")
    raw = service.raw(b"nonsense\r\n\r\n")
    assert b"client_not_allowed" in raw


def test_ipv6_and_mapped_ipv4_clients_are_compared_by_their_meaning() -> None:
    assert _plain_address("::ffff:127.0.0.1") in ip_network("127.0.0.0/8")
    assert _plain_address("fe80::1%eth0") in ip_network("fe80::/10")
    with HttpService(bind="::1") as service:
        connection = http.client.HTTPConnection("::1", service.server.port, timeout=10)
        connection.request("GET", "/health")
        assert connection.getresponse().status == 200
        connection.close()
        (event,) = service.requests(1)
        assert event["client"] == "::1"


@pytest.mark.parametrize("origin", ["http://localhost:3040", "https://evil.example", "null", ""])
def test_a_browser_page_is_refused_whatever_it_sends(service: HttpService, origin: str) -> None:
    for answer in (service.post(request(), Origin=origin), service.get("/health", Origin=origin)):
        assert (answer.status, answer.code) == (403, "client_not_allowed")
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    preflight = service.call(
        "OPTIONS", "/tools/execute", None, {"Origin": origin, "Access-Control-Request-Method": "POST"}
    )
    assert preflight.status == 403
    assert service.dispatcher.envelopes == []


# --- size and type ------------------------------------------------------------------------------------------------


def padded(size: int) -> bytes:
    body = json.dumps(request()).encode()
    return body + b" " * (size - len(body))


def test_64_kib_is_accepted_and_one_byte_more_is_not(service: HttpService) -> None:
    assert service.post(padded(65_536)).status == 200
    answer = service.post(padded(65_537))
    assert (answer.status, answer.code) == (413, "payload_too_large")
    assert answer.json["error"]["details"] == {"limit_bytes": 65_536}


def test_a_chunked_body_has_the_same_limit(service: HttpService) -> None:
    def chunked(size: int) -> int:
        body = padded(size)
        with service.connection() as connection:
            headers = {**JSON, "Authorization": f"Bearer {TOKEN}"}
            chunks = (body[start : start + 5000] for start in range(0, len(body), 5000))
            connection.request("POST", "/tools/execute", chunks, headers, encode_chunked=True)
            return connection.getresponse().status

    assert (chunked(65_536), chunked(65_537)) == (200, 413)


def test_a_refused_body_is_read_on_for_a_while_so_that_the_client_sees_the_answer(service: HttpService) -> None:
    for size in (70_000, 900_000, 1_900_000):
        assert service.post(b"x" * size).code == "payload_too_large"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_body_announced_as_huge_is_refused_unread(service: HttpService, method: str) -> None:
    raw = service.raw(
        method.encode() + b" /tools/execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n",
        end=False,
    )
    assert raw.split()[1] == b"413"
    assert b'"payload_too_large"' in raw


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; Charset=UTF-8", 'application/json;charset="utf-8"', "application/json ;"],
)
def test_json_may_be_declared_so(service: HttpService, content_type: str) -> None:
    assert service.post(request(), Content_Type=content_type).status == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
        "application/json; profile=x",
        "application/json, text/plain",
        "application/jsonx",
        "application/problem+json",
    ],
)
def test_any_other_type_is_refused(service: HttpService, content_type: str) -> None:
    answer = service.post(request(), Content_Type=content_type)
    assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_a_compressed_body_is_refused(service: HttpService) -> None:
    assert service.post(request(), Content_Encoding="gzip").code == "unsupported_media_type"
    assert service.post(request(), Content_Encoding="identity").status == 200


# --- bearer -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/tools", "/status", "/channel", "/events", "/metrics", "/tools/jobs", "/tools/jobs/x"]
)
@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "has no Authorization header"),
        (f"Basic {TOKEN}", "not of the Bearer scheme"),
        ("Bearer", "not the right one"),
        ("Bearer wrong", "not the right one"),
        (TOKEN, "not of the Bearer scheme"),
    ],
)
def test_without_the_right_token_there_is_nothing_but_what_is_wrong(
    service: HttpService, path: str, authorization: str | None, reason: str
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = service.call("GET", path, None, headers)
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert reason in answer.json["error"]["message"]
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="twitch-clawcraft"'


@pytest.mark.parametrize(
    "authorization",
    [
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN.upper()}",
        "Bearer tökén",
        f"Bearer {TOKEN}, Bearer x",
    ],
)
def test_a_token_is_right_or_wrong_as_a_whole(service: HttpService, authorization: str) -> None:
    answer = service.call("GET", "/status", None, {"Authorization": authorization})
    assert answer.status == 401


def test_the_scheme_is_read_in_any_case(service: HttpService) -> None:
    for authorization in (f"bearer {TOKEN}", f"BEARER  {TOKEN}"):
        assert service.call("GET", "/status", None, {"Authorization": authorization}).status == 200


def test_a_new_token_counts_at_once(service: HttpService) -> None:
    service.configure(service_token=Secret("another-token-now"))
    assert service.get("/status").status == 401
    assert service.get("/status", token="another-token-now").status == 200


def test_who_keeps_failing_is_told_to_wait_and_the_right_token_still_works(service: HttpService) -> None:
    codes = [service.get("/status", token="wrong").code for _ in range(12)]
    assert codes[:10] == ["unauthorized"] * 10
    assert codes[11] == "rate_limited"
    refused = service.get("/status", token="wrong")
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert service.get("/status").status == 200


# --- signature ----------------------------------------------------------------------------------------------------


@pytest.fixture
def signed(service: HttpService) -> HttpService:
    service.configure(signature_secret=Secret(SECRET))
    service.clock.now_s = NOW_S
    return service


def signature(body: bytes, timestamp: str | None = None, secret: str = SECRET) -> str:
    text = body if timestamp is None else timestamp.encode() + b"." + body
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def encoded(**fields: Any) -> bytes:
    return json.dumps(request(**fields)).encode()


def stamped(body: bytes, timestamp: int = NOW_S, secret: str = SECRET, **other: str) -> dict[str, str]:
    """The two headers, with ``other`` in their place."""
    signed = signature(body, str(timestamp), secret)
    return {"X_Tool_Timestamp": str(timestamp), "X_Tool_Signature": signed, **other}


def test_a_right_signature_opens_with_and_without_prefix_and_case(signed: HttpService) -> None:
    for number, form in enumerate(("sha256={}", "{}", "SHA256={}")):
        headers = stamped(body := encoded(request_id=f"r-{number}"))
        headers["X_Tool_Signature"] = form.format(headers["X_Tool_Signature"].upper())
        assert signed.post(body, **headers).status == 200


def test_a_timestamp_is_signed_with_the_body(signed: HttpService) -> None:
    body = encoded()
    for timestamp in (NOW_S, NOW_S - 300, NOW_S + 300):
        assert signed.post(body, **stamped(body, timestamp)).status == 200


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "X-Tool-Signature is missing"),
        ({"X_Tool_Signature": ""}, "not 64 hex digits"),
        ({"X_Tool_Signature": "sha256="}, "not 64 hex digits"),
        ({"X_Tool_Signature": "sha1=" + "0" * 40}, "not 64 hex digits"),
        ({"X_Tool_Signature": "é" * 64}, "not 64 hex digits"),
        ({"X_Tool_Signature": signature(encoded())}, "X-Tool-Timestamp is missing"),
        (stamped(encoded(), X_Tool_Signature="0" * 64), "does not match"),
        (stamped(encoded(), secret="other"), "does not match"),
        (stamped(encoded() + b" "), "does not match"),
        (stamped(encoded(), X_Tool_Signature=signature(encoded())), "does not match"),
        (stamped(encoded(), X_Tool_Timestamp=f"{NOW_S}.0"), "whole seconds"),
        (stamped(encoded(), X_Tool_Timestamp="-1"), "whole seconds"),
        (stamped(encoded(), X_Tool_Timestamp="9" * 16), "whole seconds"),
        (stamped(encoded(), X_Tool_Timestamp=""), "whole seconds"),
        (stamped(encoded(), X_Tool_Timestamp=f"{NOW_S}, {NOW_S}"), "whole seconds"),
        (stamped(encoded(), NOW_S - 301), "301 s behind"),
        (stamped(encoded(), NOW_S + 301), "301 s ahead"),
        (stamped(encoded(), NOW_S * 1000), "ahead of the service's clock"),
    ],
)
def test_a_wrong_signature_says_what_is_wrong(signed: HttpService, headers: dict[str, str], reason: str) -> None:
    answer = signed.post(encoded(), **headers)
    assert (answer.status, answer.code) == (401, "invalid_signature")
    assert reason in answer.json["error"]["message"]
    assert signature(encoded()).encode() not in answer.raw
    assert signed.dispatcher.envelopes == []


def test_the_timestamp_is_required_unless_the_operator_says_otherwise(signed: HttpService) -> None:
    body = encoded()
    assert signed.post(body, X_Tool_Signature=signature(body)).code == "invalid_signature"
    assert signed.post(body, **stamped(body)).status == 200
    signed.configure(require_timestamp=False)
    assert signed.post(body, X_Tool_Signature=signature(body)).status == 200
    assert signed.jobs.signatures[signature(body)] == NOW_S + 300


def test_reading_needs_no_signature(signed: HttpService) -> None:
    assert signed.get("/status").status == 200


@pytest.mark.parametrize("request_id", [None, "r-1"])
def test_a_signed_request_counts_once(signed: HttpService, request_id: str | None) -> None:
    body = encoded(request_id=request_id)
    headers = stamped(body)
    assert signed.post(body, **headers).status == 200
    again = signed.post(body, **{**headers, "X_Tool_Signature": f"sha256={headers['X_Tool_Signature'].upper()}"})
    assert (again.status, again.code) == (401, "replayed_request")
    assert signed.jobs.signatures == {headers["X_Tool_Signature"]: NOW_S + 300}
    assert signed.post(body, **stamped(body, NOW_S + 1)).status == 200


def test_a_signature_of_the_future_is_remembered_until_it_would_be_refused(signed: HttpService) -> None:
    headers = stamped(body := encoded(), NOW_S + 300)
    assert signed.post(body, **headers).status == 200
    assert signed.jobs.signatures == {headers["X_Tool_Signature"]: NOW_S + 600}


def test_a_repeat_whose_answer_is_kept_is_left_to_idempotency(signed: HttpService) -> None:
    body = encoded(request_id="r-1")
    assert signed.post(body, **stamped(body)).status == 200
    signed.jobs.known.add("r-1")
    assert signed.post(body, **stamped(body)).status == 200


def test_a_refused_request_cannot_be_sent_again_by_somebody_else(signed: HttpService) -> None:
    signed.configure(disabled_actions=("twitch.set_title",))
    body = encoded()
    assert signed.post(body, **stamped(body)).code == "action_disabled"
    signed.configure(disabled_actions=())
    assert signed.post(body, **stamped(body)).code == "replayed_request"


def test_an_invalid_request_uses_up_no_signature(signed: HttpService) -> None:
    body = encoded(request_id=None, args={})
    assert signed.post(body, **stamped(body)).code == "invalid_request"
    assert signed.jobs.signatures == {}


def test_failed_signatures_are_limited_like_failed_tokens(signed: HttpService) -> None:
    codes = [signed.post(encoded(), X_Tool_Signature="0" * 64).code for _ in range(12)]
    assert codes[0] == "invalid_signature"
    assert codes[-1] == "rate_limited"


# --- the order ----------------------------------------------------------------------------------------------------


def test_the_checks_come_in_the_contracts_order(service: HttpService) -> None:
    """Each request is wrong in every later respect too, and is refused for the first."""
    service.configure(signature_secret=Secret(SECRET))
    service.clock.now_s = NOW_S
    bad_json = b"{"
    bad_envelope = b'{"action": "made.up", "args": 1}'
    bad_action = json.dumps(request(action="made.up", args={"x": 1})).encode()
    bad_args = json.dumps(request(args={"x": 1})).encode()

    def code(body: bytes, *, sign: bool = True, **headers: str) -> str:
        extra = stamped(body) if sign else {}
        return service.post(body, **extra, **headers).code

    wrong = {"Authorization": "Bearer wrong"}
    wrong_type = {"Content_Type": "text/plain", **wrong}
    assert code(b"x" * 65_537, sign=False, Host="evil.example", **wrong_type) == "client_not_allowed"
    assert code(b"x" * 65_537, sign=False, **wrong_type) == "payload_too_large"
    assert code(bad_json, sign=False, **wrong_type) == "unsupported_media_type"
    assert code(bad_json, sign=False, **wrong) == "unauthorized"
    assert code(bad_json, sign=False) == "invalid_signature"
    assert code(bad_json) == "invalid_json"
    assert code(bad_envelope) == "invalid_request"
    assert code(bad_action) == "unknown_action"
    assert code(bad_args) == "invalid_request"
    assert service.dispatcher.envelopes == []
