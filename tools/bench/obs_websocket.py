"""The peer: obs-websocket 5, as its clients use it. One connection, requests answered in order, events on the side."""

import itertools
import json
import queue
import threading
import time
from typing import Any

import websocket

OUTPUTS_EVENTS = 1 << 6


class ObsWebsocket:
    """A client of obs-websocket 5 without authentication, on this machine."""

    def __init__(self, port: int, answers_within_s: float = 30) -> None:
        self._answers_within_s = answers_within_s
        self._socket = websocket.create_connection(
            f"ws://127.0.0.1:{port}", timeout=30, subprotocols=["obswebsocket.json"], http_no_proxy=["*"]
        )
        self._numbers = itertools.count()
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._states: queue.SimpleQueue[str] = queue.SimpleQueue()
        json.loads(self._socket.recv())
        self._send(1, {"rpcVersion": 1, "eventSubscriptions": OUTPUTS_EVENTS})
        json.loads(self._socket.recv())
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        self._socket.close()
        self._reader.join(5)

    def request(self, kind: str, **data: object) -> dict[str, Any]:
        """The response's ``d`` object, once it is there."""
        self._send(6, {"requestType": kind, "requestId": str(next(self._numbers)), "requestData": data})
        return self._answers.get(timeout=self._answers_within_s)

    def forget_states(self) -> None:
        """Drop the events so far: OBS reports what anybody does."""
        while not self._states.empty():
            self._states.get()

    def wait_state(self, state: str, timeout_s: float = 30) -> None:
        """Until the event StreamStateChanged names this state (OBS_WEBSOCKET_OUTPUT_STARTED …)."""
        deadline = time.monotonic() + timeout_s
        while self._states.get(timeout=deadline - time.monotonic()) != state:
            pass

    def _send(self, code: int, data: dict[str, Any]) -> None:
        self._socket.send(json.dumps({"op": code, "d": data}))

    def _read(self) -> None:
        while True:
            try:
                message = json.loads(self._socket.recv())
            except (OSError, ValueError, websocket.WebSocketException):
                return
            if message["op"] == 7:
                self._answers.put(message["d"])
            elif message["op"] == 5 and message["d"]["eventType"] == "StreamStateChanged":
                self._states.put(message["d"]["eventData"]["outputState"])
