"""An agent in a few lines: calls the tool API of a running service over a real socket."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from clawcraft.secrets import SecretStore
from tests.support.paths import data_folder
from tests.support.waiting import HANG_S, wait_until


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

    def get(self, path: str, **params: object) -> requests.Response:
        return self._session.get(self.url + path, params={k: str(v) for k, v in params.items()}, timeout=HANG_S)

    def post(self, action: str, request_id: str | None = None, **args: object) -> requests.Response:
        body: dict[str, Any] = {"agent_id": self.agent_id, "action": action, "args": args}
        if request_id is not None:
            body["request_id"] = request_id
        return self.send(body)

    def send(self, body: Mapping[str, Any]) -> requests.Response:
        """A request as it is."""
        return self._session.post(f"{self.url}/tools/execute", json=body, timeout=HANG_S)

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

    def ended(self, job_id: str) -> dict[str, Any]:
        """The job, once it has ended."""

        def ended() -> dict[str, Any] | None:
            job = self.job(job_id, wait_s=30)
            return job if job["status"] in ("done", "failed") else None

        job: dict[str, Any] = wait_until(ended, f"job {job_id} ends")
        return job

    def run(self, action: str, request_id: str, **args: Any) -> dict[str, Any]:
        """Accept and wait for the end."""
        return self.ended(self.accept(action, request_id, **args))

    def status(self) -> dict[str, Any]:
        answer = self.get("/status")
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert isinstance(body, dict)
        return body


def wait_for_service(port: int) -> None:
    wait_until(lambda: answers(port), f"the service on port {port} answers")


def answers(port: int) -> bool:
    """Whether ``/health`` answers."""
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=HANG_S).ok
    except requests.RequestException:
        return False


def stored_token(obs_config: Path) -> str:
    """The token the service generated, from its secret store below OBS's configuration folder."""
    token = SecretStore(data_folder(obs_config)).get("TOOL_SERVICE_TOKEN")
    assert token is not None, "the service has not stored a token"
    return token.reveal()
