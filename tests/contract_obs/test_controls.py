"""What the streamer presses: a hotkey, a button, a checkbox; and on which thread the script is called."""

from tests.support.obs_hosts import ObsHost


def test_a_hotkey_is_called_off_the_ui_thread(obs: ObsHost) -> None:
    mark = obs.records.mark()
    obs.records.ask("press_hotkey")
    pressed = obs.records.wait(lambda r: r["kind"] == "hotkey", mark)
    assert pressed["pressed"] is True
    assert pressed["thread"] not in (obs.records.ask("ui.ident"), obs.records.ask("ident"))


def test_a_hotkey_without_keys_is_saved_as_an_empty_list(obs: ObsHost) -> None:
    assert obs.records.ask("save_hotkey") == 0


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
