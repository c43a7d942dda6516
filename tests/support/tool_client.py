"""An agent in a few lines: calls the tool API of a running service over a real socket."""

import time
from pathlib import Path
from typing import Any

import requests

from clawcraft.secrets import SecretStore


class ToolClient:
    """Speaks to ``http://127.0.0.1:port`` with the token that the service keeps in ``data_dir``."""

    def __init__(self, port: int, token: str, agent_id: str = "test-agent") -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.agent_id = agent_id
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"

    def close(self) -> None:
        self._session.close()

    def get(self, path: str, timeout_s: float = 35, **params: object) -> requests.Response:
        return self._session.get(self.url + path, params={k: str(v) for k, v in params.items()}, timeout=timeout_s)

    def post(
        self, action: str, request_id: str | None = None, timeout_s: float = 35, **args: object
    ) -> requests.Response:
        body: dict[str, Any] = {"agent_id": self.agent_id, "action": action, "args": args}
        if request_id is not None:
            body["request_id"] = request_id
        return self._session.post(f"{self.url}/tools/execute", json=body, timeout=timeout_s)

    def accept(self, action: str, request_id: str, **args: Any) -> str:
        """The id of the job that the service made of it."""
        answer = self.post(action, request_id, **args)
        assert answer.status_code == 202, answer.text
        job_id = answer.json()["result"]["job_id"]
        assert isinstance(job_id, str)
        return job_id

    def job(self, job_id: str, wait_s: float = 0) -> dict[str, Any]:
        answer = self.get(f"/tools/jobs/{job_id}", wait=wait_s)
        assert answer.status_code == 200, answer.text
        job = answer.json()["job"]
        assert isinstance(job, dict)
        return job

    def ended(self, job_id: str, within_s: float = 60) -> dict[str, Any]:
        """The job, once it has ended."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            job = self.job(job_id, wait_s=max(0, min(30, int(deadline - time.monotonic()) + 1)))
            if job["status"] in ("done", "failed"):
                return job
        raise AssertionError(f"job {job_id} did not end within {within_s} s: {self.job(job_id)}")

    def run(self, action: str, request_id: str, within_s: float = 60, **args: Any) -> dict[str, Any]:
        """Accept and wait for the end."""
        return self.ended(self.accept(action, request_id, **args), within_s)

    def status(self) -> dict[str, Any]:
        answer = self.get("/status")
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert isinstance(body, dict)
        return body


def wait_for_service(port: int, timeout_s: float = 30) -> None:
    """Until ``/health`` answers."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            requests.get(f"http://127.0.0.1:{port}/health", timeout=2).raise_for_status()
            return
        except requests.RequestException as error:
            if time.monotonic() > deadline:
                raise AssertionError(f"the service on port {port} did not answer within {timeout_s} s") from error
            time.sleep(0.02)


def stored_token(obs_config: Path) -> str:
    """The token the service generated, from its secret store below OBS's configuration folder."""
    token = SecretStore(obs_config / "plugin_config" / "twitch-clawcraft").get("TOOL_SERVICE_TOKEN")
    assert token is not None, "the service has not stored a token"
    return token.reveal()
