"""The fake OBS loads, drives and unloads a script as OBS does, and leaves the process as it was."""

import ctypes
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from obs_mock import MockObs
from obs_mock.host import default_config_dir

NewObs = Callable[..., MockObs]

RECORDER = """
    calls = results.setdefault("calls", [])

    def note(name):
        calls.append((name, threading.get_ident()))

    def script_description():
        note("description")
        return "words"

    def script_defaults(settings):
        note("defaults")
        obs.obs_data_set_default_string(settings, "text", "default")

    def script_load(settings):
        note("load")
        results["text"] = obs.obs_data_get_string(settings, "text")
        obs.obs_frontend_add_event_callback(on_event)
        results["hotkey"] = obs.obs_hotkey_register_frontend("id", "Words", on_hotkey)

    def script_update(settings):
        note("update")
        results["text"] = obs.obs_data_get_string(settings, "text")

    def script_save(settings):
        note("save")
        obs.obs_data_set_int(settings, "saved", len(calls))

    def script_unload():
        note("unload")

    def script_properties():
        note("properties")
        panel = obs.obs_properties_create()
        group = obs.obs_properties_create()
        obs.obs_properties_add_text(group, "text", "Text", obs.OBS_TEXT_DEFAULT)
        obs.obs_properties_add_group(panel, "group", "Group", obs.OBS_GROUP_NORMAL, group)
        obs.obs_properties_add_button(panel, "button", "Press", on_button)
        hidden = obs.obs_properties_add_bool(panel, "hidden", "Hidden")
        obs.obs_property_set_visible(hidden, False)
        obs.obs_property_set_modified_callback(obs.obs_properties_get(panel, "text"), on_modified)
        return panel

    def on_button(panel, prop):
        note("button " + obs.obs_property_name(prop))
        return True

    def on_modified(panel, prop, settings):
        note("modified " + obs.obs_data_get_string(settings, "text"))
        return False

    def on_hotkey(pressed):
        note("hotkey " + str(pressed))
"""


def script() -> Any:
    return sys.modules["mock_test_script"]


def names() -> list[str]:
    return [name for name, _thread in script().calls]


def test_the_hooks_come_in_order_on_one_thread(new_obs: NewObs) -> None:
    obs = new_obs(RECORDER)
    with obs:
        calls = script().calls
    assert [name for name, _ in calls] == ["defaults", "description", "load", "update", "save", "unload"]
    assert len({thread for _, thread in calls}) == 1
    assert calls[0][1] != threading.get_ident()
    assert obs.timeline()[-4:] == (
        "event SCRIPTING_SHUTDOWN",
        "event SCENE_COLLECTION_CLEANUP",
        "hook script_unload",
        "event EXIT",
    )
    assert obs.stop().hook_s.keys() >= {"script_load", "script_unload"}


def test_saved_settings_come_before_defaults_and_a_save_keeps_only_what_was_set(new_obs: NewObs) -> None:
    with new_obs(RECORDER) as obs:
        assert script().results["text"] == "default"
        obs.save()
        assert obs.settings() == {"saved": 5}
    with new_obs(RECORDER, settings={"text": "mine"}) as obs:
        assert script().results["text"] == "mine"
        assert obs.settings() == {"text": "mine"}


def test_typing_updates_at_every_key_before_the_modified_callback(new_obs: NewObs) -> None:
    with new_obs(RECORDER) as obs:
        assert list(obs.open_panel()) == ["group", "text", "button", "hidden"]
        before = len(names())
        obs.type_text("text", "ab")
        assert names()[before:] == ["update", "modified a", "update", "modified ab"]
        assert obs.settings() == {"text": "ab"}


def test_a_button_answers_whether_the_panel_is_refreshed(new_obs: NewObs) -> None:
    with new_obs(RECORDER) as obs:
        obs.open_panel()
        assert obs.click("button") is True
        assert names()[-1] == "button button"
        for name in ("hidden", "nothing", "text"):
            with pytest.raises(LookupError):
                obs.click(name)
        obs.close_panel()
        with pytest.raises(LookupError, match="no panel is open"):
            obs.click("button")


