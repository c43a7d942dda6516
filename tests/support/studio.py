"""A studio in processes of its own: the fake OBS with the script, and optionally the local Twitch beside it."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.support.paths import OBS_PLUGIN, SCRIPT, TOOLS
from tests.support.ports import free_port
from tests.support.tool_client import ToolClient, answers
from tests.support.waiting import wait_until
from twitch_sim.server import TwitchSim

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
    def sim(self) -> TwitchSim:
        """The local Twitch of a studio that has one."""
        assert self.twitch is not None
        return self.twitch

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log_path(self) -> Path:
        return self.folder / "studio.log"

    def start(self, scenario: str = "good") -> None:
        """Open the fake OBS and wait until the service answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(TOOLS), str(OBS_PLUGIN))),
            "TOOL_SERVICE_TOKEN": TOKEN,
            "PORT": str(self.port),
            **self.settings,
        }
        command = [sys.executable, "-m", "obs_mock", "--script", str(SCRIPT), "--config-dir", str(self.folder)]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--scenario", scenario],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._answers, "the service in the fake OBS answers")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the fake OBS ended:\n{self.log_path.read_text(errors='replace')}"
        return answers(self.port)

    def kill(self) -> None:
        """End OBS as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stream_state(self) -> str:
        return str(self.client.status()["obs"]["stream"]["state"])
