"""The audit trail of the whole service in the fake OBS: everything an agent asked is in it, also after a flood."""

import json
from pathlib import Path

import requests

from obs_mock.scenarios import Timings
from tests.service.conftest import Studio
from tests.support.audit_tool import audit
from tests.support.examples import EXAMPLES
from tests.support.paths import data_folder
from tests.support.tool_client import stored_token
from tests.support.waiting import HANG_S, wait_until
from twitch_sim.server import TwitchSim

REFUSALS = 300


def test_everything_an_agent_asked_in_a_whole_show_is_there_also_after_a_flood_of_refusals(
    tmp_path: Path, twitch: TwitchSim
) -> None:
    folder = data_folder(tmp_path)
    steps = [
        ("twitch.set_title", {"title": "Soon"}),
        ("twitch.start_stream", {"title": "We are live", "game": "Just Chatting", "obs_scene": "Main"}),
        ("twitch.post_chat_message", {"message": "hello"}),
        ("twitch.set_game", {"game": "No such game"}),
        ("twitch.start_stream", {"obs_scene": "Nowhere"}),
        ("twitch.stop_stream", {"reason": "the end"}),
    ]
    with Studio(tmp_path, Timings().scaled(0.05)) as studio:
        client = studio.client()
        scenes = client.status()["obs"]["scenes"]
        steps[1][1]["obs_scene"] = scenes[0]
        for number, (action, args) in enumerate(steps):
            if action in ("twitch.start_stream", "twitch.stop_stream"):
                client.run(action, f"step-{number}", **args)
            else:
                client.post(action, f"step-{number}", **args)
        client.post("twitch.set_title", "step-0", title="Soon")  # a repeat
        client.post("twitch.set_title", "bad", title="")
        with requests.Session() as stranger:
            for _ in range(REFUSALS):
                assert stranger.get(f"{client.url}/status", timeout=HANG_S).status_code in (401, 429)
        asked = [entry for entry in audit(folder) if entry["kind"] == "asked"]  # while OBS runs
    assert [(entry["action"], entry["args"]) for entry in asked] == steps
    assert [entry["outcome"] for entry in asked] == [
        *("updated", "started", "sent", "game_not_found", "scene_not_found", "stopped"),
    ]
    assert asked[0]["result"]["current"]["title"] == "Soon"
    assert asked[1]["result"]["metadata"]["current"]["title"] == "We are live"
    assert asked[1]["result"]["metadata"]["previous"]["title"] == "Soon"
    assert asked[1]["result"]["scene"] == scenes[0]
    assert {entry["decision"] for entry in asked} == {"allowed"}
    everything = audit(folder)
    assert [entry for entry in everything if entry["kind"] == "asked"] == asked
    counted = {entry["outcome"]: 0 for entry in everything if entry["kind"] == "counted"}
    for entry in everything:
        if entry["kind"] == "counted":
            counted[entry["outcome"]] += entry["times"]
    assert counted["replayed"] == counted["invalid_request"] == 1
    assert counted["unauthorized"] + counted["rate_limited"] == REFUSALS
    assert len(everything) < 30
    assert stored_token(tmp_path) not in json.dumps(everything)


def test_a_pause_is_in_the_trail_soon_after_it_was_pressed(studio: Studio) -> None:
    studio.client()  # the service runs
    studio.obs.open_panel()
    studio.obs.click("pause")
    studio.obs.click("pause")

    def switched() -> bool:
        found = [entry["outcome"] for entry in audit(data_folder(studio.folder)) if entry["kind"] == "operator"]
        return found == ["paused", "resumed"]

    wait_until(switched, "both presses are in the trail")


def test_a_request_that_outlived_its_service_is_interrupted(tmp_path: Path) -> None:
    with Studio(tmp_path, scenario="silent_server") as studio:
        client = studio.client()
        client.accept("twitch.start_stream", "start", **EXAMPLES["twitch.start_stream"])
        studio.obs.reload()
        studio.client().close()
        (entry,) = audit(data_folder(tmp_path), "--action", "start_stream")
        assert entry["outcome"] == "interrupted"
        assert entry["args"] == EXAMPLES["twitch.start_stream"]
