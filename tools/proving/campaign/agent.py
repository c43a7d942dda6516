"""An agent as it should be: asks over HTTP with a request_id, asks again with the same one when the answer is lost or
says so, and waits for its job. It writes down what it was told and when."""

import threading
import time
from typing import Any, Final

import requests

AGAIN_S: Final = 0.1
PATIENCE_S: Final = 45.0
ENDED: Final = ("done", "failed")


class Asking:
    """One request, asked on a thread of its own until it is answered for good. ``told`` is "done", "failed", "refused"
    (no job was made), "vanished" (a job that was acknowledged is not known any more), or None: never answered."""

    def __init__(self, what: str, request_id: str) -> None:
        self.what = what
        self.request_id = request_id
        self.asked_s = time.time()
        self.accepted_s: float | None = None
        self.told_s: float | None = None
        self.told: str | None = None
        self.job_id: str | None = None
        self.code: str | None = None
        self.status: str | None = None
        self.warnings: list[str] = []
        self.attempts = 1
        self.retries = 0
        self.other_job = ""
        self._accepted = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, run: Any) -> "Asking":
        self._thread = threading.Thread(target=run, args=(self,), name=f"asks {self.what}")
        self._thread.start()
        return self

    def wait_accepted(self, within_s: float) -> None:
        self._accepted.wait(within_s)

    def join(self) -> "Asking":
        if self._thread is not None:
            self._thread.join()
        return self

    def accepted(self, job_id: str | None) -> None:
        """Raises nothing: another job for the same request_id is evidence."""
        if self.job_id not in (None, job_id):
            self.other_job = str(job_id)
        self.job_id = job_id
        self.accepted_s = self.accepted_s or time.time()
        self._accepted.set()

    def ended(self, told: str, code: str | None = None, status: str | None = None) -> None:
        self.told, self.code, self.status, self.told_s = told, code, status, time.time()
        self._accepted.set()

    def to_json(self) -> dict[str, Any]:
        names = ("what", "request_id", "asked_s", "accepted_s", "told_s", "told", "job_id", "code", "status")
        found = {name: getattr(self, name) for name in (*names, "warnings", "attempts", "retries")}
        return found | ({"other_job": self.other_job} if self.other_job else {})


class Agent:
    """Of the service on ``port``."""

    def __init__(self, port: int, token: str) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._headers = {"Authorization": f"Bearer {token}"}

    def ask(self, what: str, request_id: str, **args: Any) -> Asking:
        """``what`` is "start" or "stop"."""
        return Asking(what, request_id).begin(lambda asking: self._run(asking, args))

    def ask_again(self, asking: Asking, **args: Any) -> dict[str, Any]:
        """The same request once more, after its end: what it was told this time."""
        again = Asking(asking.what, asking.request_id)
        self._run(again, args)
        return again.to_json()

    def _run(self, asking: Asking, args: dict[str, Any]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        with requests.Session() as session:
            session.trust_env = False
            session.headers.update(self._headers)
            while asking.told is None and time.monotonic() < deadline_s:
                try:
                    wait_s = self._follow(session, asking) if asking.job_id else self._post(session, asking, args)
                except (requests.RequestException, ValueError):
                    wait_s = AGAIN_S
                    asking.retries += 1
                if asking.told is None and wait_s:
                    time.sleep(wait_s)

    def _post(self, session: requests.Session, asking: Asking, args: dict[str, Any]) -> float:
        """Ask; the seconds to wait before what comes next."""
        body = {"agent_id": "campaign", "request_id": asking.request_id, "args": args}
        body["action"] = f"twitch.{asking.what}_stream"
        answer = session.post(f"{self._url}/tools/execute", json=body, timeout=5)
        told = answer.json()
        if told["ok"]:
            asking.accepted(told["result"]["job_id"])
            return 0.0
        error = told["error"]
        if error["retryable"]:
            asking.retries += 1
            return min(float(answer.headers.get("Retry-After", AGAIN_S)), 0.5)
        asking.ended("refused", error["code"])
        return 0.0

    def _follow(self, session: requests.Session, asking: Asking) -> float:
        answer = session.get(f"{self._url}/tools/jobs/{asking.job_id}?wait=10", timeout=15)
        told = answer.json()
        if answer.status_code == 404 and told["error"]["code"] == "job_not_found":
            asking.ended("vanished", "job_not_found")
        elif not told["ok"]:
            asking.retries += 1
            return AGAIN_S
        elif (job := told["job"])["status"] in ENDED:
            result, error = job.get("result") or {}, job.get("error") or {}
            asking.warnings = list(result.get("warnings", ()))
            asking.attempts = result.get("attempts") or error.get("details", {}).get("attempts") or 1
            asking.ended(job["status"], error.get("code"), result.get("status"))
        return 0.0
