"""The streamer's hotkeys: kept on this machine, and in no scene collection."""

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from clawcraft.panel.hotkeys import FILE_NAME
from tests.panel.conftest import Streamer
from tests.support.paths import data_folder
from tests.support.waiting import wait_until

PAUSE, ALLOW = "twitch_clawcraft.pause", "twitch_clawcraft.allow"
F8 = [{"key": "OBS_KEY_F8", "shift": True}]
STRANGERS: dict[str, Any] = {"allow_hotkey": [{"key": "OBS_KEY_W"}], "pause_hotkey": [{"key": "OBS_KEY_SPACE"}]}


def kept(streamer: Streamer) -> dict[str, Any]:
    path = data_folder(streamer.folder) / FILE_NAME
    return json.loads(path.read_text()) if path.exists() else {}


def test_keys_outlast_a_restart_and_another_scene_collection_and_are_saved_in_none(streamer: Streamer) -> None:
    streamer.start()
    streamer.obs.bind_hotkey(PAUSE, F8)
    wait_until(lambda: kept(streamer).get("pause_hotkey") == F8, "the key is kept")
    assert "OBS_KEY" not in streamer.saved()
    streamer.reload()
    assert streamer.obs.hotkey_keys(PAUSE) == F8
    streamer.stop()
    streamer.start()  # a collection that says nothing of the script
    assert streamer.obs.hotkey_keys(PAUSE) == F8
    streamer.obs.bind_hotkey(PAUSE, [])
    wait_until(lambda: kept(streamer)["pause_hotkey"] == [], "a key taken away is gone")


@pytest.mark.parametrize("used_before", [False, True])
def test_a_collection_of_somebody_else_binds_no_key(streamer: Streamer, used_before: bool) -> None:
    if used_before:
        streamer.start()
        wait_until(lambda: kept(streamer), "there is a file")
        streamer.stop()
    streamer.start(**STRANGERS)
    assert (streamer.obs.hotkey_keys(PAUSE), streamer.obs.hotkey_keys(ALLOW)) == ([], [])
    assert "pause_hotkey, allow_hotkey" in streamer.text("trust_ignored")
    assert "OBS_KEY" not in streamer.saved()


def test_the_key_of_the_pause_that_0_1_0_kept_in_the_collection_is_taken_over_once(streamer: Streamer) -> None:
    folder = data_folder(streamer.folder)
    folder.mkdir(parents=True)
    with closing(sqlite3.connect(folder / "jobs.sqlite3")):
        pass
    streamer.start(**STRANGERS)
    assert streamer.obs.hotkey_keys(PAUSE) == STRANGERS["pause_hotkey"]
    assert streamer.obs.hotkey_keys(ALLOW) == []
    assert "pause_hotkey" not in streamer.text("trust_ignored")
    wait_until(lambda: kept(streamer).get("pause_hotkey") == STRANGERS["pause_hotkey"], "it is kept")
    streamer.stop()
    streamer.start(pause_hotkey=F8)
    assert streamer.obs.hotkey_keys(PAUSE) == STRANGERS["pause_hotkey"]


def test_a_file_that_cannot_be_read_is_told_and_stays_until_a_key_is_set(streamer: Streamer) -> None:
    path = data_folder(streamer.folder) / FILE_NAME
    path.parent.mkdir(parents=True)
    path.write_text("[")
    streamer.start()
    assert "set them again" in streamer.text("hotkeys_problem")
    streamer.saved()
    assert path.read_text() == "["
    streamer.obs.bind_hotkey(PAUSE, F8)
    wait_until(lambda: path.read_text() != "[" and kept(streamer)["pause_hotkey"] == F8, "the key is kept")
    streamer.sees("hotkeys_problem", "")


def test_what_another_obs_with_the_same_folder_has_set_since_stays(streamer: Streamer) -> None:
    path = data_folder(streamer.folder) / FILE_NAME
    streamer.start()
    wait_until(path.exists, "there is a file")
    path.write_text(json.dumps({"pause_hotkey": F8}))
    streamer.obs.bind_hotkey(ALLOW, F8)
    wait_until(lambda: kept(streamer).get("allow_hotkey") == F8, "the key is kept")
    assert kept(streamer)["pause_hotkey"] == F8


def test_a_disk_that_refuses_is_told(streamer: Streamer) -> None:
    path = data_folder(streamer.folder) / FILE_NAME
    streamer.start()
    wait_until(path.exists, "there is a file")
    path.unlink()
    path.mkdir()
    streamer.obs.bind_hotkey(PAUSE, F8)
    streamer.sees("hotkeys_problem", "hold until OBS ends")
    path.rmdir()
    streamer.obs.save()
    streamer.sees("hotkeys_problem", "")
    assert kept(streamer)["pause_hotkey"] == F8
