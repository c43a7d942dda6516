"""A show by MCP in real OBS: played by the official client, with tasks and without, and by one that is cut off."""

from collections.abc import Iterator

import pytest
import requests

from tests.support.mcp_client import MODERN, McpClient
from tests.support.mcp_sdk import judge, play
from tests.support.show import Show
from tests.support.tool_client import stored_token
from tests.support.waiting import wait_until
from twitch_sim.server import TwitchSim

START = "twitch_start_stream"

pytestmark = [pytest.mark.real_obs, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    with TwitchSim() as twitch:
        settings = {**twitch.environment(), "TOOL_ACTION_POLICY": "obs.screenshot=allow"}
        with Show(tmp_path_factory.mktemp("show"), settings) as show:
            yield show


def test_the_official_client_plays_a_show_with_tasks_and_without(show: Show) -> None:
    for way in ("legacy", "2026-07-28 --tasks"):
        judge(play(way, show.port, stored_token(show.config)), way)
        wait_until(lambda: not show.rtmp.publishers(), "the server sees no publisher")


def test_a_start_whose_client_is_cut_off_goes_on_and_is_found_again(show: Show) -> None:
    client = McpClient(show.port, stored_token(show.config), tasks=True)
    show.gate.silent()
    message = client.message("tools/call", name=START, arguments={"request_id": "cut-off"})
    message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = {}
    headers = {"Mcp-Method": "tools/call", "Mcp-Name": START, "MCP-Protocol-Version": MODERN}
    with pytest.raises(requests.ReadTimeout):
        requests.post(client.url, json=message, headers={**client.authorization, **headers}, timeout=(5, 1))
    found = client.call(START, request_id="cut-off")
    assert (found["resultType"], found["status"]) == ("task", "working")
    show.gate.release(show.rtmp.port)
    assert client.ended(found["taskId"])["result"]["structuredContent"]["status"] == "started"
    assert show.rtmp.probe() == {"video": "h264", "audio": "aac"}
    stop = client.call("twitch_stop_stream")
    assert client.ended(stop["taskId"])["result"]["structuredContent"]["status"] == "stopped"
    wait_until(lambda: not show.rtmp.publishers(), "the server sees no publisher")
    client.close()
    assert show.obs.warnings() == []
