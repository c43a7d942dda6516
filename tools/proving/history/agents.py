"""Agents at the same time, each with requests of its own and some that all of them make. They ask until they are told
an end, with the same request_id, whatever dies in between. Each on a thread of its own."""

import threading
import time
from typing import Any, Final

import requests

from proving.history.model import Event

AGAIN_S: Final = 0.2
PATIENCE_S: Final = 60.0
SYNC: Final = ("twitch.set_title", "twitch.post_chat_message")


def args_of(action: str, request_id: str) -> dict[str, Any]:
    """What shows Twitch which request ran."""
    if action == "twitch.post_chat_message":
        return {"message": request_id}
    return {} if action == "twitch.stop_stream" else {"title": request_id}


class Request:
    """One request_id and all that anybody was told of it."""

    def __init__(self, action: str, request_id: str) -> None:
        self.action = action
        self.request_id = request_id
        self.events: list[Event] = []
        self._lock = threading.Lock()

    def told(self, event: Event) -> None:
        with self._lock:
            self.events.append(event)


class HistoryAgent:
    """Speaks to the service on ``port``, whichever process that is by then."""

    def __init__(self, port: int, token: str, requests_made: list[Request]) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._headers = {"Authorization": f"Bearer {token}"}
        self._requests = requests_made
        self.thread = threading.Thread(target=self._run, name="history agent")

    def _run(self) -> None:
        for request in self._requests:
            self.ask(request)

    def ask(self, request: Request) -> None:
        """Until it is told an end."""
        deadline_s = time.monotonic() + PATIENCE_S
        job_id = ""
        while time.monotonic() < deadline_s:
            try:
                event = self._poll(job_id) if job_id else self._post(request)
            except (requests.RequestException, ValueError):
                job_id = ""  # asks again from the beginning, as one that has lost the answer
                time.sleep(AGAIN_S)
                continue
            if event is None:
                time.sleep(AGAIN_S)
                continue
            request.told(event)
            if event.end or event.state == "unknown":
                return
            job_id = event.job_id

    def _post(self, request: Request) -> Event | None:
        """None where it is to be asked again."""
        body = {"agent_id": "history", "action": request.action, "request_id": request.request_id}
        body["args"] = args_of(request.action, request.request_id)  # type: ignore[assignment]
        asked_s = time.monotonic()
        answer = requests.post(f"{self._url}/tools/execute", json=body, headers=self._headers, timeout=30)
        told, told_s = answer.json(), time.monotonic()
        if told["ok"]:
            result = told["result"]
            if answer.status_code != 202:
                return Event(asked_s, told_s, "ended", end="done")
            return self._of_job(asked_s, told_s, result["job_id"], result["status"], None)
        error = told["error"]
        if error["retryable"]:
            return None
        return Event(asked_s, told_s, "ended", end=error["code"])

    def _poll(self, job_id: str) -> Event | None:
        asked_s = time.monotonic()
        answer = requests.get(f"{self._url}/tools/jobs/{job_id}?wait=1", headers=self._headers, timeout=30)
        told, told_s = answer.json(), time.monotonic()
        if answer.status_code == 404:
            return Event(asked_s, told_s, "unknown", job_id)
        if not told["ok"]:
            return None
        job = told["job"]
        return self._of_job(asked_s, told_s, job_id, job["status"], job.get("error"))

    def _of_job(self, asked_s: float, told_s: float, job_id: str, status: str, error: Any) -> Event:
        if status in ("queued", "running"):
            return Event(asked_s, told_s, status, job_id)
        # A repeated 202 shows the status alone, so that the end is not told by it.
        end = "done" if status == "done" else "" if error is None else str(error["code"])
        return Event(asked_s, told_s, "ended", job_id, end)
