"""A newer folder over that of 0.1.0: what the streamer and the agent had is still there.

``home_of_0_1_0`` is what 0.1.0 itself left in OBS's configuration folder when OBS was killed, in the fake OBS: a stream
started and stopped, a start that failed, one that was connecting, and the pause pressed. The job table is its SQL.
"""

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from clawcraft.jobs.database import MIGRATIONS
from clawcraft.secrets import SecretStore
from obs_mock import MockObs, Timings
from tests.support.paths import SCRIPT, data_folder
from tests.support.ports import free_port
from tests.support.tool_client import ToolClient, stored_token, wait_for_service
from tests.support.waiting import wait_until
from twitch_sim import TwitchSim

OLD = Path(__file__).parent / "home_of_0_1_0"
AGENT = "openclaw:main"
AGO_S = 3600.0
"""How long ago the old version ended: less than jobs are kept."""


def lay_home(config: Path) -> dict[str, Any]:
    """Put the old home there, as of an hour ago; the script's settings in the scene collection."""
    data = data_folder(config)
    data.mkdir(parents=True)
    for name in ("secrets.json", "paused"):
        shutil.copyfile(OLD / name, data / name)
    with closing(sqlite3.connect(data / "jobs.sqlite3")) as table:
        table.executescript((OLD / "jobs.sql").read_text("utf-8"))
        later = time.time() - AGO_S - table.execute("SELECT max(updated_at) FROM jobs").fetchone()[0]
        for column in ("created_at", "started_at", "updated_at", "finished_at"):
            table.execute(f"UPDATE jobs SET {column} = {column} + ?", (later,))
        table.commit()
    settings: dict[str, Any] = json.loads((OLD / "script_settings.json").read_text("utf-8"))
    return settings


@pytest.fixture
def home(tmp_path: Path, twitch: TwitchSim, monkeypatch: pytest.MonkeyPatch) -> MockObs:
    """OBS with this version of the script, about to start in that home."""
    for name in ("TWITCH_API_BASE_URL", "TWITCH_AUTH_BASE_URL"):
        monkeypatch.setenv(name, twitch.environment()[name])
    settings = lay_home(tmp_path) | {"port": free_port()}
    return MockObs(SCRIPT, settings=settings, config_dir=tmp_path, timings=Timings().scaled(0.05))


@pytest.fixture
def upgraded(home: MockObs) -> Iterator[MockObs]:
    with home as obs:
        wait_for_service(obs.settings()["port"])
        yield obs


@pytest.fixture
def agent(upgraded: MockObs, tmp_path: Path) -> Iterator[ToolClient]:
    """The agent of before, with the token that its configuration has."""
    token = json.loads((OLD / "secrets.json").read_text("utf-8"))["TOOL_SERVICE_TOKEN"]
    assert stored_token(tmp_path) == token
    agent = ToolClient(upgraded.settings()["port"], token, AGENT)
    yield agent
    agent.close()


def test_jobs_are_told_as_before_and_what_was_connecting_is_interrupted(agent: ToolClient) -> None:
    answer = agent.get("/tools/jobs")
    assert answer.status_code == 200, answer.text
    jobs = {job["request_id"]: job for job in answer.json()["jobs"]}
    ends = {name: (job["status"], (job.get("error") or {}).get("code")) for name, job in jobs.items()}
    assert ends == {
        "friday-start": ("done", None),
        "friday-stop": ("done", None),
        "friday-nowhere": ("failed", "scene_not_found"),
        "saturday-start": ("failed", "interrupted"),
    }
    assert jobs["friday-start"]["result"]["scene"] == "BRB"
    assert jobs["friday-start"]["mission_id"] == "friday show"


def test_the_pause_still_holds_and_secrets_settings_and_switches_are_those_of_before(
    upgraded: MockObs, agent: ToolClient, tmp_path: Path
) -> None:
    assert agent.status()["paused"]
    assert agent.post("twitch.start_stream", "sunday").json()["error"]["code"] == "paused_by_operator"
    tools = {tool["name"]: tool for tool in agent.get("/tools").json()["tools"]}
    assert [name for name in ("twitch.create_clip", "twitch.set_title") if tools[name]["enabled"]] == [
        "twitch.set_title"
    ]
    store, old = SecretStore(data_folder(tmp_path)), json.loads((OLD / "secrets.json").read_text("utf-8"))
    kept = {name: secret.reveal() for name in old if (secret := store.get(name))}
    assert kept == old
    before = json.loads((OLD / "script_settings.json").read_text("utf-8"))
    upgraded.save()
    after = upgraded.settings()
    # The switch of an action is kept on this machine now, with the policies; and so are the hotkeys.
    moved = dict.fromkeys(("action_create_clip", "pause_hotkey"))
    assert {name: after.get(name) for name in before} == {**before, "port": after["port"], **moved}


def test_a_repeated_request_gets_its_job_of_before_and_goes_live_once_the_streamer_lets_it(
    upgraded: MockObs, agent: ToolClient
) -> None:
    before = {job["request_id"]: job["id"] for job in agent.get("/tools/jobs").json()["jobs"]}
    upgraded.open_panel()
    upgraded.click("pause")
    wait_until(lambda: not agent.status()["paused"], "the agent may go on")
    agent_start: dict[str, Any] = {"title": "Grüße vom Freitag"}
    body = {"request_id": "friday-start", "agent_id": AGENT, "action": "twitch.start_stream", "args": agent_start}
    body["mission_id"] = "friday show"
    again = agent._session.post(f"{agent.url}/tools/execute", json=body, timeout=60)
    assert again.json()["result"]["job_id"] == before["friday-start"]
    assert upgraded.stream.starts == 0
    started = agent.run("twitch.start_stream", "sunday-start")
    assert (started["status"], started["result"]["scene"]) == ("done", "BRB")


def test_a_job_table_of_a_newer_version_is_kept_aside_and_said(home: MockObs, tmp_path: Path) -> None:
    """What an older version does with the table that a newer one has changed, from 0.1.0 on."""
    path = data_folder(tmp_path) / "jobs.sqlite3"
    with closing(sqlite3.connect(path)) as table:
        table.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with home as obs:
        wait_for_service(obs.settings()["port"])
    (said,) = [line for line in obs.log_lines() if "newer than this script's" in line]
    (aside,) = path.parent.glob("jobs.sqlite3.unreadable-*[0-9]")
    with closing(sqlite3.connect(aside)) as table:
        kept = {request_id for (request_id,) in table.execute("SELECT request_id FROM jobs")}
    assert kept == {"friday-start", "friday-stop", "friday-nowhere", "saturday-start"}
    assert str(aside) in said
    assert "all earlier jobs" in said
