"""From load to exit: hooks, their order, reloads, and what is left behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.obs_hosts import ObsHost, Record


def hooks(records: list[Record]) -> list[str]:
    return [r["name"] for r in records if r["kind"] == "hook"]


@pytest.fixture
def fresh(new_host: type[ObsHost], tmp_path: Path) -> Iterator[ObsHost]:
    with new_host(tmp_path, {"text": "from the file"}, broken_encoder=False) as host:
        host.records.wait_event(26, 0)
        yield host


def test_load_is_followed_by_update_and_both_see_the_saved_settings(fresh: ObsHost) -> None:
    records = fresh.records.since(0)
    assert hooks(records) == ["load", "update"]
    assert {r["text"] for r in records if r["kind"] == "hook"} == {"from the file"}
    assert [r["code"] for r in records if r["kind"] == "event"] == [8, 24, 26]


def test_before_the_first_start_there_is_no_output(fresh: ObsHost) -> None:
    assert fresh.records.ask("ui.output_state") == {"output": None, "streaming": False}


def test_exit_saves_tells_the_script_unloads_it_and_finds_no_leak(fresh: ObsHost) -> None:
    for step, *given in (("ui.scenes",), ("data", "x"), ("bind_hotkey", [{"key": "OBS_KEY_F14"}])):
        fresh.records.ask(str(step), *given)
    mark = fresh.records.mark()
    assert fresh.quit() == 0
    fresh.records.wait_hook("unload", mark)  # OBS may be gone before all that it said has been read
    records = fresh.records.since(mark)
    assert [r["code"] if r["kind"] == "event" else r["name"] for r in records] == ["save", 36, 25, "unload"]
    assert fresh.saved_settings()["saved"] == "äöü — ✓"
    assert fresh.saved_settings()["text"] == "from the file"
    assert fresh.warnings() == []


def test_obs_gives_its_configuration_folder_and_leaks_the_text(fresh: ObsHost) -> None:
    found = [fresh.records.ask("config_path") for _ in range(2)]
    assert found[0] == found[1]
    assert found[0].endswith("obs-studio/plugin_config/contract")
    native = fresh.records.ask("native_config_path")
    assert native == found[0], "the C function into our own buffer costs nothing"
    assert fresh.quit() == 2


def test_a_forgotten_reference_is_a_leak(fresh: ObsHost) -> None:
    fresh.records.ask("leak")
    assert fresh.quit() > 0


def test_only_a_plain_function_is_taken_as_a_callback(fresh: ObsHost) -> None:
    """The real OBS says nothing and never calls it; the fake raises."""
    registered = fresh.records.ask("register_method")
    assert registered == ("nothing" if fresh.is_real else "Violation")
    mark = fresh.records.mark()
    fresh.records.ask("ui.set_scene", "BRB")
    fresh.records.wait_event(8, mark)
    assert [r for r in fresh.records.since(mark) if r["kind"] == "method"] == []


def test_reload_runs_unload_then_the_file_again_then_load_and_update(fresh: ObsHost) -> None:
    assert fresh.records.ask("generation") == 1
    fresh.open_panel()
    fresh.records.wait_hook("properties")
    mark = fresh.records.mark()
    fresh.press("reload")
    fresh.records.wait_hook("update", mark)
    assert hooks(fresh.records.since(mark))[:3] == ["unload", "load", "update"]
    assert fresh.records.ask("generation") == 2, "the module's globals outlive a reload"
    mark = fresh.records.mark()
    fresh.records.ask("ui.set_scene", "BRB")
    fresh.records.wait_event(8, mark)
    assert [r["code"] for r in fresh.records.since(mark) if r["kind"] == "event"] == [24, 11, 8], (
        "one callback, not two"
    )


def test_another_scene_collection_unloads_the_script_and_the_way_back_loads_it(fresh: ObsHost) -> None:
    mark = fresh.records.mark()
    fresh.records.send("post.switch_collection", "Other", "Untitled")
    fresh.records.wait_hook("update", mark)
    fresh.records.wait_event(13, mark)
    told = [
        r["code"] if r["kind"] == "event" else r["name"] for r in fresh.records.since(mark) if r["kind"] != "answer"
    ]
    assert told == [34, "save", 25, "unload", "load", "update", 8, 24, 13]
    assert fresh.records.ask("generation") == 1, "OBS finds the module of before and does not run the file again"


def test_an_encoder_that_cannot_start_never_emits_starting(new_host: type[ObsHost], tmp_path: Path) -> None:
    with new_host(tmp_path, {}, broken_encoder=True) as obs:
        obs.records.wait_event(26, 0)
        for step in ("start", "ui.native_start"):
            mark = obs.records.mark()
            obs.records.send(step)
            obs.wait_box()
            assert obs.records.wait_event(0, mark)
            obs.close_boxes()
            obs.records.wait(lambda r: r["kind"] == "answer", mark)
            signals = [r for r in obs.records.since(mark) if r["kind"] == "signal"]
            events = [r["code"] for r in obs.records.since(mark) if r["kind"] == "event"]
            assert (signals, events) == ([], [0])
