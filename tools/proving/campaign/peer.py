"""What is used today, as the contrast: a client of obs-websocket that asks for a start and then polls GetStreamStatus
until OBS says that its output is active, with a deadline; then it says so to whoever asked."""

import time
from typing import Any, Final

import websocket

from bench.obs_websocket import ObsWebsocket
from proving.campaign.agent import AGAIN_S, PATIENCE_S, Asking
from proving.campaign.stage import OPERATION_TIMEOUT_S

POLL_S: Final = 0.1
ANSWERS_S: Final = 3.0
TRIES: Final = 2
"""As many as the service makes in the campaign."""


class Peer:
    """Of the obs-websocket on ``port``. It is asked as ``Agent`` is. Nothing is ever acknowledged for good: it asks
    again after a crash of OBS, since nobody else remembers."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, what: str, request_id: str, **_args: Any) -> Asking:
        return Asking(what, request_id).begin(self._run)

    def _run(self, asking: Asking) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while asking.told is None and time.monotonic() < deadline_s:
            try:
                client = ObsWebsocket(self._port, ANSWERS_S)
            except (OSError, ValueError, websocket.WebSocketException):
                time.sleep(AGAIN_S)
                continue
            try:
                self._try(client, asking)
            except Exception:  # noqa: BLE001 - a queue that stays empty, a socket that ends: OBS is gone
                asking.retries += 1
                time.sleep(AGAIN_S)
            finally:
                client.close()

    def _try(self, client: ObsWebsocket, asking: Asking) -> None:
        wanted = asking.what == "start"
        if self._active(client) == wanted:
            return asking.ended("done", status="already_running" if wanted else "already_stopped")
        for _ in range(TRIES):
            client.request("StartStream" if wanted else "StopStream")
            until_s = time.monotonic() + OPERATION_TIMEOUT_S
            while time.monotonic() < until_s:
                if self._active(client) == wanted:
                    return asking.ended("done", status="started" if wanted else "stopped")
                time.sleep(POLL_S)
        return asking.ended("failed", f"{asking.what}_timeout")

    def _active(self, client: ObsWebsocket) -> bool:
        return bool(client.request("GetStreamStatus")["responseData"]["outputActive"])
