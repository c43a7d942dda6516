"""What an agent is told where a person decides, and where nobody waits: asked starts, an aborted turn, a gateway that
restarts, a stream that drops. A real gateway, the real script in the fake OBS in this process.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from obs_mock import MockObs, Scenario
from tests.support.openclaw_gateway import Gateway, plugin_patch
from tests.support.operator_page import PageClient, shown_code
from tests.support.paths import SCRIPT
from tests.support.ports import free_port
from tests.support.scripted_model import ScriptedModel, calls, text_of
from tests.support.tool_client import ToolClient, stored_token, wait_for_service
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.openclaw, pytest.mark.timeout(600), pytest.mark.usefixtures("openclaw_installed")]

SETTINGS = {
    "TOOL_ACTION_POLICY": "twitch.start_stream=ask",
    "TOOL_APPROVAL_TIMEOUT_MS": "15000",
    "TOOL_START_COUNTDOWN_MS": "0",
}
START = ("twitch_start_stream", {"obs_scene": "BRB"})
TELLS_S = 120
ALLOW = "twitch_clawcraft.allow"
STARTED = re.compile(r'has news; tell the user.+status\\*":\\*"started', re.DOTALL)


@pytest.fixture(scope="module")
def obs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MockObs, ToolClient, dict[str, str]]]:
    folder, port = tmp_path_factory.mktemp("obs"), free_port()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in SETTINGS.items():
            environment.setenv(name, value)
        with MockObs(SCRIPT, "good", {"port": port}, config_dir=folder) as mock:
            wait_for_service(port)
            token = stored_token(folder)
            client = ToolClient(port, token)
            yield mock, client, {"baseUrl": f"http://127.0.0.1:{port}", "token": token}
            client.close()


@pytest.fixture(scope="module")
def mock(obs: tuple[MockObs, ToolClient, dict[str, str]]) -> MockObs:
    return obs[0]


@pytest.fixture(scope="module")
def client(obs: tuple[MockObs, ToolClient, dict[str, str]]) -> ToolClient:
    return obs[1]


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory,
    openclaw_installed: None,
    model: ScriptedModel,
    obs: tuple[MockObs, ToolClient, dict[str, str]],
) -> Iterator[Gateway]:
    more = {"tools": {"toolSearch": False}, "agents": {"defaults": {"heartbeat": {"every": "0m"}}}}
    with Gateway(tmp_path_factory.mktemp("gateway"), model.base_url, plugin_patch(obs[2]), {}, more) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def offline_again(mock: MockObs, client: ToolClient) -> Iterator[None]:
    yield
    if client.status()["paused"]:
        mock.press_hotkey("twitch_clawcraft.pause")
        wait_until(lambda: not client.status()["paused"], "the agent may act again")
    if client.status()["obs"]["stream"]["state"] != "offline":
        client.ended(client.accept("twitch.stop_stream", f"stop-{id(object())}"))


def asked(client: ToolClient) -> None:
    wait_until(lambda: client.status()["approvals_pending"] == 1, "the streamer is asked", within_s=60)


def answer(mock: MockObs, client: ToolClient, key: str) -> None:
    """The streamer presses the key; a yes until it counts, which it does not in the first moment of a question."""
    asked(client)
    mock.press_hotkey(key)
    while key == ALLOW and client.status()["approvals_pending"] == 1:
        mock.press_hotkey(key)


@contextmanager
def answered(mock: MockObs, client: ToolClient, key: str) -> Iterator[None]:
    """The streamer answers the question that comes."""
    streamer = threading.Thread(target=answer, args=(mock, client, key), name="streamer")
    streamer.start()
    yield
    streamer.join(90)


def told_of_start(gateway: Gateway) -> dict[str, Any]:
    [said] = json.loads(gateway.say(calls(START)))
    told: dict[str, Any] = json.loads(said)
    return told


def news(model: ScriptedModel, *words: str) -> str:
    def found(request: dict[str, Any]) -> bool:
        text = json.dumps(request["messages"], ensure_ascii=False)
        return all(word in text for word in words)

    messages = model.wait_for(found, TELLS_S)["messages"]
    return "\n".join(map(text_of, messages))


def test_an_allowed_start_is_told_as_started(gateway: Gateway, mock: MockObs, client: ToolClient) -> None:
    with answered(mock, client, ALLOW):
        told = told_of_start(gateway)
    assert (told["ok"], told["status"], told["scene"]) == (True, "started", "BRB")


@pytest.mark.parametrize(
    ("key", "code"),
    [("twitch_clawcraft.deny", "denied_by_operator"), ("twitch_clawcraft.pause", "paused_by_operator")],
)
def test_a_no_and_a_pause_are_told_as_such(
    gateway: Gateway, mock: MockObs, client: ToolClient, key: str, code: str
) -> None:
    with answered(mock, client, key):
        told = told_of_start(gateway)
    assert (told["ok"], told["code"]) == (False, code)
    assert client.status()["obs"]["stream"]["state"] == "offline"


@pytest.fixture
def page(mock: MockObs, client: ToolClient) -> Iterator[PageClient]:
    """The operator page, paired by the code that the panel shows."""
    page = PageClient(int(client.url.rpartition(":")[2]))
    mock.open_panel()
    mock.click("operator_open")
    page.pair(shown_code(mock.open_panel()["operator_code"].long_description or ""))
    yield page
    mock.close_panel()
    page.close()


@pytest.mark.parametrize(("said", "outcome"), [("allow", "started"), ("deny", "denied_by_operator")])
def test_what_the_streamer_says_on_the_operator_page_is_told(
    gateway: Gateway, client: ToolClient, page: PageClient, said: str, outcome: str
) -> None:
    def answered() -> bool:
        """A yes does not count in the first moment of a question."""
        return all(
            page.post("answer", {"job_id": question["job_id"], "answer": said}).status_code == 200
            for question in page.state()["state"]["questions"]
        )

    def answers() -> None:
        asked(client)
        wait_until(answered, "the answer counts", within_s=60)

    streamer = threading.Thread(target=answers, name="streamer")
    streamer.start()
    told = told_of_start(gateway)
    streamer.join(90)
    assert outcome in (told.get("status"), told.get("code"))
    assert (client.status()["obs"]["stream"]["state"] == "live") is (said == "allow")


def test_silence_is_told_as_a_no(gateway: Gateway, client: ToolClient) -> None:
    told = told_of_start(gateway)
    assert (told["ok"], told["code"]) == (False, "approval_expired")


def test_a_start_that_is_not_waited_for_says_that_nothing_was_done_yet(gateway: Gateway, client: ToolClient) -> None:
    [said] = json.loads(gateway.say(calls(("twitch_start_stream", {"wait": False})), session_key="agent:main:later"))
    assert json.loads(said)["note"].startswith("Nothing has been done: the streamer has to allow it in OBS first.")
    client.ended(json.loads(said)["job_id"])


def test_an_aborted_turn_is_told_how_its_start_ended_also_without_a_heartbeat(
    gateway: Gateway, mock: MockObs, client: ToolClient, model: ScriptedModel
) -> None:
    with gateway.said_and_left(calls(START), "agent:main:aborted"):
        asked(client)
    [job] = client.get("/tools/jobs", limit="1").json()["jobs"]
    answer(mock, client, ALLOW)
    assert STARTED.search(news(model, "has news", job["id"]))


def test_a_gateway_that_restarts_tells_what_it_promised(
    gateway: Gateway, mock: MockObs, client: ToolClient, model: ScriptedModel
) -> None:
    [said] = json.loads(gateway.say(calls(("twitch_start_stream", {"wait": False})), session_key="agent:main:kept"))
    job_id = json.loads(said)["job_id"]
    gateway.kill()
    answer(mock, client, ALLOW)
    client.ended(job_id)
    gateway.start()
    assert STARTED.search(news(model, "has news", job_id))


def test_a_drop_in_mid_show_is_told(gateway: Gateway, mock: MockObs, client: ToolClient, model: ScriptedModel) -> None:
    mock.scenario = Scenario("drops").but(retries_fail=None)
    with answered(mock, client, ALLOW):
        gateway.say(calls(START), session_key="agent:main:dropped")
    mock.disconnect()
    assert "off air, not by you" in news(model, "News of the Twitch stream", "off air")
    mock.scenario = "good"
