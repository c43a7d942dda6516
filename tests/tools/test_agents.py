"""``tools/agents.py`` beside a running service: what it changes counts at the next request, without a restart."""

import os
import stat
from pathlib import Path

import pytest

from clawcraft.authority.agent_file import end_of
from tests.support.agents import add_agent
from tests.support.paths import data_folder
from tests.support.studio import Studio
from tests.support.tool import Done, tool
from tests.support.tool_client import ToolClient, stored_token

TITLE, STOP = "twitch.set_title", "twitch.stop_stream"


class Operator:
    """Somebody at a terminal of the machine that OBS runs on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, *arguments: str) -> Done:
        return tool("agents.py", "--data-dir", str(self._folder), *arguments)

    def does(self, *arguments: str) -> str:
        """What a command that succeeds prints."""
        done = self.run(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def fails(self, *arguments: str, status: int = 1) -> str:
        done = self.run(*arguments)
        assert (done.returncode, done.stdout) == (status, "")
        return done.stderr


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path / "data")


def test_an_agent_is_made_narrowed_renewed_and_revoked_beside_a_running_service(studio: Studio) -> None:
    operator = Operator(data_folder(studio.folder))
    token = operator.does("add", "producer", "--quiet", "--only", "set_title,stop_stream", "--limit", "set_title=1")
    token = token.removesuffix("\n")
    agent = ToolClient(studio.port, token, "producer")
    assert agent.run(STOP, "r1")["status"] == "done"
    enabled = [tool["name"] for tool in agent.get("/tools").json()["tools"] if tool["enabled"]]
    assert enabled == [STOP, TITLE]
    codes = [agent.post(TITLE, title=text).json()["error"]["code"] for text in ("x", "y")]
    assert codes == ["twitch_not_configured", "rate_limited"]
    assert agent.get("/status").json()["agent"]["limits_per_min"] == {TITLE: 1}

    renewed = ToolClient(studio.port, operator.does("renew", "producer", "--quiet").strip(), "producer")
    assert agent.get("/status").status_code == 401
    assert [job["request_id"] for job in renewed.get("/tools/jobs").json()["jobs"]] == ["r1"]

    assert "revoked" in operator.does("revoke", "producer")
    assert renewed.post(STOP, "r2").status_code == 401
    assert studio.client.get("/status").status_code == 200
    for client in (agent, renewed):
        client.close()


def test_an_agent_changes_its_token_without_being_cut_off(studio: Studio) -> None:
    operator = Operator(data_folder(studio.folder))
    tokens = [operator.does("add", "camera", "--quiet").strip()]
    tokens.append(operator.does("rotate", "camera", "--quiet", "--overlap", "2h").strip())
    old, new = (ToolClient(studio.port, token, "camera") for token in tokens)
    assert old.run(STOP, "before")["status"] == "done"
    for client in (old, new):
        assert [job["request_id"] for job in client.get("/tools/jobs").json()["jobs"]] == ["before"]
        assert client.post(STOP, "before").json()["result"]["status"] == "done"  # the kept answer: one agent
    assert "old token until" in operator.does("list")
    operator.does("revoke", "camera")
    assert [client.get("/status").status_code for client in (old, new)] == [401, 401]
    for client in (old, new):
        client.close()


def test_the_services_token_changes_without_anybody_being_cut_off(tmp_path: Path) -> None:
    folder = tmp_path / "obs-studio"
    with Studio(folder, {"TOOL_SERVICE_TOKEN": ""}, with_twitch=False) as studio:
        operator = Operator(data_folder(folder))
        old = ToolClient(studio.port, stored_token(folder))
        new = ToolClient(studio.port, operator.does("rotate-service", "--quiet", "--overlap", "30m").strip())
        assert [client.get("/status").status_code for client in (old, new)] == [200, 200]
        assert "former token is good until" in operator.does("list")
        studio.kill()
        studio.start()
        assert [client.get("/status").status_code for client in (old, new)] == [200, 200]
        assert stored_token(folder) == new._session.headers["Authorization"].split()[1]
        for client in (old, new):
            client.close()


def test_a_service_whose_token_is_not_kept_here_is_told_so(operator: Operator) -> None:
    assert "environment of OBS" in operator.fails("rotate-service")
    assert "1m to 30d" in operator.fails("rotate-service", "--overlap", "31d", status=2)


def test_a_token_is_shown_once_and_the_list_says_what_each_may(operator: Operator, tmp_path: Path) -> None:
    shown = operator.does("add", "producer", "--policy", "start_stream=ask,create_clip=off", "--until", "2100-01-01")
    assert "agent_id" in shown
    (token,) = [line.strip() for line in shown.splitlines() if line.startswith("    ")]
    operator.does("add", "other")
    listed = operator.does("list")
    assert token not in listed
    producer, other = listed.splitlines()
    for words in ("producer", "twitch.start_stream=ask", "twitch.create_clip=off", "until 2100-01-02 00:00"):
        assert words in producer
    assert "everything that is allowed" in other
    files = list((tmp_path / "data").iterdir())
    assert not [path for path in files if token in path.read_text()]
    if os.name != "nt":
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_no_token_is_handed_out_that_is_over_already(operator: Operator, tmp_path: Path) -> None:
    add_agent(tmp_path / "data", "over", until=end_of("2020-01-01"))
    operator.does("add", "on")
    listed = operator.does("list")
    assert "OVER since 2020-01-02 00:00" in listed
    for command in (
        ("add", "new", "--until", "2020-01-01"),
        ("renew", "on", "--until", "2020-01-01"),
        ("renew", "over"),
        ("rotate", "over"),
    ):
        assert "is over since 20" in operator.fails(*command, "--quiet")
    assert operator.does("list") == listed
    operator.does("renew", "over", "--until", "2100-01-01")
    operator.does("rotate", "over")


def test_a_mistake_is_named_and_changes_nothing(operator: Operator) -> None:
    assert "There are no named agents" in operator.does("list")
    operator.does("add", "producer")
    listed = operator.does("list")
    assert "renew" in operator.fails("add", "producer")
    assert "there are: producer" in operator.fails("revoke", "Producer")
    for wrong, words in (
        (("x",), "2 to 120"),
        (("new", "--until", "soon"), "is not a day"),
        (("new", "--only", "fly"), "'fly' is not an action"),
        (("new", "--policy", "set_title=perhaps"), "the policies are"),
        (("new", "--limit", "set_title=0"), "whole number"),
    ):
        assert words in operator.fails("add", *wrong, status=2)
    assert operator.does("list") == listed
