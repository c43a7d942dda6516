"""Logging in with a code: as a function, from the panel, and with the command line tool."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from clawcraft.actions.catalogue import Policy
from clawcraft.authority.policy import ChosenPolicies
from clawcraft.errors import TwitchNotConfigured, TwitchRejected, TwitchUnavailable
from clawcraft.secrets import Secret, SecretStore, SecretStoreError
from clawcraft.twitch.channel_sections import ADS_SCOPE
from clawcraft.twitch.login import DeviceLogin, LoginState
from clawcraft.twitch.oauth import OAuth
from clawcraft.twitch.scopes import login_scopes
from clawcraft.twitch.transport import Transport
from installer import homes
from tests.support.clock import ManualClock
from tests.support.paths import ROOT, SCRIPT
from tests.support.twitch_rig import Rig
from twitch_sim import TwitchSim
from twitch_sim.world import CLIENT_ID, CONFIDENTIAL_CLIENT_ID


@pytest.fixture
def login(rig: Rig) -> Iterator[DeviceLogin]:
    transport = Transport(lambda: rig.settings, rig.clock, rig.clock.wait, lambda *_: None, "test")
    yield DeviceLogin(OAuth(transport, lambda: rig.settings), rig.clock, CLIENT_ID, login_scopes(rig.policies))
    transport.close()


def decide(rig: Rig, state: str) -> None:
    with rig.sim.world.lock:
        for device in rig.sim.world.devices:
            device.state = state


# --- the function -------------------------------------------------------------------------------------------------


def test_a_code_that_nobody_enters_expires_without_a_further_call(rig: Rig, login: DeviceLogin) -> None:
    login.start()
    assert login.wait(lambda seconds: rig.clock.wait(threading.Event(), seconds)) is LoginState.EXPIRED
    assert rig.sim.world.count("POST /oauth2/token") == 1800 / 5 - 1


@pytest.mark.parametrize("scenario", ["doubtful_login", "slow_login"])
def test_twitch_calling_a_waiting_code_invalid_or_asking_for_patience_ends_no_login(
    rig: Rig, login: DeviceLogin, scenario: str
) -> None:
    rig.sim.play(scenario)
    login.start()
    polls = 0

    def pause(seconds: float) -> bool:
        nonlocal polls
        polls += 1
        if polls == 9:
            decide(rig, "approved")
        return rig.clock.wait(threading.Event(), seconds)

    assert login.wait(pause) is LoginState.DONE


def test_polling_faster_than_told_is_answered_with_slow_down(rig: Rig, login: DeviceLogin) -> None:
    login.start()
    assert login.poll() is LoginState.PENDING
    assert login.interval_s == 5
    assert login.poll() is LoginState.PENDING
    assert login.interval_s == 10


def test_a_code_that_was_refused_or_used_elsewhere_is_over_when_its_time_is(rig: Rig, login: DeviceLogin) -> None:
    login.start()
    decide(rig, "denied")
    assert login.wait(lambda seconds: rig.clock.wait(threading.Event(), seconds)) is LoginState.EXPIRED


def test_a_page_in_place_of_json_ends_no_login(rig: Rig, login: DeviceLogin) -> None:
    login.start()
    rig.sim.fault("POST /oauth2/token", times=3, status=403, body="<html>")
    decide(rig, "approved")
    assert login.wait(lambda seconds: rig.clock.wait(threading.Event(), seconds)) is LoginState.DONE


def test_an_unknown_client_id_is_refused_at_the_start(rig: Rig, login: DeviceLogin) -> None:
    login.client_id = "nobody"
    with pytest.raises(TwitchRejected, match="invalid client"):
        login.start()


def test_a_poll_that_fails_is_tried_again(rig: Rig, login: DeviceLogin) -> None:
    login.start()
    decide(rig, "approved")
    rig.sim.fault("POST /oauth2/token", status=502, body="<html>")
    with pytest.raises(TwitchUnavailable):
        login.poll()
    assert login.wait(lambda _: False) is LoginState.DONE


# --- the panel ----------------------------------------------------------------------------------------------------


class Panel:
    """A panel whose login waits for the test between polls, not for the clock."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.go_on = threading.Semaphore(0)
        rig.change(twitch_oauth_token=None, twitch_refresh_token=None)
        rig.clock.wait = self._wait  # type: ignore[method-assign]
        rig.twitch = rig.build()
        rig.start()

    def _wait(self, event: threading.Event, seconds: float) -> bool:
        if threading.current_thread().name == "twitch-login":
            self.go_on.acquire(timeout=10)
        self.rig.clock.advance(seconds)
        return event.is_set()

    def shown(self) -> dict[str, str]:
        """Start the login and wait until its code is there."""
        self.rig.twitch.login.start()
        self.rig.log.wait_for("twitch_login_code", 1)
        return self.rig.twitch.login.status()

    def end(self) -> str:
        self.go_on.release(1000)
        self.rig.log.wait_for("twitch_login", 1)
        for thread in self.rig.twitch.login.threads:
            thread.join(10)
        return str(self.rig.twitch.status()["login"]["state"])


