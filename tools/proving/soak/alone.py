"""An OBS without the script, which starts and stops beside the other: OBS takes some memory for each stream and does
not give it back, and only what is more than that is the script's. The soak's own thread."""

import contextlib
from pathlib import Path
from typing import Self

from bench.obs_websocket import ObsWebsocket
from tests.support.display import Display
from tests.support.obs_home import ObsHome
from tests.support.ports import free_port
from tests.support.real_obs import RealObs
from tests.support.rtmp_server import RtmpServer
from tests.support.waiting import wait_until


class ObsAlone:
    """While entered."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            display = stack.enter_context(Display(self._folder / "display"))
            rtmp = stack.enter_context(RtmpServer(self._folder / "rtmp"))
            port, home = free_port(), self._folder / "home"
            ObsHome(server_url=f"rtmp://127.0.0.1:{rtmp.port}/live", websocket_port=port).small().write(home)
            obs = RealObs(display, home, {})
            stack.callback(lambda: obs.__exit__(None, None, None))
            obs.start()
            self._websocket = wait_until(lambda: _connected(port), "obs-websocket answers")
            stack.callback(self._websocket.close)
            self.pid = obs.pid
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def start(self) -> None:
        self._ask("StartStream", "OBS_WEBSOCKET_OUTPUT_STARTED")

    def stop(self) -> None:
        self._ask("StopStream", "OBS_WEBSOCKET_OUTPUT_STOPPED")

    def _ask(self, request: str, state: str) -> None:
        self._websocket.forget_states()
        self._websocket.request(request)
        self._websocket.wait_state(state)


def _connected(port: int) -> ObsWebsocket | None:
    with contextlib.suppress(OSError):
        return ObsWebsocket(port)
    return None
