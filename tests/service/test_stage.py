"""``obs.screenshot`` and ``obs.switch_scene`` of the whole service in the fake OBS: off at first, and what is kept."""

import base64
from pathlib import Path

import pytest

from obs_mock.pictures import jpeg
from tests.service.conftest import Studio
from tests.support.paths import data_folder
from tests.support.tool_client import ToolClient
from tests.support.waiting import wait_until

SHOT, SWITCH = "obs.screenshot", "obs.switch_scene"
PICTURE = base64.b64encode(jpeg(1280, 720)).decode()
NOT_KEPT = "This part was answered once and is not kept; send the request again with a new request_id."
HEAD = {"status": "taken", "width": 1280, "height": 720, "media_type": "image/jpeg", "bytes": len(jpeg(1280, 720))}


def files_hold(folder: Path, text: str) -> bool:
    return any(text.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(("action", "args"), [(SHOT, {}), (SWITCH, {"obs_scene": "BRB"})])
def test_both_are_off_until_the_streamer_says_otherwise(client: ToolClient, action: str, args: dict[str, str]) -> None:
    answer = client.post(action, "r", **args)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "action_disabled")


def test_a_picture_is_answered_once_and_kept_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOL_ACTION_POLICY", f"{SHOT}=allow")
    with Studio(tmp_path) as studio:
        client = studio.client()
        first, again = (client.post(SHOT, "shot") for _ in range(2))
    assert first.json()["result"] == {"request_id": "shot", **HEAD, "data": PICTURE}
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json()["result"] == {"request_id": "shot", **HEAD, "data": None, "not_kept": NOT_KEPT}
    assert files_hold(data_folder(tmp_path), SHOT)
    assert not files_hold(tmp_path, PICTURE[-200:])


def test_a_picture_that_the_streamer_was_asked_about_comes_with_its_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOL_ACTION_POLICY", f"{SHOT}=ask")
    with Studio(tmp_path) as studio:
        client = studio.client()
        job_id = client.accept(SHOT, "shot")

        def allowed() -> bool:
            studio.obs.press_hotkey("twitch_clawcraft.allow")
            return bool(client.job(job_id)["approval"]["state"] == "allowed")

        wait_until(allowed, "the streamer has said yes")
        assert client.ended(job_id)["result"] == {**HEAD, "data": PICTURE}
    assert not files_hold(tmp_path, PICTURE[-200:])


def test_a_scene_of_the_list_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOL_ACTION_POLICY", f"{SWITCH}=allow")
    monkeypatch.setenv("TOOL_ALLOWED_SCENES", "BRB; Gone")
    with Studio(tmp_path) as studio:
        client = studio.client()
        assert client.post(SWITCH, "main", obs_scene="Main").json()["error"]["code"] == "refused_by_guard_rail"
        shown = client.run(SWITCH, "brb", obs_scene="BRB")
        again = client.run(SWITCH, "brb-again", obs_scene="BRB")
        gone = client.run(SWITCH, "gone", obs_scene="Gone")
        assert studio.obs.scene() == "BRB"
    assert shown["result"] == {"status": "switched", "scene": "BRB", "previous": "Main"}
    assert again["result"] == {"status": "already_shown", "scene": "BRB", "previous": "BRB"}
    assert gone["error"]["code"] == "scene_not_found"
    assert gone["error"]["details"] == {"scenes": ["Main", "BRB"]}
