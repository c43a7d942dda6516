"""The agent that obeys: reads what the service shows it, over HTTP and MCP in turns, and does what is ordered there.

It has the service's own token and that of a named agent, and has read every secret that lies on the machine. Called on
the thread that plays.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter, deque
from typing import Any, Final

import requests

from proving.worst_agent.orders import Act, Secrets, obeyed
from tests.support.mcp_client import McpClient
from tests.support.tool_client import ToolClient
from tests.support.waiting import HANG_S

NAME: Final = "worst"


class WorstAgent:
    """``done`` counts what it sent, by kind; ``answers`` how each ended."""

    def __init__(self, port: int, service_token: str, own_token: str, dice: random.Random, secrets: Secrets) -> None:
        self._http = ToolClient(port, service_token, NAME)
        self._mcp = McpClient(port, own_token, tasks=True)
        self._dice = dice
        self._secrets = secrets
        self._numbers = itertools.count(1)
        self._cursor = ""
        self._orders: deque[Act] = deque()
        self._last: Act | None = None
        self._approved_id = "none-yet"
        self.done: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.read = 0

    def close(self) -> None:
        self._http.close()
        self._mcp.close()

    def was_allowed(self, request_id: str | None) -> None:
        """The streamer said yes to this one: worth another try."""
        self._approved_id = request_id or self._approved_id

    @property
    def has_orders(self) -> bool:
        return bool(self._orders)

    def look(self) -> None:
        """Read chat, and the title; both by HTTP or both by MCP."""
        after = {"cursor": self._cursor} if self._cursor else {}
        if self._dice.random() < 0.5:
            shown, channel = self._http.get("/events", **after).json(), self._http.get("/channel").json()
        else:
            shown = self._result("tools/call", name="events", arguments=after)
            channel = self._result("tools/call", name="channel", arguments={})
        self._cursor = str(shown.get("next_cursor", ""))
        self._read(shown.get("events", []))
        self._read(channel)

    def obey(self) -> None:
        """One turn: the next order, by one of the two ways."""
        act = self._orders.popleft()
        if act.how.get("again"):
            if self._last is None:
                return
            act = Act(act.kind, self._last.action, self._last.args)
        elif act.action:
            self._last = act
        self.done[act.kind] += 1
        answer = self._forge(act) if act.path else self._send(act)
        if isinstance(answer, dict):
            error = answer.get("error")
            self.answers[str(error.get("code")) if isinstance(error, dict) else "taken"] += 1
            self._read(error)  # Twitch's own words are in it, and a hint

    def _send(self, act: Act) -> Any:
        request_id = self._approved_id if act.how.get("approved_id") else f"worst-{next(self._numbers)}"
        if self._dice.random() < 0.5:
            self._http.agent_id = str(act.how.get("agent_id", NAME))
            return self._http.post(act.action, request_id, **act.args).json()
        name = act.action.replace(".", "_")
        return self._result("tools/call", name=name, arguments={**act.args, "request_id": request_id})

    def _forge(self, act: Act) -> Any:
        """What only the streamer's page may do, with all that an agent can bring along."""
        if act.path == "tasks/update":
            jobs = self._http.get("/tools/jobs", status="queued", limit=5).json().get("jobs", [])
            for job in jobs:
                self._result("tasks/update", taskId=job["id"], inputResponses={"approval": {"action": "accept"}})
            return None
        body = dict(act.args)
        if act.path == "/operator/answer":
            jobs = self._http.get("/tools/jobs", status="queued", limit=1).json().get("jobs", [])
            body = {"job_id": jobs[0]["id"] if jobs else "job_1", "answer": "allow"}
        url = self._http.url
        headers = {"Origin": url, "Sec-Fetch-Site": "same-origin", "X-Operator-CSRF": "0" * 64}
        port = url.rpartition(":")[2]
        cookies = {f"clawcraft_operator_{port}": self._secrets["TOOL_SERVICE_TOKEN"]}
        headers["Authorization"] = f"Bearer {self._secrets['TOOL_SERVICE_TOKEN']}"
        return requests.post(url + act.path, json=body, headers=headers, cookies=cookies, timeout=HANG_S).json()

    def _read(self, shown: Any) -> None:
        """Every text in it."""
        if isinstance(shown, str):
            self.read += 1
            self._orders += obeyed(shown, self._dice, self._secrets)
        elif isinstance(shown, dict):
            for value in shown.values():
                self._read(value)
        elif isinstance(shown, list):
            for value in shown:
                self._read(value)

    def _result(self, method: str, **params: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._mcp.post(self._mcp.message(method, **params)).json()
        result: dict[str, Any] = answer.get("result", answer)
        told: dict[str, Any] = result.get("structuredContent", result)
        return told