def test_a_collection_without_the_script_starts_without_it(new_obs: NewObs) -> None:
    with new_obs(RECORDER, collections={"Other": False, "Untitled": True}) as obs:
        assert "mock_test_script" not in sys.modules
        obs.switch_collection("Untitled")
        assert names() == ["defaults", "description", "load", "update"]


def test_a_file_that_cannot_be_imported_is_the_callers_error(new_obs: NewObs) -> None:
    obs = new_obs("this is no Python")
    with pytest.raises(SyntaxError):
        obs.start()
    assert obs.stop().timeline[-1] == "event EXIT"


def test_the_process_is_as_it_was_afterwards(new_obs: NewObs) -> None:
    before = (ctypes.CDLL, sys.stderr, sys.stdout, sys.excepthook, threading.excepthook, list(sys.path))
    threads = set(threading.enumerate())
    with new_obs(RECORDER):
        assert ctypes.CDLL is not before[0]
        assert sys.stderr is not before[1]
    assert (ctypes.CDLL, sys.stderr, sys.stdout, sys.excepthook, threading.excepthook, list(sys.path)) == before
    assert "obspython" not in sys.modules
    assert "mock_test_script" not in sys.modules
    assert set(threading.enumerate()) <= threads


def test_only_one_fake_obs_at_a_time(new_obs: NewObs) -> None:
    with new_obs(), pytest.raises(RuntimeError, match="one fake OBS at a time"):
        new_obs().start()


def test_the_real_libraries_stay_reachable(new_obs: NewObs) -> None:
    with new_obs():
        assert ctypes.CDLL(None).getpid() == os.getpid()
        assert ctypes.cdll.LoadLibrary("libobs.so.0").obs_queue_task
        with pytest.raises(AttributeError):
            _ = ctypes.CDLL(None).no_such_function
        with pytest.raises(OSError, match="no-such-library"):
            ctypes.CDLL("no-such-library.so")


def test_a_ui_task_queued_on_the_ui_thread_runs_at_once(new_obs: NewObs) -> None:
    body = """
        def outer():
            on_ui(lambda: results.setdefault("order", []).append("inner"), wait=False)
            results["order"].append("outer")
    """
    with new_obs(body):
        script = sys.modules["mock_test_script"]
        script.on_ui(script.outer)
        assert script.results["order"] == ["inner", "outer"]


def test_the_log_is_echoed_line_by_line(new_obs: NewObs) -> None:
    echo = io.StringIO()
    with new_obs("def script_load(settings): obs.script_log(obs.LOG_INFO, 'one'); print('two')", echo=echo):
        assert echo.getvalue() == "one\ntwo\n"


def test_the_configuration_folder_is_the_platforms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    folders = {}
    for platform in ("linux", "darwin", "win32"):
        monkeypatch.setattr(sys, "platform", platform)
        folders[platform] = default_config_dir().relative_to(tmp_path).as_posix()
    assert folders == {
        "linux": "xdg/obs-studio",
        "darwin": "Library/Application Support/obs-studio",
        "win32": "roaming/obs-studio",
    }


@pytest.mark.parametrize(("body", "status"), [("", 0), ("def script_unload(): 1 / 0", 1)])
def test_the_command_runs_until_a_signal_and_unloads(tmp_path: Path, body: str, status: int) -> None:
    script = tmp_path / "command_script.py"
    script.write_text(
        "import obspython as obs\n"
        "def script_load(settings):\n"
        "    obs.script_log(obs.LOG_INFO, 'loaded ' + obs.obs_data_get_string(settings, 'word'))\n" + body
    )
    command = [sys.executable, "-m", "obs_mock", "--script", str(script), "--settings", '{"word": "up"}']
    tools = Path(__file__).resolve().parents[2] / "tools"
    running = subprocess.Popen(
        [*command, "--config-dir", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(tools)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        assert running.stdout is not None
        assert running.stdout.readline() == "loaded up\n"
        running.send_signal(signal.SIGTERM)
        _out, err = running.communicate(timeout=20)
    assert running.returncode == status
    assert ("violation: exception out of script_unload" in err) == bool(status)
