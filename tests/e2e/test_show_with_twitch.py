"""A whole show in real OBS with the local Twitch: metadata, live, title, chat, clip, stop; and no secret anywhere."""

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.show import Show
from tests.support.tool_client import stored_token
from tests.support.waiting import wait_until
from twitch_sim.server import TwitchSim

pytestmark = [pytest.mark.real_obs, pytest.mark.random_order(disabled=True)]  # one show, from its start to its end

STARTING = "0 "


@pytest.fixture(scope="module")
def twitch() -> Iterator[TwitchSim]:
    with TwitchSim() as sim:
        sim.world.clip_delay_s = 0
        yield sim


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a second script of OBS writes down each frontend event."""
    return tmp_path_factory.mktemp("events") / "events.txt"


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory, twitch: TwitchSim, events: Path) -> Iterator[Show]:
    env = {**twitch.environment(), "TOOL_SERVICE_SIGNATURE_SECRET": "", "EVENT_TIMES": str(events)}
    watcher = ROOT / "tools" / "bench" / "event_times.py"
    with Show(tmp_path_factory.mktemp("show"), env, more_scripts=(watcher,)) as running:
        yield running


def starting_at(events: Path) -> float:
    """Unix seconds of the first."""
    return next(float(line.split()[1]) for line in events.read_text().splitlines() if line.startswith(STARTING))


def test_title_and_game_are_set_before_obs_starts(show: Show, twitch: TwitchSim, events: Path) -> None:
    twitch.fault("PATCH /channels", delay_s=1.5)
    asked_s = time.time()
    done = show.client.run("twitch.start_stream", "show-1", title="We are live", game="Minecraft")
    assert done["status"] == "done", done
    assert starting_at(events) > asked_s + 1.5, "Twitch had not answered yet"
    assert done["result"]["metadata"]["verified"] is True
    assert done["result"]["warnings"] == []
    assert twitch.world.channels["1001"].title == "We are live"
    assert twitch.world.channels["1001"].game_id == "27471"
    assert show.rtmp.probe() == {"video": "h264", "audio": "aac"}
    order = [name for name in twitch.world.endpoints() if name != "GET /oauth2/validate"]
    assert all(first != second or first.startswith("GET") for first, second in pairwise(order)), order


def test_what_a_viewer_sees_changes_while_live(show: Show, twitch: TwitchSim) -> None:
    twitch.world.go_live()
    title = show.client.post("twitch.set_title", "show-2", title="Second half").json()["result"]
    assert (title["status"], title["verified"], title["previous"]["title"]) == ("updated", True, "We are live")
    chat = show.client.post("twitch.post_chat_message", "show-3", message="Hello chat").json()["result"]
    assert chat["status"] == "sent"
    clip = show.client.post("twitch.create_clip", "show-4", title="A moment").json()["result"]
    assert clip["status"] == "created"
    assert clip["confirmed"] is True
    assert twitch.world.count("POST /chat/messages") == 1
    assert twitch.world.count("POST /clips") == 1


def test_a_repeat_is_answered_without_a_second_effect(show: Show, twitch: TwitchSim) -> None:
    again = show.client.post("twitch.post_chat_message", "show-3", message="Hello chat")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert twitch.world.count("POST /chat/messages") == 1


def test_the_show_ends(show: Show) -> None:
    assert show.client.run("twitch.stop_stream", "show-5", reason="The end")["result"]["status"] == "stopped"
    wait_until(lambda: not show.rtmp.publishers(), "the server sees no publisher")


def test_no_secret_is_in_any_file_answer_or_log(show: Show, twitch: TwitchSim) -> None:
    secrets = {stored_token(show.config)} | {
        text for token in twitch.world.tokens for text in (token.access, token.refresh)
    }
    answers = [show.client.get(path).text for path in ("/status", "/tools/jobs", "/tools", "/metrics", "/openapi.json")]
    assert show.obs.quit() == 0
    texts = {path: path.read_bytes() for path in show.home.rglob("*") if path.is_file() and path.name != "secrets.json"}
    assert any(path.name == "service.log" for path in texts)
    assert any(path.name.startswith("jobs.sqlite3") for path in texts)
    for secret in secrets:
        assert not any(secret in answer for answer in answers)
        assert [path for path, content in texts.items() if secret.encode() in content] == []
        assert not any(secret in line for line in show.obs.process.lines())
    assert show.obs.memory_leaks() == 0
