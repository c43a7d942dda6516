"""Every name of the fake obspython exists in the real one, with the same parameters and values."""

from pathlib import Path

from obs_mock import MockObs
from tests.support.obs_hosts import PROBE, ObsHost

# Written by hand in C in OBS's own source, so that Python cannot tell their parameters.
HAND_WRITTEN = {
    "obs_frontend_add_event_callback": 1,
    "obs_frontend_get_current_scene": 0,
    "obs_frontend_get_current_scene_collection": 0,
    "obs_frontend_get_scene_names": 0,
    "obs_frontend_get_scenes": 0,
    "obs_frontend_set_current_scene": 1,
    "obs_hotkey_register_frontend": 3,
    "obs_properties_add_button": 4,
    "obs_property_set_modified_callback": 2,
    "script_log": 2,
    "signal_handler_connect": 3,
    "source_list_release": 1,
    "timer_add": 2,
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
    assert ask("refuses", "os_get_config_path_ptr", [7]) == "TypeError"
    assert ask("refuses", "obs_get_version_string", ["too many"]) == "TypeError"


def test_settings_keep_each_kind_of_value_above_its_default(obs: ObsHost) -> None:
    text = 'ünïcode "quotes" \\ line\nbreak ✓ 😀'
    assert obs.records.ask("data", text) == {
        "defaults": ["default", 7, True],
        "json_of_defaults": "{}",
        "values": [text, 2**40, False],
        "missing": ["", 0],
        "wrong_kind": ["", 0, 0, False, None],
        "json": {"text": text, "int": 2**40, "bool": False, "array": []},
        "count": [0, 0],
        "erased": ["", 0, False],
    }


def test_scenes_and_collection_have_their_names(obs: ObsHost) -> None:
    assert obs.records.ask("ui.scenes") == {
        "scenes": ["Main", "BRB"],
        "names": ["Main", "BRB"],
        "current": "Main",
        "collection": "Untitled",
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
