"""Every name of the fake obspython exists in the real one, with the same parameters and values."""

from pathlib import Path

from obs_mock import MockObs
from tests.support.obs_hosts import PROBE, ObsHost

# Written by hand in C in OBS's own source, so that Python cannot tell their parameters.
HAND_WRITTEN = {
    "obs_frontend_add_event_callback": 1,
    "obs_frontend_get_current_profile": 0,
    "obs_frontend_get_current_scene": 0,
    "obs_frontend_get_current_scene_collection": 0,
    "obs_frontend_get_profiles": 0,
    "obs_frontend_get_scene_collections": 0,
    "obs_frontend_get_scene_names": 0,
    "obs_frontend_get_scenes": 0,
    "obs_frontend_remove_event_callback": 1,
    "obs_frontend_set_current_scene": 1,
    "obs_frontend_set_current_scene_collection": 1,
    "obs_hotkey_register_frontend": 3,
    "obs_hotkey_unregister": 1,
    "obs_properties_add_button": 4,
    "obs_property_set_modified_callback": 2,
    "remove_current_callback": 0,
    "script_log": 2,
    "script_log_no_endl": 2,
    "signal_handler_connect": 3,
    "signal_handler_disconnect": 3,
    "source_list_release": 1,
    "timer_add": 2,
    "timer_remove": 1,
}


def test_every_name_of_the_fake_is_a_name_of_obs(obs: ObsHost, tmp_path: Path) -> None:
    fake = MockObs(PROBE, config_dir=tmp_path).api()
    found = obs.records.ask("api", sorted(fake))
    if not obs.is_real:
        assert found.keys() == fake.keys()
        return
    by_hand = {name: len(fake[name]) for name in fake if found[name] == "C"}
    assert by_hand == HAND_WRITTEN
    assert {name: found[name] for name in fake if name not in by_hand} == {
        name: value for name, value in fake.items() if name not in by_hand
    }


def test_a_value_of_the_wrong_type_is_a_type_error(obs: ObsHost) -> None:
    ask = obs.records.ask
    assert ask("refuses", "obs_data_get_string", ["no pointer", "name"]) == "TypeError"
    assert ask("refuses", "obs_hotkey_trigger_routed_callback", [0, "yes"]) == "TypeError"
    assert ask("refuses", "obs_hotkey_trigger_routed_callback", [0, 1]) == "TypeError"
    assert ask("refuses", "blog", ["info", "text"]) == "TypeError"
    assert ask("refuses", "obs_data_create_from_json", [7]) == "TypeError"
    assert ask("refuses", "obs_get_version_string", ["too many"]) == "TypeError"


def test_settings_keep_each_kind_of_value(obs: ObsHost) -> None:
    text = 'ünïcode "quotes" \\ line\nbreak ✓ 😀'
    assert obs.records.ask("data", text) == {
        "before": "default",
        "text": text,
        "int": 2**40,
        "double": 2.5,
        "double_as_int": 2,
        "bool": True,
        "obj": "x",
        "item": "x",
        "count": 1,
        "missing": ["", 0],
        "missing_obj": None,
        "wrong_kind": ["", 0],
        "json": {
            "text": text,
            "int": 2**40,
            "double": 2.5,
            "bool": True,
            "obj": {"inner": "x"},
            "array": [{"inner": "x"}],
        },
        "erased": False,
        "unset": "default",
    }


def test_a_default_lies_below_a_value_and_comes_back_when_the_value_goes(obs: ObsHost) -> None:
    assert obs.records.ask("data_defaults") == {
        "defaults": ["default", 7, 0.5, True],
        "json": "{}",
        "has": [True, False],
        "values": ["", -1, -1.5, False],
        "below": ["default", 7, 0.5, True],
        "wrong_kind": [False, 0.0, -1.0, 0],
        "applied": ["other", -1, -1.5, False],
        "array": 1,
        "array_erased": [0, None],
        "no_array": [None, 0],
        "cleared": ["default", 7, 0.5, True],
        "same": True,
        "broken_json": None,
    }


def test_a_property_changes(obs: ObsHost) -> None:
    assert obs.records.ask("property_changes") == {
        "text": ["Other", 2],
        "no_long_description": None,
        "list": ["Seven", None],
        "flags": 0,
        "first": "text",
        "empty": 0,
        "set_flags": 1,
        "removed": None,
        "nothing_in_it": None,
    }


def test_a_panel_reads_back_as_it_was_built(obs: ObsHost) -> None:
    assert obs.records.ask("properties") == {
        "indexes": [0, 1],
        "kinds": {
            "flag": 1,
            "int": 2,
            "slider": 2,
            "secret": 4,
            "info": 4,
            "list": 6,
            "path": 5,
            "many": 10,
            "group": 12,
        },
        "secret": [False, False, "Secret", "Long", 1],
        "list": [2, "b"],
        "missing": None,
    }


def test_scenes_collection_and_profile_have_their_names(obs: ObsHost) -> None:
    assert obs.records.ask("ui.scenes") == {
        "scenes": ["Main", "BRB"],
        "names": ["Main", "BRB"],
        "current": "Main",
        "collection": "Untitled",
        "profile": "Untitled",
    }


def test_a_scene_switch_counts_at_once_and_is_told_after_the_transition(obs: ObsHost) -> None:
    for name in ("BRB", "Main"):
        mark = obs.records.mark()
        assert obs.records.ask("ui.set_scene", name) is None
        assert obs.records.ask("ui.scenes")["current"] == name
        obs.records.wait_event(8, mark)
        assert [r["code"] for r in obs.records.since(mark) if r["kind"] == "event"] == [24, 11, 8]


def test_obs_says_its_version(obs: ObsHost) -> None:
    assert obs.records.ask("version").startswith("29.0.2")


def test_a_log_line_at_info_opens_no_window(obs: ObsHost) -> None:
    assert obs.records.ask("log") is None
    assert obs.warnings() == []
