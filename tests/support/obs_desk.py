"""One streamer's desk: an OBS with its files, a local Twitch, and an agent. Test's own thread."""

import functools
import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from clawcraft.panel.hotkeys import FILE_NAME
from clawcraft.secrets import SecretStore
from clawcraft.settings import SECRET_NAMES
from tests.support.display import Display
from tests.support.obs_home import COLLECTION, ObsHome
from tests.support.obs_panel import ScriptsWindow
from tests.support.paths import SCRIPT, data_folder, service_log
from tests.support.ports import free_port
from tests.support.real_obs import RealObs
from tests.support.tool_client import ToolClient, answers
from tests.support.waiting import insist, wait_until
from twitch_sim import TwitchSim
from twitch_sim.world import CLIENT_ID

SIGNING = "a-signing-secret-typed-by-hand"
OWN_TOKEN = "an-own-token-of-forty-two-characters-0123"


class Desk:
    """One streamer: a display, a local Twitch, and an OBS. Its only scene collection lists ``script`` with
    ``settings``, on a free port, or with None nothing yet; ``after`` are scripts that load after it; ``server_url`` is
    where it streams to, ``env`` more of OBS's environment, ``keys`` the streamer's hotkeys."""

    def __init__(
        self,
        folder: Path,
        display: Display,
        twitch: TwitchSim,
        script: Path | None = None,
        settings: Mapping[str, Any] | None = None,
        after: tuple[Path, ...] = (),
        server_url: str = "",
        env: Mapping[str, str] | None = None,
        keys: Mapping[str, Any] | None = None,
    ) -> None:
        self.twitch = twitch
        self.port = free_port()
        self.home = folder / "home"
        listed = {"port": self.port, **(settings or {})}
        self.obs_home = ObsHome(script=script, script_settings=listed)
        if server_url:
            self.obs_home = replace(self.obs_home, server_url=server_url)
        self.config = self.obs_home.write(self.home)
        if after:
            # Scripts load in this order.
            scripts = [{"path": str(script), "settings": listed}]
            scripts += [{"path": str(path), "settings": {}} for path in after]
            self.obs_home.write_collection(self.config, COLLECTION, scripts)
        self._requests = 0
        twitch_urls = {"TWITCH_API_BASE_URL": twitch.api_url, "TWITCH_AUTH_BASE_URL": twitch.auth_url}
        # How pip reaches its index on this machine.
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        self.obs = RealObs(display, self.home, pip | twitch_urls | dict(env or {}))
        self.data_dir = data_folder(self.config)
        self.hotkeys = self.data_dir / FILE_NAME
        if keys:
            self.data_dir.mkdir(parents=True)
            self.hotkeys.write_text(json.dumps(keys))
        self.secrets = SecretStore(self.data_dir)
        self.collection = self.config / "basic" / "scenes" / f"{COLLECTION}.json"

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
        typed = functools.partial(window.type, "port", str(self.port))
        insist(typed, lambda: answers(self.port), "the service answers on the port that was typed")
        window.press("refresh")

    def quit(self) -> int:
        """The clean exit; the main window may have been covered or minimised."""
        self.obs.display.activate(self.obs.window())
        return self.obs.quit()

    def exits_clean(self) -> None:
        """The same: nothing leaks, and no script has warned of anything."""
        self.obs.display.activate(self.obs.window())
        self.obs.exits_clean()

    def refusal(self, agent: ToolClient, action: str, **args: Any) -> str:
        """The error code of a fresh request; empty if it is accepted."""
        self._requests += 1
        body = agent.post(action, f"request-{self._requests}", **args).json()
        return "" if body["ok"] else str(body["error"]["code"])

    def connect(self, window: ScriptsWindow, agent: ToolClient) -> None:
        """Type the client id, and press Connect until it is in force and Twitch gave a code. A key that a busy OBS lost
        may have put it elsewhere: then it is typed again."""
        tries = itertools.count()

        def pending() -> bool:
            return bool(agent.status()["twitch"]["login"]["state"] == "pending")

        def press() -> None:
            if pending():
                return  # one more could blank the client id
            if next(tries) % 2 == 0:
                window.type("client_id", CLIENT_ID)
            window.press("connect")

        insist(press, pending, "Twitch gave a code")
        window.press("refresh")  # not "connect": a lost Tab would have it replace the client id by a blank
        window.appeared(["cancel"], before="bot_connect")

    def save_while_typing(self, window: ScriptsWindow) -> None:
        """Make OBS save the collection: a scene is added in the main window."""
        before = self.collection.stat().st_mtime_ns if self.collection.exists() else 0
        window.add_scene()
        wait_until(lambda: self.collection.stat().st_mtime_ns != before, "OBS saves the scene collection")

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = service_log(self.data_dir).splitlines()
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