def test_the_panel_connects_and_actions_work_at_once(rig: Rig) -> None:
    panel = Panel(rig)
    with pytest.raises(TwitchNotConfigured):
        rig.run("set_title", {"title": "x"})
    shown = panel.shown()
    assert shown["state"] == "pending"
    assert shown["user_code"] == rig.sim.world.devices[0].user_code
    assert shown["verification_uri"].startswith("https://www.twitch.tv/activate")
    assert rig.twitch.login.start()["user_code"] == shown["user_code"]
    decide(rig, "approved")
    assert panel.end() == "done"
    assert rig.run("set_title", {"title": "x"})["verified"] is True
    assert len(rig.sim.world.devices) == 1
    assert rig.twitch.status()["scopes"] == [
        "channel:manage:broadcast",
        "channel:read:ads",
        "clips:edit",
        "user:write:chat",
    ]


def test_the_panel_asks_for_the_scopes_of_what_is_on(rig: Rig) -> None:
    rig.policies["twitch.create_clip"] = Policy.OFF
    rig.policies["twitch.raid"] = rig.policies["twitch.cancel_raid"] = Policy.ASK
    panel = Panel(rig)
    panel.shown()
    assert rig.sim.world.devices[0].scopes == (
        *("channel:manage:broadcast", "user:write:chat", "channel:manage:raids"),
        ADS_SCOPE,
    )
    rig.twitch.login.cancel()
    assert panel.end() == "cancelled"


@pytest.mark.parametrize("state", ["denied", "expired"])
def test_the_panel_says_how_a_login_failed(rig: Rig, state: str) -> None:
    panel = Panel(rig)
    panel.shown()
    if state == "denied":
        rig.sim.fault("POST /oauth2/token", status=400, body={"status": 400, "message": "access_denied"})
    assert panel.end() == state
    assert rig.twitch.status()["state"] == "not_configured"


def test_the_panel_cancels(rig: Rig) -> None:
    panel = Panel(rig)
    panel.shown()
    rig.twitch.login.cancel()
    assert panel.end() == "cancelled"


def test_the_panel_says_what_is_missing(rig: Rig) -> None:
    rig.change(twitch_client_id="").start()
    assert "client id" in rig.twitch.login.start()["message"]


