"""The service to be measured: in a real OBS, or in a fake one in a process of its own. Beside it the floor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol, Self

from bench.agent import Agent
from tests.support.paths import SCRIPT, TOOLS, data_folder
from tests.support.ports import free_port
from tests.support.show import Show
from tests.support.tool_client import stored_token, wait_for_service

FLOOR: Final = Path(__file__).with_name("floor.py")
NO_LIMITS: Final = {"TOOL_ACTION_RATE_LIMIT_PER_MIN": "100000"}


class Target(Protocol):
    """Entering starts it. ``restart`` ends OBS, has ``between`` change the service's folder, and starts OBS again; the
    seconds until the service answers. ``rests_s`` is what OBS needs between a stop and the next start."""

    port: int
    floor_port: int
    kind: str

    def __enter__(self) -> Self: ...

    def __exit__(self, *_exc: object) -> None: ...

    def restart(self, between: Callable[[Path], object]) -> float: ...

    @property
    def token(self) -> str: ...


def agent(target: Target) -> Agent:
    return Agent(target.port, target.token)


class RealTarget:
    """Headless OBS with a local RTMP server."""

    kind = "real OBS"

    def __init__(self, folder: Path) -> None:
        self.floor_port = free_port()
        self.show = Show(folder, {"FLOOR_PORT": str(self.floor_port)}, more_scripts=(FLOOR,))
        self.port = self.show.port

    def __enter__(self) -> Self:
        self.show.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.show.__exit__(*exc)

    @property
    def token(self) -> str:
        return stored_token(self.show.config)

    def restart(self, between: Callable[[Path], object]) -> float:
        self.show.client.close()
        assert self.show.obs.quit() == 0
        between(self.show.data_dir)
        began_s = time.monotonic()
        self.show.start()
        return time.monotonic() - began_s


class FakeTarget:
    """The fake OBS. Its floor has a process too."""

    kind = "fake OBS"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port, self.floor_port = free_port(), free_port()
        self._running: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._start("FLOOR_PORT", self.floor_port, str(FLOOR))
        self._start_obs()
        return self

    def __exit__(self, *_exc: object) -> None:
        while self._running:
            self._end(self._running.pop())

    @property
    def token(self) -> str:
        return stored_token(self._folder)

    def restart(self, between: Callable[[Path], object]) -> float:
        self._end(self._running.pop())
        between(data_folder(self._folder))
        began_s = time.monotonic()
        self._start_obs()
        return time.monotonic() - began_s

    def _start_obs(self) -> None:
        self._start("PORT", self.port, "-m", "obs_mock", "--script", str(SCRIPT), "--config-dir", str(self._folder))
        wait_for_service(self.port)

    def _start(self, name: str, port: int, *arguments: str) -> None:
        env: dict[str, Any] = {**os.environ, **NO_LIMITS, name: str(port)}
        self._running.append(
            subprocess.Popen([sys.executable, *arguments], cwd=TOOLS, env=env, stdout=subprocess.DEVNULL)
        )

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
