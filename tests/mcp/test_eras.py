"""The protocol of both eras, one rule a test, without what the tools do."""

import base64
from typing import Any

import pytest

from tests.support.http_service import HttpService
from tests.support.mcp_client import LEGACY, MODERN, PREFIX, TASKS, McpClient

VERSION, CAPABILITIES = f"{PREFIX}protocolVersion", f"{PREFIX}clientCapabilities"


def refusal(client: McpClient, message: Any, **headers: str | None) -> tuple[int, int, Any]:
    """HTTP status, JSON-RPC code and id of a refusal."""
    response = client.post(message, **headers)
    body = response.json()
    return response.status_code, body["error"]["code"], body["id"]


# --- 2026-07-28 -------------------------------------------------------------------------------------------------------


def test_discover_says_versions_capabilities_and_who_it_is(client: McpClient) -> None:
    found = client.result("server/discover")
    assert found["supportedVersions"] == [MODERN, *LEGACY[::-1]]
    assert found["capabilities"] == {"tools": {}, "resources": {}, "prompts": {}, "extensions": {TASKS: {}}}
    assert found["_meta"][f"{PREFIX}serverInfo"]["name"] == "twitch-clawcraft"
    assert found["resultType"] == "complete"
    assert (found["cacheScope"], found["ttlMs"] > 0) == ("private", True)


@pytest.mark.parametrize("lacking", ["_meta", VERSION, CAPABILITIES])
def test_a_request_that_does_not_say_all_about_itself_is_refused(client: McpClient, lacking: str) -> None:
    message = client.message("tools/list")
    del (message["params"] if lacking == "_meta" else message["params"]["_meta"])[lacking]
    assert refusal(client, message) == (400, -32602, message["id"])


def test_who_the_client_is_need_not_be_said(client: McpClient) -> None:
    message = client.message("tools/list")
    del message["params"]["_meta"][f"{PREFIX}clientInfo"]
    assert client.post(message).status_code == 200


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("MCP_Protocol_Version", None),
        ("MCP_Protocol_Version", "2025-11-25"),
        ("Mcp_Method", None),
        ("Mcp_Method", "tools/list"),
        ("Mcp_Method", "TOOLS/CALL"),
        ("Mcp_Name", None),
        ("Mcp_Name", "twitch_stop_stream"),
        ("Mcp_Name", "=?base64?####?="),
    ],
)
def test_headers_that_do_not_repeat_the_body_are_refused_and_nothing_runs(
    service: HttpService, client: McpClient, header: str, value: str | None
) -> None:
    message = client.message("tools/call", name="twitch_start_stream", arguments={})
    assert refusal(client, message, **{header: value}) == (400, -32020, message["id"])
    assert service.dispatcher.envelopes == []


def test_a_name_in_the_header_may_be_in_base64(client: McpClient) -> None:
    message = client.message("tools/call", name="status", arguments={})
    encoded = base64.b64encode(b"status").decode()
    assert client.post(message, Mcp_Name=f"=?base64?{encoded}?=").json()["result"]["structuredContent"]["ok"]


def test_another_version_is_refused_with_those_there_are(client: McpClient) -> None:
    message = client.message("server/discover")
    message["params"]["_meta"][VERSION] = "2099-01-01"
    response = client.post(message, MCP_Protocol_Version="2099-01-01")
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (400, -32022)
    assert error["data"] == {"supported": [MODERN, *LEGACY[::-1]], "requested": "2099-01-01"}


@pytest.mark.parametrize(
    "method",
    ["initialize", "ping", "logging/setLevel", "resources/subscribe", "subscriptions/listen", "tasks/list", "x" * 5000],
)
def test_what_this_protocol_does_not_have_is_not_found(client: McpClient, method: str) -> None:
    message = client.message(method)
    assert refusal(client, message) == (404, -32601, message["id"])


# --- 2025-03-26 to 2025-11-25 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", LEGACY)
def test_initialize_agrees_on_the_clients_version_without_a_session(client: McpClient, version: str) -> None:
    message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": version}}
    response = client.post(message, MCP_Protocol_Version=None, Mcp_Method=None)
    assert response.status_code == 200
    assert "Mcp-Session-Id" not in response.headers
    result = response.json()["result"]
    assert result["protocolVersion"] == version
    assert result["capabilities"] == {"tools": {}, "resources": {}, "prompts": {}}
    assert "resultType" not in result


