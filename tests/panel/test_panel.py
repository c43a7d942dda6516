"""The panel in a fake OBS: what it says, what it stores, and what it never gives away."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clawcraft.secrets import SecretStore
from obs_mock import MockObs, Timings
from tests.support.paths import SCRIPT
from tests.support.ports import free_port
from tests.support.tool_client import ToolClient, wait_for_service
from tests.support.waiting import wait_until
from twitch_sim import TwitchSim
from twitch_sim.world import CLIENT_ID

Start = Callable[..., "Streamer"]
LONG = "a-secret-that-is-long-enough"


class Streamer:
    """Somebody in front of the fake OBS, with its Scripts window open."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.port = settings.get("port") or free_port()
        self.obs = MockObs(
            SCRIPT, settings={"port": self.port, **settings}, config_dir=folder, timings=Timings().scaled(0.05)
        )
        self.store = SecretStore(folder / "plugin_config" / "twitch-clawcraft")
        self._panel: dict[str, Any] = {}

    def open(self) -> None:
        self._panel = self.obs.open_panel()

    def refresh(self) -> None:
        assert self.obs.click("refresh")

    def text(self, name: str) -> str:
        """What an info row says; empty if it is not there."""
        row = self._panel[name]
        return (row.long_description or "") if row.visible else ""

    def shows(self, name: str, words: str) -> bool:
        """Whether an info row has these words now."""
        self.refresh()
        return words in self.text(name)

    def texts(self) -> list[str]:
        return [self.text(name) for name in self._panel]

    def label(self, name: str) -> str:
        return str(self._panel[name].description)

    def visible(self, name: str) -> bool:
        return name in self._panel and bool(self._panel[name].visible)

    def choices(self, name: str) -> list[tuple[str, str]]:
        return list(self._panel[name].items)

    def stored(self, name: str) -> str | None:
        secret = self.store.get(name)
        return secret.reveal() if secret else None

    def saved(self) -> str:
        """The script's settings as the scene collection's file has them."""
        self.obs.save()
        return json.dumps(self.obs.settings())

    def agent(self) -> ToolClient:
        token = self.stored("TOOL_SERVICE_TOKEN")
        assert token is not None
        return ToolClient(self.port, token)


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts an OBS with these settings of the script; the panel is open, and the service answers."""
    for name in [name for name in os.environ if name.startswith(("TOOL_", "TWITCH_", "OBS_")) or name == "PORT"]:
        monkeypatch.delenv(name)
    running: list[Streamer] = []

    def begin(answers: bool = True, **settings: Any) -> Streamer:
        streamer = Streamer(tmp_path, settings)
        streamer.obs.start()
        running.append(streamer)
        if answers:
            wait_for_service(streamer.port)
        streamer.open()
        return streamer

    yield begin
    for streamer in running:
        streamer.obs.stop().check()


def test_the_status_tells_where_the_service_listens_and_what_obs_does(start: Start) -> None:
    streamer = start()
    assert f"listening on http://127.0.0.1:{streamer.port}" in streamer.text("status_service")
    assert "not streaming" in streamer.text("status_obs")
    assert "not connected" in streamer.text("status_twitch")
    assert str(streamer.store.path) in streamer.text("token_place")
    assert not streamer.visible("group_packages")


def test_a_wrong_value_is_told_beside_its_field_and_the_service_goes_on(start: Start) -> None:
    streamer = start()
    streamer.obs.change("tool_service_bind", "localhost")
    streamer.refresh()
    assert "IP address" in streamer.text("tool_service_bind_problem")
    wait_until(lambda: streamer.shows("status_service", "TOOL_SERVICE_BIND"), "the problem")
    assert streamer.agent().get("/status").status_code == 200
    streamer.obs.change("tool_service_bind", "127.0.0.1")
    streamer.refresh()
    assert streamer.text("tool_service_bind_problem") == ""


def test_what_the_environment_sets_is_shown_and_cannot_be_edited(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OBS_STREAM_SCENE", "BRB")
    monkeypatch.setenv("TOOL_SERVICE_SIGNATURE_SECRET", LONG)
    monkeypatch.setenv("TOOL_DISABLED_ACTIONS", "create_clip")
    streamer = start()
    assert "BRB" in streamer.text("obs_stream_scene_set")
    assert "environment variable OBS_STREAM_SCENE" in streamer.text("obs_stream_scene_set")
    assert "TOOL_SERVICE_SIGNATURE_SECRET" in streamer.text("tool_service_signature_secret_set")
    assert LONG not in json.dumps(streamer.texts())
    assert "create_clip" in streamer.text("actions_off")
    for name in ("obs_stream_scene", "tool_service_signature_secret", "action_create_clip"):
        assert not streamer.visible(name)


def test_a_scene_that_is_gone_stays_chosen(start: Start) -> None:
    streamer = start(obs_stream_scene="Gone")
    assert [value for _, value in streamer.choices("obs_stream_scene")] == ["", "Main", "BRB", "Gone"]


def test_the_token_is_shown_on_request_and_never_saved(start: Start) -> None:
    streamer = start()
    token = streamer.stored("TOOL_SERVICE_TOKEN")
    assert token is not None
    assert not streamer.visible("shown_token")
    streamer.obs.click("token_show")
    assert streamer.visible("shown_token")
    assert token not in streamer.saved()
    streamer.obs.change("shown_token", token)  # somebody types in it
    assert token not in streamer.saved()
    streamer.obs.click("token_show")
    assert not streamer.visible("shown_token")


def test_a_new_token_takes_the_same_button_twice_in_a_row(start: Start) -> None:
    streamer = start()
    before = streamer.stored("TOOL_SERVICE_TOKEN")
    agent = streamer.agent()
    streamer.obs.click("token_new")
    assert "again" in streamer.label("token_new")
    streamer.refresh()
    assert "again" not in streamer.label("token_new")
    streamer.obs.click("token_new")
    assert streamer.stored("TOOL_SERVICE_TOKEN") == before
    streamer.obs.click("token_new")
    wait_until(lambda: streamer.stored("TOOL_SERVICE_TOKEN") != before, "another token is stored")
    wait_until(lambda: agent.get("/status").status_code == 401, "the old token is over")
    assert streamer.agent().get("/status").status_code == 200


def test_a_typed_secret_counts_when_store_is_pressed_and_can_be_removed(start: Start) -> None:
    streamer = start()
    streamer.obs.type_text("tool_service_signature_secret", LONG)
    assert LONG not in streamer.saved()
    streamer.refresh()
    assert "not stored yet" in streamer.text("tool_service_signature_secret_known")
    assert streamer.stored("TOOL_SERVICE_SIGNATURE_SECRET") is None
    streamer.obs.click("access_store")
    wait_until(lambda: streamer.stored("TOOL_SERVICE_SIGNATURE_SECRET") == LONG, "the secret is stored")
    agent = streamer.agent()
    wait_until(lambda: agent.post("twitch.set_title", "r1", title="x").status_code == 401, "it is in force")
    assert LONG not in streamer.saved()
    streamer.refresh()
    assert "one is stored" in streamer.text("tool_service_signature_secret_known")
    streamer.obs.click("tool_service_signature_secret_remove")
    wait_until(lambda: streamer.stored("TOOL_SERVICE_SIGNATURE_SECRET") is None, "the secret is removed")
    wait_until(lambda: agent.post("twitch.set_title", "r2", title="x").status_code == 503, "and not asked for")


def test_a_secret_that_cannot_be_one_is_not_stored(start: Start) -> None:
    streamer = start()
    before = streamer.stored("TOOL_SERVICE_TOKEN")
    streamer.obs.type_text("tool_service_token", "short")
    streamer.obs.click("access_store")
    assert "at least 16" in streamer.text("tool_service_token_problem")
    assert streamer.stored("TOOL_SERVICE_TOKEN") == before
    assert "short" not in streamer.saved()


def test_a_save_in_the_middle_of_typing_loses_nothing(start: Start) -> None:
    streamer = start()
    streamer.obs.type_text("tool_service_token", LONG)
    assert LONG not in streamer.saved()
    # The settings have it no more; the field on the screen still does, and so does the panel.
    streamer.obs.click("access_store")
    wait_until(lambda: streamer.stored("TOOL_SERVICE_TOKEN") == LONG, "the token is stored")


def test_secrets_that_somebody_wrote_into_the_scene_collection_move_to_the_store(start: Start) -> None:
    streamer = start(tool_service_token=LONG, twitch_oauth_token="oauth-token-of-old")
    wait_until(lambda: streamer.stored("TOOL_SERVICE_TOKEN") == LONG, "the token moves")
    assert streamer.stored("TWITCH_OAUTH_TOKEN") == "oauth-token-of-old"
    saved = streamer.saved()
    assert LONG not in saved
    assert "oauth-token-of-old" not in saved


def test_switches_and_limits_of_actions_are_in_force(start: Start) -> None:
    streamer = start(action_set_title=False, limit_set_game=1)
    agent = streamer.agent()
    assert agent.post("twitch.set_title", "r1", title="x").json()["error"]["code"] == "action_disabled"
    streamer.obs.change("action_set_title", True)
    wait_until(lambda: agent.post("twitch.set_title", "r2", title="x").status_code == 503, "it is on")
    codes = [agent.post("twitch.set_game", f"g{n}", game="Art").json()["error"]["code"] for n in range(2)]
    assert codes == ["twitch_not_configured", "rate_limited"]


def test_the_pause_is_told_and_lasts_over_a_restart_only_if_wanted(start: Start) -> None:
    streamer = start()
    agent = streamer.agent()
    streamer.obs.click("pause")
    assert "paused" in streamer.text("status_agent")
    assert agent.post("twitch.set_title", "r1", title="x").json()["error"]["code"] == "paused_by_operator"
    streamer.refresh()
    assert "paused_by_operator" in streamer.text("status_agent")
    assert streamer.text("status_error") == ""
    streamer.obs.reload()
    wait_for_service(streamer.port)
    assert not agent.status()["paused"]

    streamer.open()
    wait_until(lambda: streamer.shows("status_agent", "may act"), "the service is up")
    streamer.obs.click("pause")
    streamer.obs.change("keep_paused", True)
    streamer.obs.reload()
    wait_for_service(streamer.port)
    assert agent.status()["paused"]
    streamer.obs.press_hotkey("twitch_clawcraft.pause")
    assert not agent.status()["paused"]


def test_a_port_in_use_is_told_and_the_service_comes_back(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        streamer = start(answers=False, port=taken.getsockname()[1])
        wait_until(lambda: streamer.shows("status_service", "not listening"), "the problem")
        assert str(streamer.port) in streamer.text("status_service")
    wait_for_service(streamer.port)


def test_text_of_others_is_shown_as_text(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWITCH_CLIENT_ID", "<img src=x>")
    streamer = start()
    assert "<img" not in streamer.text("twitch_client_id_set")
    assert "&lt;img" in streamer.text("twitch_client_id_set")


def test_twitch_is_connected_with_a_code_and_disconnected(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    with TwitchSim() as twitch:
        monkeypatch.setenv("TWITCH_API_BASE_URL", twitch.api_url)
        monkeypatch.setenv("TWITCH_AUTH_BASE_URL", twitch.auth_url)
        streamer = start()
        streamer.obs.type_text("twitch_client_id", CLIENT_ID)
        streamer.obs.click("twitch_connect")
        assert "once more" in streamer.text("twitch_login")

        def asked() -> bool:
            streamer.obs.click("twitch_connect")
            return bool(twitch.world.devices)

        wait_until(asked, "Twitch is asked for a code")
        wait_until(lambda: streamer.shows("twitch_login", twitch.world.devices[0].user_code), "the code is shown")
        assert 'href="https://www.twitch.tv/activate' in streamer.text("twitch_login")
        twitch.world.devices[0].state = "granted"
        wait_until(lambda: streamer.shows("status_twitch", "clawstreamer"), "Twitch is connected")
        assert "all scopes" in streamer.text("status_twitch")
        assert "connected" in streamer.text("twitch_login")
        saved = streamer.saved()
        assert not [token.access for token in twitch.world.tokens if token.access in saved]

        streamer.obs.click("twitch_disconnect")
        wait_until(lambda: streamer.shows("status_twitch", "not connected"), "Twitch is disconnected")
        wait_until(lambda: twitch.world.tokens[0].revoked, "the token is revoked at Twitch")
        assert streamer.stored("TWITCH_OAUTH_TOKEN") is None
        wait_until(lambda: streamer.shows("twitch_login", "") and not streamer.text("twitch_login"), "no login line")
