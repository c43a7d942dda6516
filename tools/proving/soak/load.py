"""What goes on meanwhile: agents that ask again and again, one that listens, the operator page, viewers in chat; each
on a thread of its own. What fails is kept, and fails the soak."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable
from typing import Any, Final

import requests

from bench.agent import Agent
from clawcraft.twitch.eventsub import SEEN_IDS
from tests.support.operator_page import PageClient
from tests.support.tool_client import ToolClient
from twitch_sim import TwitchSim

LOOKS: Final = ("/health", "/tools/jobs?limit=5", "/status", "/tools", "/tools/jobs?status=failed")
TITLE_EVERY: Final = 40
"""One in so many requests changes the title, at Twitch too."""
ASKED: Final = "twitch.set_game"
"""What the streamer is asked about, and allows on the page."""
ASK_EVERY_S: Final = 10.0
CHAT_EVERY_S: Final = 0.5
_ROUND_S: Final = 5.0
_BROKEN: Final = (
    *(OSError, http.client.HTTPException, requests.RequestException),
    *(AssertionError, ValueError, KeyError, TimeoutError),
)


class Tally:
    """Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.done = 0
        self.failures: list[str] = []

    def count(self) -> None:
        with self._lock:
            self.done += 1

    def failed(self, what: str, error: BaseException) -> None:
        with self._lock:
            self.failures.append(f"{what}: {type(error).__name__}: {str(error)[:300]}")


class Asking(Agent):
    """The bench's agent, with arguments."""

    def set_title(self, title: str) -> None:
        body = {"agent_id": "soak", "action": "twitch.set_title", "args": {"title": title}}
        self._exchange("POST", "/tools/execute", json.dumps(body))


class Load:
    """Everything but the starts and stops. ``begin``, then ``end``."""

    def __init__(self, port: int, token: str, page_token: str, twitch: TwitchSim, rate_per_s: int) -> None:
        self.tally = Tally()
        self._port = port
        self._token = token
        self._page_token = page_token
        self._twitch = twitch
        self._over = threading.Event()
        self._ids = itertools.count()
        agents = 4 if rate_per_s >= 20 else 1
        works: dict[str, Callable[[], None]] = {
            f"agent {number}": lambda: self._ask(rate_per_s / agents) for number in range(agents)
        }
        works |= {"listener": self._listen, "page": self._page, "asked": self._be_asked, "chat": self._chat}
        self._threads = [threading.Thread(target=work, name=f"soak {name}") for name, work in works.items()]

    def begin(self) -> None:
        """First of all what is kept of the newest events is full: it grows by right until then."""
        for _ in range(SEEN_IDS):
            self._chatter()
            time.sleep(0.005)
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, rate_per_s: float) -> None:
        """So many a second; who comes late goes on from there."""
        agent = Asking(self._port, self._token)
        next_s = time.monotonic()
        while not self._over.wait(max(0.0, next_s - time.monotonic())):
            next_s = max(next_s + 1 / rate_per_s, time.monotonic() - 1.0)
            number = next(self._ids)
            try:
                if number % TITLE_EVERY:
                    agent.get(LOOKS[number % len(LOOKS)])
                else:
                    agent.set_title(f"Soak {number}")
                self.tally.count()
            except _BROKEN as error:
                self.tally.failed("an agent", error)
                agent.close()
                agent = Asking(self._port, self._token)
        agent.close()

    def _listen(self) -> None:
        agent = ToolClient(self._port, self._token, "listener")
        cursor: dict[str, str] = {}
        while not self._over.is_set():
            try:
                page = agent.get("/events", wait=_ROUND_S, **cursor).json()
                cursor = {"cursor": page["next_cursor"]}
                self.tally.count()
            except _BROKEN as error:
                self.tally.failed("the listener", error)
        agent.close()

    def _page(self) -> None:
        page = PageClient(self._port)
        page.session.cookies.set(f"clawcraft_operator_{self._port}", self._page_token, path="/operator")
        tag, answered = "", set[str]()
        while not self._over.is_set():
            try:
                if "X-Operator-CSRF" not in page.headers:
                    page.headers["X-Operator-CSRF"] = page.get("session").json()["csrf"]
                body = page.state(tag, _ROUND_S)
                tag = str(body["tag"])
                for question in body.get("state", {}).get("questions", ()):
                    if question["job_id"] not in answered:
                        answered.add(question["job_id"])
                        page.post("answer", {"job_id": question["job_id"], "answer": "allow"}).raise_for_status()
                self.tally.count()
            except _BROKEN as error:
                self.tally.failed("the page", error)
        page.close()

    def _be_asked(self) -> None:
        agent = ToolClient(self._port, self._token, "careful")
        while not self._over.wait(ASK_EVERY_S):
            try:
                job = agent.run(ASKED, f"soak-asked-{next(self._ids)}", game="Just Chatting")
                assert job["status"] == "done", job
                self.tally.count()
            except _BROKEN as error:
                self.tally.failed("the asked one", error)
        agent.close()

    def _chat(self) -> None:
        while not self._over.wait(CHAT_EVERY_S):
            self._chatter()

    def _chatter(self) -> None:
        self._twitch.world.eventsub.chat("somebody has something to say about the game")


def run_job(agent: ToolClient, tally: Tally, action: str, request_id: str) -> dict[str, Any]:
    """A start or a stop, to its end."""
    try:
        job = agent.run(action, request_id)
        assert job["status"] == "done", job.get("error")
        tally.count()
        return job
    except _BROKEN as error:
        tally.failed(action, error)
        return {}
