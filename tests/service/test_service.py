"""The whole service in the fake OBS: its life, its answers against the schemas, and settings changed while it runs."""

import contextlib
import gc
import json
import os
import socket
import sqlite3
import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from clawcraft.actions.catalogue import ACTIONS, Kind
from clawcraft.http.signature import sign
from clawcraft.secrets import Secret
from tests.service.conftest import Studio
from tests.support.examples import EXAMPLES
from tests.support.paths import data_folder
from tests.support.ports import free_port
from tests.support.responses import fits
from tests.support.tool_client import ToolClient, stored_token
from tests.support.waiting import wait_until
from twitch_sim.server import TwitchSim


def test_every_answer_has_the_form_its_schema_says(client: ToolClient) -> None:
    accepted = client.post("twitch.start_stream", "forms-1")
    assert fits("accepted", accepted.json())
    job_id = accepted.json()["result"]["job_id"]
    assert accepted.headers["Location"] == f"/tools/jobs/{job_id}"
    client.ended(job_id)
    assert fits("job_answer", client.get(f"/tools/jobs/{job_id}").json())
    assert fits("job_list", client.get("/tools/jobs").json())
    assert fits("tools", client.get("/tools").json())
    assert fits("status", client.get("/status").json())
    assert fits("health", client.get("/health").json())
    refused = client.post("twitch.set_title", "forms-2", title="Hello")
    assert fits("failure", refused.json())
    client.run("twitch.stop_stream", "forms-3")


