"""What the streamer presses: a hotkey, a button, a checkbox; and on which thread the script is called."""

from tests.support.obs_hosts import ObsHost


def test_a_hotkey_is_called_off_the_ui_thread(obs: ObsHost) -> None:
    mark = obs.records.mark()
    obs.records.ask("press_hotkey")
    pressed = obs.records.wait(lambda r: r["kind"] == "hotkey", mark)
    assert pressed["pressed"] is True
    assert pressed["thread"] not in (obs.records.ask("ui.ident"), obs.records.ask("ident"))


def test_a_hotkey_takes_keys_and_tells_them_again(obs: ObsHost) -> None:
    keys = [{"key": "OBS_KEY_F14"}, {"control": True, "key": "OBS_KEY_F15"}]
    assert obs.records.ask("bind_hotkey", keys) == keys
    assert obs.records.ask("bind_hotkey", []) == []


def test_a_button_and_a_checkbox_of_the_panel_call_on_the_ui_thread(obs: ObsHost) -> None:
    ui = obs.records.ask("ui.ident")
    obs.open_panel()
    obs.records.wait_hook("properties")
    mark = obs.records.mark()
    obs.press("button")
    clicked = obs.records.wait(lambda r: r["kind"] == "button", mark)
    assert (clicked["name"], clicked["thread"]) == ("button", ui)
    obs.press("flag")
    obs.records.wait(lambda r: r["kind"] == "modified", mark)
    update, modified = [r for r in obs.records.since(mark) if r["kind"] in ("hook", "modified")]
    assert (update["name"], update["flag"], modified["name"], modified["flag"]) == ("update", True, "flag", True)
    assert {update["thread"], modified["thread"]} == {ui}
