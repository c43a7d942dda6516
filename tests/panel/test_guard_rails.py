"""The guard rails in the panel: what is typed counts on this machine, whatever scene collection is loaded."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from clawcraft.kept_rails import KeptRails
from tests.panel.conftest import Streamer
from tests.support.paths import SCRIPT, data_folder
from tests.support.tool_client import ToolClient
from tests.support.waiting import insist, wait_until

STRANGERS: dict[str, Any] = {
    "tool_max_stream_minutes": 1,
    "tool_start_hours": "03:00-03:01",
    "tool_starts_per_hour": 50,
    "tool_allowed_scenes": "Nothing",
    "tool_refused_words": "hello",
    "tool_refuse_links": True,
}


def refused(agent: ToolClient, title: str) -> str:
    """The rail that refuses a title, if one does; without Twitch each title fails at last."""
    return str(agent.post("twitch.set_title", title=title).json()["error"]["details"].get("rail", ""))


def in_force(streamer: Streamer) -> dict[str, Any]:
    rails: dict[str, Any] = streamer.agent().status()["guard_rails"]
    return rails


def until_kept(streamer: Streamer, **values: str) -> None:
    def kept() -> bool:
        found = KeptRails(data_folder(streamer.folder)).values()
        return {name: found.get(name) for name in values} == values

    wait_until(kept, f"{values} are kept")


def test_what_is_typed_counts_is_kept_on_this_machine_and_never_saved(streamer: Streamer) -> None:
    agent = streamer.start().agent()
    assert refused(agent, "what the heck") == ""
    assert streamer.text("rails_now") == "none is set"
    streamer.obs.type_text("tool_refused_words", "heck, darn")
    streamer.obs.change("tool_refuse_links", True)
    wait_until(lambda: refused(agent, "what the h-e-c-k") == "refused_words", "the words are refused")
    wait_until(lambda: refused(agent, "example.com") == "refuse_links", "the links are refused")
    streamer.sees("rails_now", "words are refused · links are refused")
    until_kept(streamer, TOOL_REFUSED_WORDS="heck, darn", TOOL_REFUSE_LINKS="True")
    assert not any(key in streamer.saved() for key in ("tool_refused_words", "tool_refuse_links", "heck"))
    streamer.refresh()
    wait_until(lambda: refused(agent, "heck") == "refused_words", "a save changes nothing")
    streamer.obs.change("tool_refused_words", "")
    wait_until(lambda: refused(agent, "what the heck") == "", "the words are let through again")


def test_another_scene_collection_neither_drops_them_nor_brings_any(streamer: Streamer) -> None:
    streamer.start()
    streamer.obs.type_text("tool_allowed_scenes", "Main; Wide, left")
    streamer.obs.change("tool_max_stream_minutes", 240)
    until_kept(streamer, TOOL_ALLOWED_SCENES="Main; Wide, left", TOOL_MAX_STREAM_MINUTES="240")
    streamer.stop()
    streamer.start(**STRANGERS)
    rails = in_force(streamer)
    assert (rails["allowed_scenes"], rails["max_stream_minutes"]) == (["Main", "Wide, left"], 240)
    assert (rails["start_hours"], rails["starts_per_hour"]) == (None, None)
    assert not rails["refuses_words"]
    assert not rails["refuses_links"]
    assert "TOOL_STARTS_PER_HOUR" in streamer.text("trust_ignored")
    streamer.obs.change("tool_max_stream_minutes", 0)
    wait_until(lambda: in_force(streamer)["max_stream_minutes"] is None, "what the streamer takes away is gone")
    assert in_force(streamer)["allowed_scenes"] == ["Main", "Wide, left"]


def test_what_is_wrong_is_told_and_what_was_right_goes_on(streamer: Streamer) -> None:
    streamer.start()
    streamer.obs.type_text("tool_start_hours", "18:00-02:00")
    wait_until(lambda: in_force(streamer)["start_hours"] == "18:00-02:00", "the hours count")
    streamer.obs.type_text("tool_start_hours", "18:00")
    streamer.refresh()
    assert "18:00-02:00" in streamer.text("tool_start_hours_problem")
    streamer.saved()
    streamer.refresh()
    assert "18:00-02:00" in streamer.text("tool_start_hours_problem")
    assert in_force(streamer)["start_hours"] == "18:00-02:00"
    assert "TOOL_START_HOURS" not in streamer.text("status_service")


def test_the_environment_comes_first(streamer: Streamer, monkeypatch: pytest.MonkeyPatch) -> None:
    streamer.start()
    streamer.obs.change("tool_starts_per_hour", 9)
    until_kept(streamer, TOOL_STARTS_PER_HOUR="9")
    streamer.stop()
    monkeypatch.setenv("TOOL_STARTS_PER_HOUR", "2")
    streamer.start()
    assert in_force(streamer)["starts_per_hour"] == 2
    assert not streamer.visible("tool_starts_per_hour")
    assert "2 <i>set by the environment" in streamer.text("tool_starts_per_hour_set")


def test_rails_that_cannot_be_read_let_no_agent_in_until_they_are_set_again(streamer: Streamer) -> None:
    path = data_folder(streamer.folder) / KeptRails.FILE_NAME
    path.parent.mkdir(parents=True)
    path.write_text("{")
    streamer.start(answers=False)
    streamer.sees("status_service", "guard_rails.json cannot be read")
    streamer.obs.change("tool_starts_per_hour", 2)
    streamer.sees("status_service", "listening on")
    assert in_force(streamer)["starts_per_hour"] == 2


def test_an_edit_right_before_obs_ends_is_kept(streamer: Streamer) -> None:
    streamer.start()
    streamer.obs.change("tool_starts_per_hour", 3)
    streamer.stop()
    until_kept(streamer, TOOL_STARTS_PER_HOUR="3")


def test_rails_that_cannot_be_kept_count_all_the_same_and_that_is_said(
    streamer: Streamer, monkeypatch: pytest.MonkeyPatch
) -> None:
    streamer.start()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys.modules["clawcraft.kept_rails"], "write_atomically", full)
    streamer.obs.change("tool_starts_per_hour", 3)
    streamer.sees("rails_problem", "No space left on device")
    wait_until(lambda: in_force(streamer)["starts_per_hour"] == 3, "it counts")


def test_the_service_ends_an_agents_stream_by_itself_and_the_panel_says_when(streamer: Streamer) -> None:
    agent = streamer.start().agent()
    streamer.obs.change("tool_max_stream_minutes", 1)
    wait_until(lambda: in_force(streamer)["max_stream_minutes"] == 1, "the limit counts")
    assert agent.run("twitch.start_stream", "start")["status"] == "done"
    streamer.sees("rails_now", "the agent's stream ends at")
    service = sys.modules[SCRIPT.stem]._service
    rail = service.assembly.longest_stream
    insist(lambda: look(streamer), lambda: rail._seen[0], "the stream is seen from its beginning")
    # A minute and more has gone by.
    state = service._stream._state
    state._now.live_since_s -= 61
    insist(
        lambda: look(streamer),
        lambda: agent.status()["obs"]["stream"]["state"] == "offline",
        "the stream has ended",
    )
    assert in_force(streamer)["last_stream_ended_at"] is not None
    streamer.sees("rails_now", "the last one was ended at")
    assert any("the longest you allow" in line for line in streamer.obs.log_lines())


def look(streamer: Streamer) -> None:
    """The supervisor looks at least once a minute, and whenever something else changes: that comes sooner."""
    sys.modules[SCRIPT.stem]._service.secrets_changed()


@pytest.mark.parametrize("kept", ["", "{", "[]", "7"])
def test_a_damaged_file_is_not_taken_for_no_rails(tmp_path: Path, kept: str) -> None:
    (tmp_path / KeptRails.FILE_NAME).write_text(kept)
    assert KeptRails.FILE_NAME in KeptRails(tmp_path).problem


def test_only_rails_are_taken_from_the_file(tmp_path: Path) -> None:
    kept = {"TOOL_STARTS_PER_HOUR": 2, "TOOL_SERVICE_BIND": "0.0.0.0", "PORT": "1"}
    (tmp_path / KeptRails.FILE_NAME).write_text(json.dumps(kept))
    assert KeptRails(tmp_path).values() == {"TOOL_STARTS_PER_HOUR": "2"}
    assert KeptRails(tmp_path / "nowhere").problem == ""