def test_initialize_offers_the_newest_to_a_client_of_another_version(legacy: McpClient) -> None:
    for wanted in ("2024-11-05", "2099-01-01", MODERN):
        assert legacy.result("initialize", protocolVersion=wanted)["protocolVersion"] == "2025-11-25"


def test_initialize_without_a_version_is_refused(legacy: McpClient) -> None:
    assert legacy.error("initialize")["code"] == -32602


@pytest.mark.parametrize("version", LEGACY)
def test_a_notification_is_heard_without_a_word(service: HttpService, version: str) -> None:
    client = McpClient(service.server.port, "a-token-of-the-tests", version)
    response = client.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (response.status_code, response.content) == (202, b"")
    client.close()


def test_without_a_version_header_it_is_the_oldest(legacy: McpClient) -> None:
    response = legacy.post(legacy.message("ping"), MCP_Protocol_Version=None)
    assert response.json()["result"] == {}


def test_an_unknown_version_in_the_header_alone_is_refused(legacy: McpClient) -> None:
    assert refusal(legacy, legacy.message("ping"), MCP_Protocol_Version="1999-01-01")[:2] == (400, -32022)


def test_errors_of_the_earlier_protocols_come_with_200(legacy: McpClient) -> None:
    for method in ("server/nothing", "tasks/get"):
        message = legacy.message(method, taskId="job_1")
        assert refusal(legacy, message) == (200, -32601, message["id"])
    assert legacy.error("resources/read", uri="clawcraft://nothing")["code"] == -32002


def test_lists_of_the_earlier_protocols_have_nothing_of_the_later(legacy: McpClient) -> None:
    for method in ("tools/list", "prompts/list", "resources/list", "resources/templates/list"):
        assert len(legacy.result(method)) == 1


# --- both -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "OPTIONS"])
def test_only_post_is_taken(service: HttpService, method: str) -> None:
    response = service.call(method, "/mcp", headers={"Authorization": "Bearer a-token-of-the-tests"})
    assert (response.status, response.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/register",
    ],
)
def test_there_is_no_oauth_to_discover(service: HttpService, path: str) -> None:
    assert service.get(path, token=None).status == 404


@pytest.mark.parametrize("client_name", ["client", "legacy"])
def test_prompts(request: pytest.FixtureRequest, client_name: str) -> None:
    client: McpClient = request.getfixturevalue(client_name)
    (prompt,) = client.result("prompts/list")["prompts"]
    assert [argument["name"] for argument in prompt["arguments"]] == ["title", "game", "plan"]
    (said,) = client.result("prompts/get", name=prompt["name"], arguments={"title": "Speedrun"})["messages"]
    assert said["role"] == "user"
    assert said["content"]["text"].endswith("title: Speedrun")
    assert client.error("prompts/get", name="another")["code"] == -32602
    assert client.error("prompts/get", name=prompt["name"], arguments={"title": 7})["code"] == -32602


@pytest.mark.parametrize("client_name", ["client", "legacy"])
def test_resources_are_what_the_tools_that_only_look_tell(request: pytest.FixtureRequest, client_name: str) -> None:
    client: McpClient = request.getfixturevalue(client_name)
    for resource in client.result("resources/list")["resources"]:
        (content,) = client.result("resources/read", uri=resource["uri"])["contents"]
        assert (content["uri"], content["mimeType"]) == (resource["uri"], "application/json")
        told = client.call(resource["name"])
        assert content["text"] == told["content"][0]["text"]
    (template,) = client.result("resources/templates/list")["resourceTemplates"]
    assert template["uriTemplate"] == "clawcraft://job/{job_id}"


@pytest.mark.parametrize("uri", ["clawcraft://nothing", "clawcraft://job/job_x", "file:///etc/passwd", "", "status"])
def test_a_resource_that_there_is_not_is_named_in_the_error(client: McpClient, uri: str) -> None:
    error = client.error("resources/read", uri=uri)
    assert (error["code"], error["data"]) == (-32602, {"uri": uri})
