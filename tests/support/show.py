"""A whole show for end-to-end tests: a real OBS with the installed script, an RTMP server, and an agent."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from tests.support.display import Display
from tests.support.obs_home import ObsHome
from tests.support.obs_program import obs_program
from tests.support.paths import data_folder
from tests.support.ports import free_port
from tests.support.real_obs import RealObs
from tests.support.rtmp_server import RtmpServer
from tests.support.tcp_gate import TcpGate
from tests.support.tool import Done, tool
from tests.support.tool_client import ToolClient, stored_token, wait_for_service


def install(*args: str) -> Done:
    """``tools/install.py`` as a user runs it."""
    return tool("install.py", *args)


class Show:
    """Entering starts all of it and waits for the service; ``restart`` starts OBS anew in the same home.

    ``env`` adds settings of the service; by default no rate limit gets in the way of a test. With ``script``, one that
    is elsewhere, nothing is installed: the scene collection lists it, as after Tools, Scripts, +. ``installer`` is what
    the installer is told beside where OBS is.
    """

    def __init__(
        self,
        folder: Path,
        env: Mapping[str, str] | None = None,
        encoder: Literal["x264", "broken"] = "x264",
        more_scripts: tuple[Path, ...] = (),
        websocket_port: int | None = None,
        script: Path | None = None,
        installer: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.rtmp = RtmpServer(folder / "rtmp")
        self.gate = TcpGate()
        self.display = Display(folder / "display")
        self.home = folder / "home"
        self.obs_home = ObsHome(
            server_url=self.gate.url(),
            script=script,
            encoder=encoder,
            more_scripts=more_scripts,
            websocket_port=websocket_port,
        )
        self.config = self.home / ".config" / "obs-studio"
        self._installer = (*obs_program().for_installer, *installer)
        self._env = {"PORT": str(self.port), "TOOL_ACTION_RATE_LIMIT_PER_MIN": "100000", **(env or {})}
        self.obs = RealObs(self.display, self.home, self._env)
        self._stack = contextlib.ExitStack()
        self.client: ToolClient

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for part in (self.display, self.rtmp, self.gate):
                stack.enter_context(part)
            self.obs_home.write(self.home)
            if self.obs_home.script is None:
                done = install("--obs-config-dir", str(self.config), *self._installer)
                assert done.returncode == 0, done.stdout + done.stderr
            self.gate.forward(self.rtmp.port)
            self.start()
            stack.callback(lambda: self.client.close())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.obs.__exit__(None, None, None)
        self._stack.close()

    @property
    def data_dir(self) -> Path:
        return data_folder(self.config)

    def start(self) -> None:
        """Start OBS and wait until the service answers."""
        self.obs.start()
        try:
            wait_for_service(self.port)
        except TimeoutError as error:
            raise TimeoutError("\n".join([str(error), "OBS said:", *self.obs.process.lines()[-30:]])) from None
        self.client = self.agent()

    def agent(self, agent_id: str = "test-agent") -> ToolClient:
        """One more agent, with a connection of its own."""
        return ToolClient(self.port, stored_token(self.config), agent_id)

    def stream_state(self) -> str:
        state: Any = self.client.status()["obs"]["stream"]["state"]
        return str(state)
