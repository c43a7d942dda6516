"""A streamer's first session, in a real OBS: the panel driven with keyboard and mouse, judged from outside."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clawcraft.secrets import Secret, SecretStore
from clawcraft.settings import SECRET_NAMES
from tests.support.obs_panel import ScriptsWindow, artefacts_folder
from tests.support.real_obs import Display, ObsHome, RealObs, free_port, obs_missing, obs_required, wait_until
from tests.support.show import SCRIPT
from tests.support.tool_client import ToolClient, wait_for_service
from twitch_sim import TwitchSim
from twitch_sim.world import CLIENT_ID

OWN_TOKEN = "an-own-token-of-forty-two-characters-0123"
SIGNING = "a-signing-secret-typed-by-hand"
pytestmark = pytest.mark.real_obs


class Desk:
    """One streamer: a display, an OBS without the script, a local Twitch."""

    def __init__(self, folder: Path, display: Display, twitch: TwitchSim) -> None:
        self.twitch = twitch
        self.port, self.other_port = free_port(), free_port()
        self.home = folder / "home"
        self.config = ObsHome().write(self.home)
        env = {"TWITCH_API_BASE_URL": twitch.api_url, "TWITCH_AUTH_BASE_URL": twitch.auth_url}
        self._requests = 0
        self.obs = RealObs(display, self.home, env)
        self.data_dir = self.config / "plugin_config" / "twitch-clawcraft"
        self.secrets = SecretStore(self.data_dir)
        self.collection = self.config / "basic" / "scenes" / "Untitled.json"

    def agent(self) -> ToolClient:
        token = self.secrets.get("TOOL_SERVICE_TOKEN")
        assert token is not None
        return ToolClient(self.port, token.reveal())

    def begin(self, window: ScriptsWindow) -> None:
        """Add the script, and type the port: the service answers on it."""
        window.add_script(SCRIPT)
        # On the default port, or not if something else on this machine has it: both are fine to begin with.
        self.obs.process.wait_for_line(r"\] (not )?listening")
        window.press("refresh")
        window.screenshot("script-added")
        window.type("port", str(self.port))
        wait_for_service(self.port)
        window.press("refresh")

    def refusal(self, agent: ToolClient, action: str, **args: Any) -> str:
        """The error code of a fresh request; empty if it is accepted."""
        self._requests += 1
        body = agent.post(action, f"request-{self._requests}", **args).json()
        return "" if body["ok"] else str(body["error"]["code"])

    def connect(self, window: ScriptsWindow, agent: ToolClient) -> None:
        """Press Connect until the typed client id is in force and Twitch gave a code, as an impatient person would."""

        def pending() -> bool:
            window.press("connect")
            return bool(agent.status()["twitch"]["login"]["state"] == "pending")

        wait_until(pending, 20, "Twitch gave a code")
        window.press("connect")
        window.appeared(["cancel"], before="client_secret")

    def save_while_typing(self, window: ScriptsWindow) -> None:
        """Make OBS save the collection: a scene is added in the main window."""
        before = self.collection.stat().st_mtime_ns if self.collection.exists() else 0
        window.add_scene()
        wait_until(lambda: self.collection.stat().st_mtime_ns != before, 15, "OBS saves the scene collection")

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = (self.data_dir / "service.log").read_text().splitlines()
        return [entry for entry in map(json.loads, lines) if entry["event"] == event]

    def leaked(self) -> list[str]:
        """Files of OBS, besides the secret store, that hold a secret of this session."""
        texts = [token.access for token in self.twitch.world.tokens] + [SIGNING, OWN_TOKEN]
        texts += [token.refresh for token in self.twitch.world.tokens if token.refresh]
        texts += [device.device_code for device in self.twitch.world.devices]
        texts += [secret.reveal() for name in SECRET_NAMES if (secret := self.secrets.get(name))]
        found = []
        for path in self.config.rglob("*"):
            if path.is_file() and path != self.secrets.path:
                content = path.read_bytes()
                found += [f"{path}: {text[:6]}…" for text in texts if text.encode() in content]
        output = "\n".join(self.obs.process.lines())
        return found + [f"OBS's log: {text[:6]}…" for text in texts if text in output]

    def saved_settings(self) -> dict[str, Any]:
        """What the scene collection on disk says of our script."""
        scripts = json.loads(self.collection.read_text())["modules"]["scripts-tool"]
        return next((entry["settings"] for entry in scripts if entry["path"].endswith(SCRIPT.name)), {})


@pytest.fixture(scope="module", autouse=True)
def real_obs_is_installed() -> None:
    reason = obs_missing()
    if reason is not None:
        if obs_required():
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Display(tmp_path / "display") as display, TwitchSim() as twitch:
        desk = Desk(tmp_path, display, twitch)
        with desk.obs:
            yield desk


@pytest.fixture
def window(desk: Desk, tmp_path: Path) -> ScriptsWindow:
    window = ScriptsWindow(desk.obs, artefacts_folder(tmp_path / "artefacts"))
    window.open()
    return window


def test_a_first_session(desk: Desk, window: ScriptsWindow) -> None:
    """Script added, port typed, Twitch connected, an action switched off, paused, signed, all without a terminal."""
    window.screenshot("no-script-yet")
    desk.begin(window)
    window.screenshot("port-changed")
    agent = desk.agent()

    # Twitch, with a code.
    window.type("client_id", CLIENT_ID)
    desk.connect(window, agent)
    window.screenshot("twitch-code")
    desk.twitch.world.devices[-1].state = "granted"
    wait_until(lambda: agent.status()["twitch"]["state"] == "ok", 30, "Twitch is connected")
    window.press("refresh")
    window.widgets[window.widgets.index("cancel")] = "disconnect"
    window.focus("refresh")
    window.screenshot("twitch-connected")
    assert agent.post("twitch.set_title", "title-1", title="Hello").status_code == 200

    # An action switched off.
    window.press("set_title")
    refused = wait_until(lambda: desk.refusal(agent, "twitch.set_title", title="Again"), 15, "set_title is refused")
    assert refused == "action_disabled"
    window.screenshot("action-off")
    window.press("set_title")
    wait_until(lambda: not desk.refusal(agent, "twitch.set_title", title="Hello"), 15, "set_title works again")

    # Pause: refused at once, and polling goes on.
    window.press("pause")
    assert desk.refusal(agent, "twitch.set_title", title="Again") == "paused_by_operator"
    assert agent.get("/tools/jobs").status_code == 200
    window.press("refresh")
    window.screenshot("paused")
    window.press("pause")
    assert desk.refusal(agent, "twitch.set_title", title="Hello") == ""

    # The token to copy, and a signing secret, typed and stored.
    window.press("token_show")
    window.appeared(["shown_token"], before="token_show")
    window.focus("token_show")
    window.settle()
    window.type("signing", SIGNING)
    window.press("access_store")
    refused = wait_until(lambda: desk.refusal(agent, "twitch.set_title", title="Hello"), 15, "a signature is asked for")
    assert refused == "invalid_signature"
    assert desk.secrets.get("TOOL_SERVICE_SIGNATURE_SECRET") == Secret(SIGNING)
    window.press("refresh")

    window.close()
    assert desk.obs.quit() == 0
    assert desk.obs.memory_leaks() == 0
    assert desk.obs.warnings() == []
    saved = desk.saved_settings()
    assert saved["port"] == desk.port
    assert saved["twitch_client_id"] == CLIENT_ID
    assert desk.leaked() == []


def test_a_half_typed_secret_is_neither_saved_nor_used(desk: Desk, window: ScriptsWindow) -> None:
    desk.begin(window)
    agent, generated = desk.agent(), desk.secrets.get("TOOL_SERVICE_TOKEN")

    window.type("own_token", OWN_TOKEN[:20])
    desk.save_while_typing(window)
    assert desk.saved_settings()["port"] == desk.port
    assert OWN_TOKEN[:20] not in desk.collection.read_text()
    assert desk.secrets.get("TOOL_SERVICE_TOKEN") == generated
    assert agent.get("/status").status_code == 200

    window.go_on_typing(OWN_TOKEN[20:])
    window.press("access_store")
    wait_until(lambda: desk.secrets.get("TOOL_SERVICE_TOKEN") == Secret(OWN_TOKEN), 15, "the whole token is stored")
    wait_until(lambda: agent.get("/status").status_code == 401, 15, "the generated token is over")
    assert desk.agent().get("/status").status_code == 200
    window.close()
    assert desk.obs.quit() == 0
    assert OWN_TOKEN[:20] not in desk.collection.read_text()
    assert desk.obs.warnings() == []


def test_two_hundred_keystrokes_are_one_restart(desk: Desk, window: ScriptsWindow) -> None:
    desk.begin(window)
    before = desk.logged("listening")
    window.type("bind", *["127.0.0.1"] * 22, "127.0.0.2")
    wait_until(lambda: len(desk.logged("listening")) > len(before), 15, "the service moves")
    assert [event["message"] for event in desk.logged("listening")[len(before) :]] == [f"http://127.0.0.2:{desk.port}"]
    window.close()
    assert desk.obs.quit() == 0
