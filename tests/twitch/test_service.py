"""The whole service against the local Twitch, through its HTTP API, in the fake OBS."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.studio import TOKEN, Studio
from tests.support.tool_client import ToolClient
from twitch_sim import TwitchSim

SYNC: tuple[tuple[str, dict[str, Any]], ...] = (
    ("twitch.set_title", {"title": "Hello"}),
    ("twitch.set_game", {"game": "Minecraft"}),
    ("twitch.post_chat_message", {"message": "hello"}),
    ("twitch.create_clip", {}),
)
PATHS = ("/status", "/channel", "/metrics", "/tools", "/tools/jobs")
FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 500, "body": "<html>", "times": 3},
    {"drop": True, "times": 3},
    {"status": 401, "body": {"message": "Invalid OAuth token"}},
    {"hang": True},
)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio(tmp_path, {"TOOL_SERVICE_TIMEOUT_MS": "1500"}) as studio:
        yield studio


def test_a_whole_stream_in_the_fake_obs(tmp_path: Path) -> None:
    """Start with title and game, change the title while live, chat, clip, stop: and in which order it took effect."""
    with Studio(tmp_path) as studio:
        sim, client = studio.sim, studio.client
        sim.world.clip_delay_s = 0.5
        sim.fault("PATCH /channels", delay_s=0.5)
        job_id = client.accept("twitch.start_stream", "all-1", title="Tonight", game="minecraft", wait_until_live=True)
        sim.world.wait_for("PATCH /channels", 1)
        # Twitch has not answered yet: OBS must not have begun.
        assert studio.stream_state() == "offline"
        sim.world.wait_for("GET /streams", 1, 30)
        sim.world.go_live()
        started = client.ended(job_id)
        assert started["status"] == "done", started
        assert started["result"]["metadata"]["current"] == {"title": "Tonight", "game_id": "27471", "game": "Minecraft"}
        assert started["result"]["live"]["live"] is True
        assert started["result"]["warnings"] == []
        assert studio.stream_state() == "live"
        for number, (action, args) in enumerate(SYNC):
            answer = client.post(action, f"all-sync-{number}", **args)
            assert answer.status_code == 200, answer.text
            again = client.post(action, f"all-sync-{number}", **args)
            assert again.headers["Idempotent-Replayed"] == "true"
        assert client.run("twitch.stop_stream", "all-2")["result"]["status"] == "stopped"
        assert (len(sim.world.chat), len(sim.world.clips)) == (1, 1)
        assert sim.world.channels["1001"].title == "Hello"
        status = client.status()["twitch"]
        assert status["state"] == "ok"
        assert status["identity"]["login"] == "clawstreamer"
        assert status["scopes_missing"] == []


def test_while_twitch_hangs_polling_and_health_are_answered_and_actions_end_as_timeout(studio: Studio) -> None:
    sim = studio.sim
    job_id = studio.client.accept("twitch.stop_stream", "hang-job")
    for endpoint in ("PATCH /channels", "GET /games", "POST /chat/messages", "POST /clips"):
        sim.fault(endpoint, hang=True, times=9)
    began = time.monotonic()

    def act(number: int) -> tuple[float, str]:
        action, args = SYNC[number]
        client = ToolClient(studio.port, TOKEN, f"agent-{number}")
        try:
            answer = client.post(action, f"hang-{number}", **args)
            return time.monotonic() - began, answer.json()["error"]["code"]
        finally:
            client.close()

    with ThreadPoolExecutor(4) as pool:
        acting = [pool.submit(act, number) for number in range(4)]
        for endpoint in ("PATCH /channels", "GET /games", "POST /chat/messages", "POST /clips"):
            sim.world.wait_for(endpoint, 1)
        answered = 0
        while not any(action.done() for action in acting):
            studio.client.get("/health")
            studio.client.job(job_id)
            answered += 1
        ended = [action.result(timeout=30) for action in acting]
    assert [code for _, code in ended] == ["timeout"] * 4
    assert all(seconds >= 1.45 for seconds, _ in ended)
    assert answered > 1  # the first round at least was answered while all four waited


def test_while_twitch_hangs_a_crowd_at_channel_is_answered_and_so_are_polls(studio: Studio) -> None:
    sim = studio.sim
    job_id = studio.client.accept("twitch.stop_stream", "hang-job")
    known = studio.client.get("/channel").json()
    assert known["channel"]["data"]["title"] == "My first stream"
    sim.fault("*", hang=True, times=99)
    # An action makes all of it due again, and waits for Twitch itself.
    assert studio.client.post("twitch.set_title", "hang-title", title="x").status_code in (502, 504)
    with ThreadPoolExecutor(20) as pool:
        crowd = [pool.submit(studio.client.get, "/channel") for _ in range(20)]
        answered = 0
        while not all(answer.done() for answer in crowd):
            studio.client.job(job_id)
            answered += 1
        answers = [answer.result(timeout=60) for answer in crowd]
    assert [answer.status_code for answer in answers] == [200] * 20
    assert {answer.json()["channel"]["data"]["title"] for answer in answers} == {"My first stream"}
    assert answered > 1


def test_no_secret_in_any_file_or_answer_of_a_whole_run(studio: Studio, tmp_path: Path) -> None:
    """The secret store itself is the one place."""
    answers: list[str] = []
    sim, client = studio.sim, studio.client
    for number, fault in enumerate(FAULTS):
        for endpoint in ("PATCH /channels", "POST /chat/messages"):
            sim.fault(endpoint, **fault)
        answers += [client.post(action, f"search-{number}-{action}", **args).text for action, args in SYNC]
        sim.faults.clear()
    assert sim.world.count("POST /oauth2/token") == 2
    answers.append(json.dumps(client.run("twitch.start_stream", "search-start", title="x")))
    answers.append(json.dumps(client.run("twitch.stop_stream", "search-stop")))
    answers += [client.get(path).text for path in (*PATHS, "/openapi.json")]
    given = [studio.settings[name] for name in ("TWITCH_OAUTH_TOKEN", "TWITCH_REFRESH_TOKEN")]
    secrets = [*secrets_of(sim), *given, TOKEN]
    studio.kill()
    assert [secret for secret in secrets if any(secret in answer for answer in answers)] == []
    assert searched(tmp_path, secrets) == []


def secrets_of(sim: TwitchSim) -> list[str]:
    with sim.world.lock:
        return [text for token in sim.world.tokens for text in (token.access, token.refresh) if text]


def searched(folder: Path, secrets: list[str]) -> list[tuple[str, str]]:
    """Every secret found in a file below ``folder``, the secret store excepted."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "secrets.json"]
    assert any(path.name == "service.log" for path in files)
    return [(path.name, secret) for path in files for secret in secrets if secret.encode() in path.read_bytes()]