def test_every_action_is_carried_out(tmp_path: Path, twitch: TwitchSim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOL_ACTION_POLICY", ",".join(f"{action.name}=allow" for action in ACTIONS))
    monkeypatch.setenv("TWITCH_RAID_TARGETS", EXAMPLES["twitch.raid"]["target"])
    monkeypatch.setenv("TOOL_ALLOWED_SCENES", "BRB")
    twitch.world.go_live()
    twitch.world.show.next_ad_at = time.time() + 600
    with Studio(tmp_path) as studio:
        client = studio.client()
        for action in sorted(ACTIONS, key=lambda action: action.supersedes is not None):  # the stop last
            args = EXAMPLES[action.name]
            if action.kind is Kind.ASYNC:
                job = client.run(action.name, action.name, **args)
                assert (job["status"], job["result"].get("warnings", [])) == ("done", []), action.name
            else:
                answer = client.post(action.name, action.name, **args)
                assert answer.status_code == 200, f"{action.name}: {answer.text}"
                assert fits("sync", answer.json())


def test_no_raid_leaves_before_the_streamer_has_listed_its_target(
    tmp_path: Path, twitch: TwitchSim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOL_ACTION_POLICY", "twitch.raid=allow")
    with Studio(tmp_path, twitch_raid_targets="friendlyneighbour") as studio:  # a scene collection has no say in it
        refused = studio.client().post("twitch.raid", "raid", target="friendlyneighbour").json()["error"]
        assert (refused["code"], refused["details"]["rail"]) == ("refused_by_guard_rail", "raid_targets")
    assert twitch.world.count("POST /raids") == twitch.world.count("GET /users") == 0


def test_its_own_token_never_goes_to_chat_or_into_a_title(studio: Studio, client: ToolClient) -> None:
    token = stored_token(studio.folder)
    for action, field in (("twitch.post_chat_message", "message"), ("twitch.start_stream", "title")):
        answer = client.post(action, f"leak-{field}", **{field: f"it is {token}"})
        assert answer.status_code == 400
        assert answer.json()["error"]["details"]["violations"][0]["rule"] == "secret"
        assert token not in answer.text


def test_a_signed_request_that_was_overheard_does_nothing_again_even_past_the_jobs_ttl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "a-signing-secret-of-the-tests"
    for name, value in (("TOOL_SERVICE_SIGNATURE_SECRET", secret), ("TOOL_JOB_TTL_MS", "60000")):
        monkeypatch.setenv(name, value)
    body = json.dumps({"agent_id": "producer", "action": "twitch.stop_stream", "request_id": "once"}).encode()
    timestamp = str(int(time.time()))
    digest = sign(Secret(secret), body, timestamp)
    headers = {"X-Tool-Timestamp": timestamp, "X-Tool-Signature": digest, "Content-Type": "application/json"}
    with Studio(tmp_path) as studio:
        client = studio.client()

        def post() -> dict[str, Any]:
            headers["Authorization"] = f"Bearer {stored_token(tmp_path)}"
            answer: dict[str, Any] = requests.post(f"{client.url}/tools/execute", body, headers=headers).json()
            return answer

        first = post()["result"]["job_id"]
        assert post()["result"]["job_id"] == first
        client.ended(first)
    with contextlib.closing(sqlite3.connect(data_folder(tmp_path) / "jobs.sqlite3")) as table, table:
        table.execute("UPDATE jobs SET finished_at = finished_at - 61")
    with Studio(tmp_path) as later:
        client = later.client()
        assert post()["error"]["code"] == "replayed_request"


@pytest.mark.skipif(os.name == "nt", reason="Windows has access lists of the profile instead of modes")
def test_its_files_are_the_streamers_alone_also_those_of_version_0_1_0(tmp_path: Path) -> None:
    folder = data_folder(tmp_path)
    folder.mkdir(parents=True, mode=0o755)
    for name in ("service.log", "service.log.1", "secrets.lock", "crash.log"):
        (folder / name).touch(mode=0o644)
    with Studio(tmp_path) as studio:
        studio.client().run("twitch.start_stream", "modes-1")
        assert (folder / "jobs.sqlite3-wal").exists()
        assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o600"}
        assert oct(folder.stat().st_mode & 0o777) == "0o700"


def test_reload_scripts_leaves_no_thread_and_frees_the_port(studio: Studio) -> None:
    for _ in range(10):
        studio.client().close()
        studio.obs.reload()  # the fake OBS names a thread that is left at each unload


def test_reload_scripts_lets_go_of_the_code_before(studio: Studio) -> None:
    """Whatever keeps one class of a reloaded module keeps the module, and with it the package: megabytes each time.
    The first life's observer stays by intent, once."""

    def classes() -> dict[str, weakref.ref[type]]:
        modules = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "clawcraft"}
        found = [
            value
            for name, module in modules.items()
            for value in vars(module).values()
            if isinstance(value, type) and value.__module__ == name
        ]
        return {f"{each.__module__}.{each.__qualname__}": weakref.ref(each) for each in found}

    studio.client().close()
    studio.obs.reload()
    studio.client().close()
    before = classes()
    assert len(before) > 100
    studio.obs.reload()
    studio.client().close()

    def is_left() -> list[str]:
        gc.collect()  # which does nothing while another thread collects, as the new life does at its start
        return [name for name, kept in before.items() if kept() is not None]

    wait_until(lambda: not is_left(), "the classes before are gone")
    assert is_left() == []


def test_a_wrong_setting_is_told_and_nothing_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWITCH_API_BASE_URL", "http://example.org")
    with Studio(tmp_path) as studio:
        told = "TWITCH_API_BASE_URL from the environment must use https"
        wait_until(lambda: any(told in line for line in studio.obs.log_lines()), "the problem is told")
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", studio.port)) != 0


def test_a_wrong_value_is_told_in_the_log_too_while_the_service_goes_on(studio: Studio, client: ToolClient) -> None:
    studio.obs.open_panel()
    studio.obs.change("tool_service_bind", "localhost")
    wait_until(lambda: any("TOOL_SERVICE_BIND" in line for line in studio.obs.log_lines()), "the problem is told")
    assert client.get("/health").ok


def test_what_a_reload_cut_off_on_its_way_to_twitch_is_not_sent_again(twitch: TwitchSim, tmp_path: Path) -> None:
    def sent() -> int:
        return twitch.world.count("POST /chat/messages")

    with Studio(tmp_path) as studio, ThreadPoolExecutor() as pool:
        client = studio.client()
        wait_until(lambda: client.status()["twitch"]["state"] == "ok", "Twitch is connected")
        twitch.fault("POST /chat/messages", hang=True)
        cut_off = pool.submit(client.post, "twitch.post_chat_message", "once", message="hello")
        wait_until(lambda: sent() == 1, "the message is at Twitch")
        studio.obs.reload()
        assert cut_off.result().json()["error"]["retryable"] is False
        again = studio.client().post("twitch.post_chat_message", "once", message="hello")
        assert (again.status_code, again.headers["Idempotent-Replayed"], sent()) == (503, "true", 1)


def test_a_changed_port_moves_the_service_and_a_running_job_survives(studio: Studio, client: ToolClient) -> None:
    studio.obs.scenario = "silent_server"
    job_id = client.accept("twitch.start_stream", "survives")
    wait_until(lambda: client.job(job_id)["status"] == "running", "the job runs")
    studio.obs.open_panel()
    new_port = free_port()
    studio.obs.change("port", new_port)
    moved = studio.client(new_port)
    assert moved.job(job_id)["status"] == "running"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", studio.port)) != 0
    moved.close()


def test_two_hundred_keystrokes_restart_once(studio: Studio, client: ToolClient) -> None:
    studio.obs.open_panel()
    for _ in range(66):
        studio.obs.type_text("obs_stream_scene", "BRB")
    new_port = free_port()
    studio.obs.change("port", new_port)
    studio.client(new_port).close()
    report = studio.obs.stop()
    assert sum("listening" in line for _level, line in report.log) == 2


def test_the_token_never_reaches_the_log_or_the_settings(studio: Studio, client: ToolClient) -> None:
    client.run("twitch.stop_stream", "secret-1")
    token = stored_token(studio.folder)
    report = studio.obs.stop()
    assert token not in json.dumps(studio.obs.settings())
    assert token not in repr(report)
    log = (studio.folder / "plugin_config" / "twitch-clawcraft" / "service.log").read_text("utf-8")
    assert "secret-1" in log
    assert token not in log


def test_a_jobs_percent_does_not_fall_when_a_start_is_tried_again(studio: Studio, client: ToolClient) -> None:
    studio.obs.scenario = "dead_server"
    job_id = client.accept("twitch.start_stream", "again")
    seen: list[dict[str, Any]] = []

    def tried_again() -> bool:
        seen.append(client.job(job_id)["progress"])
        return "attempt 2 follows" in seen[-1]["message"]

    wait_until(tried_again, "the first attempt has failed")
    percents = [progress["percent"] for progress in seen]
    assert percents == sorted(percents)
    assert percents[-1] == 53, "the stream is at 45 of its own 100 again; the job stays where 60 of those were"
    client.run("twitch.stop_stream", "again-stop")
