"""A studio in processes of its own: the fake OBS with the script, and optionally the local Twitch beside it."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import requests

from tests.support.real_obs import free_port
from tests.support.tool_client import ToolClient
from twitch_sim.server import TwitchSim

ROOT = Path(__file__).resolve().parents[2]
READY_S = 30
TOKEN = "studio-token-0123456789abcdef"


class Studio:
    """``start`` and ``kill`` may alternate: OBS that crashes and is opened again, with the same port and folder.

    ``settings`` are settings of the service; by default no rate limit gets in the way of a test.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None, with_twitch: bool = True) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.twitch = TwitchSim() if with_twitch else None
        self.settings = {"TOOL_ACTION_RATE_LIMIT_PER_MIN": "100000", **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._stack = contextlib.ExitStack()
        self.client: ToolClient

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            if self.twitch is not None:
                self.settings |= stack.enter_context(self.twitch).environment()
            self.client = ToolClient(self.port, self.settings.get("TOOL_SERVICE_TOKEN", TOKEN))
            stack.callback(self.client.close)
            stack.callback(self.kill)
            self.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    @property
    def log_path(self) -> Path:
        return self.folder / "studio.log"

    def start(self, scenario: str = "good") -> None:
        """Open the fake OBS and wait until the service answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = os.pathsep.join((str(ROOT / "tools"), str(ROOT / "obs_plugin")))
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("TWITCH_", "TOOL_", "OBS_"))},
            "PYTHONPATH": path,
            "TOOL_SERVICE_TOKEN": TOKEN,
            "PORT": str(self.port),
            **self.settings,
        }
        script = ROOT / "obs_plugin" / "twitch_clawcraft.py"
        folder = ["--config-dir", str(self.folder)]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "obs_mock", "--script", str(script), "--scenario", scenario, *folder],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + READY_S
        while not self._answers():
            output = self.log_path.read_text(errors="replace")
            assert self._process.poll() is None, f"the fake OBS ended:\n{output}"
            assert time.monotonic() < deadline, f"the service does not answer after {READY_S} s:\n{output}"
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            return self.client.get("/health", timeout_s=2).status_code == 200
        except requests.RequestException:
            return False

    def kill(self) -> None:
        """End OBS as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stream_state(self) -> str:
        return str(self.client.status()["obs"]["stream"]["state"])
