"""Who may come in, and what cannot be a message: the gate of every other route, and hostile input."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clawcraft.secrets import Secret
from clawcraft.settings import McpAccess
from tests.support.http_service import SECRET, TOKEN, HttpService
from tests.support.mcp_client import McpClient

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
METHODS = ("initialize", "server/discover", "tools/call", "tools/list", "resources/read", "prompts/get", "tasks/get")


def test_nobody_gets_in_without_the_token(service: HttpService) -> None:
    for token in (None, "another-token-than-the-right-one"):
        stranger = McpClient(service.server.port, token)
        response = stranger.post(stranger.message("tools/list"))
        assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthorized")
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="twitch-clawcraft"'
        stranger.close()


@pytest.mark.parametrize(
    "origin",
    ["http://localhost", "http://localhost:6274", "http://127.0.0.1:8080", "https://[::1]:1", "http://127.8.9.1"],
)
def test_a_program_of_this_machine_may_send_an_origin_here_and_nowhere_else(
    service: HttpService, client: McpClient, origin: str
) -> None:
    assert client.post(client.message("tools/list"), Origin=origin).status_code == 200
    assert service.get("/status", Origin=origin).code == "client_not_allowed"


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example", "http://localhost.evil.example", "http://localhost@evil.example", "null", ""),
        *("http://10.0.0.1", "file://", "http://evil.example#localhost", "http://localhost/x", "localhost"),
        *("http://127.0.0.1.evil.example", "chrome-extension://localhost", "http://0x7f000001", "http://[::1"),
    ],
)
def test_a_web_page_may_not(service: HttpService, client: McpClient, origin: str) -> None:
    response = client.post(client.message("tools/call", name="twitch_start_stream", arguments={}), Origin=origin)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "client_not_allowed")
    assert service.dispatcher.envelopes == []


def test_another_host_name_is_refused(client: McpClient) -> None:
    assert client.post(client.message("tools/list"), Host="evil.example").status_code == 403


def test_with_a_signing_secret_it_is_off_until_the_operator_lets_the_token_alone_do(
    service: HttpService, client: McpClient
) -> None:
    service.configure(signature_secret=Secret(SECRET))
    response = client.post(client.message("tools/list"))
    assert (response.status_code, response.json()["error"]["code"]) == (403, "client_not_allowed")
    assert "TOOL_MCP=unsigned" in response.json()["error"]["hint"]
    service.configure(mcp=McpAccess.UNSIGNED)
    assert client.post(client.message("tools/list")).status_code == 200


def test_it_can_be_switched_off(service: HttpService, client: McpClient) -> None:
    service.configure(mcp=McpAccess.OFF)
    response = client.post(client.message("tools/list"))
    assert (response.status_code, response.json()["error"]["code"]) == (403, "client_not_allowed")


def test_another_content_type_and_a_query_are_refused(client: McpClient) -> None:
    assert client.post(client.message("tools/list"), Content_Type="text/plain").status_code == 415
    client.url += "?x=1"
    assert client.post(client.message("tools/list")).status_code == 400


def test_a_large_body_is_refused(client: McpClient) -> None:
    message = client.message("tools/call", name="status", arguments={"x": "y" * 70_000})
    assert client.post(message).status_code == 413


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32700),
        (b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}', -32700),
        (b"\xff", -32700),
        (b"[" * 5000, -32700),
        (b"[]", -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', -32600),
        (b"1", -32600),
        (b'{"id":1,"method":"ping"}', -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":5}', -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', -32600),
    ],
)
def test_what_is_no_message_is_refused_with_the_reason(legacy: McpClient, body: bytes, code: int) -> None:
    response = legacy.post(body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)
    assert response.json()["error"]["message"]


def test_an_answer_to_what_nobody_asked_is_ignored(legacy: McpClient) -> None:
    assert legacy.post({"jsonrpc": "2.0", "id": 1, "result": {}}).status_code == 202


@pytest.mark.parametrize("params", [{}, {"name": 5}, {"name": "status", "arguments": []}, {"name": "no_such_tool"}])
def test_a_call_of_nothing_is_an_error_of_the_protocol(client: McpClient, params: dict[str, Any]) -> None:
    message = client.message("tools/call", **params)
    assert client.post(message).json()["error"]["code"] == -32602


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("status", {"check": "yes"}),
        ("status", {"more": 1}),
        ("events", {"wait_s": 31}),
        ("events", {"cursor": "not one of ours"}),
        ("job", {"wait_s": -1}),
        ("twitch_set_title", {}),
        ("twitch_set_title", {"title": "x", "request_id": "with spaces"}),
        ("twitch_set_title", {"title": "x", "request_id": 7}),
        ("twitch_set_title", {"title": "x", "agent_id": "somebody"}),
        ("twitch_start_stream", {"game": "x", "game_id": "1"}),
    ],
)
def test_wrong_arguments_are_a_result_that_says_which(client: McpClient, tool: str, arguments: dict[str, Any]) -> None:
    error = client.refused(tool, **arguments)
    assert error["code"] == "invalid_request"
    assert error["details"]["violations"]


def test_a_job_that_there_is_not_is_a_result_too(client: McpClient) -> None:
    for job_id in ("job_x", "../../etc", "x" * 1000):
        assert client.refused("job", job_id=job_id)["code"] == "job_not_found"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(METHODS), params=JSON, headers=st.booleans())
def test_whatever_is_sent_there_is_an_answer_and_no_defect(
    service: HttpService, client: McpClient, legacy: McpClient, method: str, params: Any, headers: bool
) -> None:
    sender = client if headers else legacy
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    if headers and isinstance(params, dict):
        message["params"] = {**client.message(method)["params"], **params}
    response = sender.post(json.dumps(message).encode("utf-8", "replace"))
    assert response.status_code in (200, 400, 404)
    assert ("result" in response.json()) != ("error" in response.json())
    assert service.events.named("incident") == []
    assert TOKEN not in response.text
