"""The leanest agent: one kept connection, no library between the measurement and the socket."""

import http.client
import json
import socket
import time
from typing import Any


class Agent:
    """Speaks the tool API. What it measures is the service and the loopback, not a client library."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def close(self) -> None:
        self._connection.close()

    def get(self, path: str) -> dict[str, Any]:
        return self._exchange("GET", path, None)

    def accept(self, action: str, request_id: str) -> str:
        """The id of the job made of the request."""
        body = json.dumps({"agent_id": "bench", "action": action, "request_id": request_id})
        job_id = self._exchange("POST", "/tools/execute", body)["result"]["job_id"]
        assert isinstance(job_id, str)
        return job_id

    def refused(self, action: str, args: dict[str, Any]) -> str:
        """The code of the refusal."""
        body = json.dumps({"agent_id": "bench", "action": action, "args": args})
        code = self._exchange("POST", "/tools/execute", body, refused=True)["error"]["code"]
        assert isinstance(code, str)
        return code

    def ended(self, job_id: str) -> dict[str, Any]:
        """The job, once it is done."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            job = self.get(f"/tools/jobs/{job_id}?wait=30")["job"]
            assert isinstance(job, dict)
            assert job["status"] != "failed", job
            if job["status"] == "done":
                return job
        raise TimeoutError(job_id)

    def _exchange(self, method: str, path: str, body: str | None, *, refused: bool = False) -> dict[str, Any]:
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        found = json.loads(answer.read())
        assert isinstance(found, dict)
        assert found["ok"] is not refused, found
        return found
