"""The leanest agent: one kept connection, no library between the measurement and the socket."""

import http.client
import json
import socket
import time
from typing import Any


class Agent:
    """Speaks the tool API. What it measures is the service and the loopback, not a client library."""

    def __init__(self, port: int, token: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"

    def close(self) -> None:
        self._socket.close()

    def get(self, path: str) -> dict[str, Any]:
        return self._exchange("GET", path)

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

    def _exchange(self, method: str, path: str, body: str = "", *, refused: bool = False) -> dict[str, Any]:
        # Head and body in one packet, as Node's fetch sends them; http.client makes two, and the service wakes twice.
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}{length}\r\n"
        self._socket.sendall((head + body).encode("ascii"))
        answer = http.client.HTTPResponse(self._socket, method=method)
        answer.begin()
        found = json.loads(answer.read())
        assert isinstance(found, dict)
        assert found["ok"] is not refused, found
        return found