def test_the_panel_says_that_the_tokens_could_not_be_stored(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = Panel(rig)
    panel.shown()
    decide(rig, "approved")

    def refuse(*_: object) -> None:
        raise SecretStoreError("no space left")

    monkeypatch.setattr(rig.store, "update", refuse)
    assert panel.end() == "failed"
    assert "no space left" in rig.twitch.login.status()["message"]


def test_a_login_takes_the_place_of_the_environments_pair(rig: Rig) -> None:
    given = rig.settings
    panel = Panel(rig)
    rig.settings = given
    rig.sim.world.revoke_all()
    panel.shown()
    decide(rig, "approved")
    assert panel.end() == "done"
    assert rig.run("set_title", {"title": "x"})["verified"] is True


def test_disconnect_forgets_the_tokens_and_revokes_them_at_twitch(rig: Rig) -> None:
    token = rig.token
    rig.change(twitch_oauth_token=None, twitch_refresh_token=None)
    SecretStore(rig.folder).update(
        {"TWITCH_OAUTH_TOKEN": Secret(token.access), "TWITCH_REFRESH_TOKEN": Secret(token.refresh)}
    )
    rig.start().run("set_title", {"title": "x"})
    rig.twitch.login.disconnect()
    rig.sim.world.wait_for("POST /oauth2/revoke", 1)
    assert token.revoked
    assert "TWITCH" not in rig.store.path.read_text()
    assert rig.twitch.status()["state"] == "not_configured"
    with pytest.raises(TwitchNotConfigured):
        rig.run("set_title", {"title": "x"})


# --- the command line tool ----------------------------------------------------------------------------------------


class Tool:
    """A running ``tools/twitch_login.py`` in the environment of the tests."""

    START = "import runpy, _venv; _venv.enter = lambda _: None; runpy.run_path({path!r}, run_name='__main__')"

    def __init__(self, data_dir: Path, *arguments: str, **env: str) -> None:
        start = self.START.format(path=str(ROOT / "tools" / "twitch_login.py"))
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("TWITCH_", "TOOL_"))}
        self.process = subprocess.Popen(
            [sys.executable, "-c", start, "--data-dir", str(data_dir), *arguments],
            env={**kept, "PYTHONPATH": str(ROOT / "tools"), "HOME": str(data_dir), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def approved(self, sim: TwitchSim, user_id: str = "1001") -> tuple[int, str, str]:
        """Somebody enters the code."""
        sim.world.wait_for("POST /oauth2/token", 1, 60)
        with sim.world.lock:
            sim.world.devices[0].user_id, sim.world.devices[0].state = user_id, "approved"
        return self.ended()

    def ended(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def local(tmp_path: Path) -> Iterator[TwitchSim]:
    with TwitchSim() as sim:
        sim.world.device_interval_s = 1
        yield sim


def test_the_tool_prints_the_code_waits_and_stores_where_the_service_finds_it(
    local: TwitchSim, tmp_path: Path, clock: ManualClock
) -> None:
    chosen = ChosenPolicies(tmp_path / "data")
    chosen.choose({"twitch.announce": Policy.ALLOW, "twitch.create_clip": Policy.OFF})
    chosen.save()
    status, out, err = Tool(tmp_path / "data", "--client-id", CLIENT_ID, "--auth-url", local.auth_url).approved(local)
    assert (status, err) == (0, "")
    [device] = local.world.devices
    assert device.scopes == (
        *("channel:manage:broadcast", "user:write:chat", "moderator:manage:announcements"),
        ADS_SCOPE,
    )
    assert device.user_code in out
    assert re.search(r"Open {2}https://www.twitch.tv/activate", out)
    assert "The account is clawstreamer." in out
    newest = local.world.tokens[-1]
    assert newest.access not in out
    assert newest.refresh not in out
    found = SecretStore(tmp_path / "data").get("TWITCH_REFRESH_TOKEN")
    assert found is not None
    assert found.reveal() == newest.refresh


@pytest.fixture
def obs_home(tmp_path: Path) -> homes.ObsHome:
    """OBS with three scene collections, of which one is in use and one cannot be read."""
    home = homes.ObsHome(tmp_path / "obs-studio", "given")
    home.scenes_folder.mkdir(parents=True)
    home.global_ini.write_text("[Basic]\nSceneCollection=Show\n")
    (home.scenes_folder / "Broken.json").write_text("{")
    for name, more in {"Rehearsal": {"hear_raids": True}, "Show": {"hear_chat": True, "hear_follows": True}}.items():
        panel = {"twitch_client_id": CLIENT_ID, "tool_service_bind": "192.0.2.7", **more}
        scripts = [{"path": str(SCRIPT), "settings": panel}]
        text = json.dumps({"name": name, "modules": {"scripts-tool": scripts}})
        (home.scenes_folder / f"{name}.json").write_text(text)
    return home


def test_the_tool_asks_for_the_scopes_of_what_the_panel_lets_the_agent_hear(
    local: TwitchSim, obs_home: homes.ObsHome
) -> None:
    status, _, err = Tool(obs_home.own_folder, "--auth-url", local.auth_url).approved(local)
    assert status == 0
    assert "Broken.json cannot be read" in err
    [device] = local.world.devices
    assert {"user:read:chat", "moderator:read:followers"} <= set(device.scopes)


def test_the_environment_comes_before_the_panel_in_the_tool(local: TwitchSim, obs_home: homes.ObsHome) -> None:
    tool = Tool(obs_home.own_folder, "--auth-url", local.auth_url, TWITCH_EVENTS="follows")
    assert tool.approved(local)[0] == 0
    [device] = local.world.devices
    assert "moderator:read:followers" in device.scopes
    assert "user:read:chat" not in device.scopes


@pytest.mark.parametrize("why", ["no scene collection lists", "global.ini"])
def test_the_tool_says_where_it_does_not_know_what_the_panel_says(
    local: TwitchSim, obs_home: homes.ObsHome, why: str
) -> None:
    if why == "global.ini":
        obs_home.global_ini.write_bytes(b"[Basic]\nSceneCollection=Caf\xe9\n")
    else:
        for path in obs_home.collection_files():
            path.unlink()
    tool = Tool(obs_home.own_folder, "--client-id", CLIENT_ID, "--auth-url", local.auth_url)
    status, _, err = tool.approved(local)
    assert status == 0
    assert why in err


def test_the_tool_says_at_once_that_an_application_cannot_renew_its_token(local: TwitchSim, tmp_path: Path) -> None:
    tool = Tool(tmp_path / "data", "--client-id", CONFIDENTIAL_CLIENT_ID, "--auth-url", local.auth_url)
    status, out, err = tool.approved(local)
    assert status == 1
    assert "Connected" in out
    assert "missing client secret" in err
    assert "type Public" in err


def test_the_tool_says_that_the_login_was_refused(local: TwitchSim, tmp_path: Path) -> None:
    tool = Tool(tmp_path / "data", "--client-id", CLIENT_ID, "--auth-url", local.auth_url)
    local.world.wait_for("POST /oauth2/device", 1, 60)
    local.fault("POST /oauth2/token", status=400, body={"status": 400, "message": "access_denied"})
    status, _, err = tool.ended()
    assert status == 1
    assert "refused" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "a client id is needed"),
        (["--client-id", "x", "--auth-url", "http://twitch.invalid/oauth2"], "must use https"),
    ],
)
def test_the_tool_names_what_is_wrong_before_any_call(tmp_path: Path, arguments: list[str], said: str) -> None:
    status, _, err = Tool(tmp_path / "data", *arguments).ended()
    assert status == 2
    assert said in err
