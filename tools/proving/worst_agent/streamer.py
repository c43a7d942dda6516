"""The streamer: sets policies, pauses, answers questions and streams alone, all as a person does. Called on the thread
that plays.

What is meant is written into the fake OBS's own timeline, on its UI thread: a loosening before it is asked for, a
tightening once it is in force. Whatever stands between two such lines happened under what they say.
"""

from __future__ import annotations

import random
import threading
from typing import Any, Final

from obs_mock import MockObs
from tests.support.operator_page import PageClient, shown_code
from tests.support.tool_client import ToolClient
from tests.support.waiting import wait_until

POLICIES: Final = ("ask", "off", "allow")
MEANT: Final = "meant "
CHANGED: Final = (
    *("twitch.start_stream", "twitch.stop_stream", "obs.switch_scene", "twitch.post_chat_message", "twitch.set_title"),
    *("twitch.raid", "twitch.announce", "twitch.create_poll", "twitch.set_tags", "twitch.create_marker"),
    *("twitch.run_ad", "obs.screenshot", "twitch.set_game"),
)
YES: Final = 0.2
"""How often a question gets a yes."""


class Streamer:
    """With ``careless`` the service is told to allow everything and never paused, whatever is meant."""

    def __init__(self, obs: MockObs, port: int, service_token: str, dice: random.Random, *, careless: bool) -> None:
        self._obs = obs
        self._dice = dice
        self._careless = careless
        self._page = PageClient(port)
        self._jobs = ToolClient(port, service_token, "streamer-looks")
        self._policies: dict[str, str] = {}
        self._paused = False
        self.did: dict[str, int] = {}
        panel = obs.open_panel()
        obs.click("operator_open")
        self._page.pair(shown_code(panel["operator_code"].long_description or ""))

    def close(self) -> None:
        self._page.close()
        self._jobs.close()

    @property
    def forbidden(self) -> frozenset[str]:
        """What no agent may do until the streamer acts again: each yes is used up by then."""
        return frozenset(action for action in CHANGED if self._paused or self._policies[action] != "allow")

    def newest(self) -> list[Any]:
        """What the service says of the last jobs, for whoever looks into a finding."""
        found: list[Any] = self._jobs.get("/tools/jobs", limit=3).json()["jobs"]
        return found

    def begin(self) -> None:
        for action in CHANGED:
            self._set(action, self._dice.choice(POLICIES[:2]))

    def act(self) -> str | None:
        """One thing that a streamer does; the request_id of a question that got a yes."""
        weights = (30, 40, 30 if self._paused else 5, 12, 7, 0.4)
        what = self._dice.choices(("policy", "answer", "pause", "own stream", "end a stream", "reload"), weights)[0]
        self.did[what] = self.did.get(what, 0) + 1
        if what == "policy":
            self._set(self._dice.choice(CHANGED), self._dice.choice(POLICIES))
        elif what == "answer":
            return self._answer()
        elif what == "pause":
            self._pause()
        elif what == "own stream":
            self._stream()
        elif what == "end a stream":
            self._end()
        elif what == "reload":
            self._obs.reload()
            wait_until(self._is_there, "the service is there again")
        return None

    # --- each ---------------------------------------------------------------------------------------------------------

    def _set(self, action: str, policy: str) -> None:
        order = {"allow": 0, "ask": 1, "off": 2}
        tighter = order[policy] > order[self._policies.get(action, "allow")]
        if not tighter:
            self._mean(f"{action} {policy}")
        self._post("policy", {"action": action, "policy": "allow" if self._careless else policy})
        if tighter:
            self._settle()
            self._mean(f"{action} {policy}")
        self._policies[action] = policy

    def _pause(self) -> None:
        if self._paused:
            self._mean("go on")
        if not self._careless:
            self._post("pause", {"paused": not self._paused})
        if not self._paused:
            self._settle()
            self._mean("pause")
        self._paused = not self._paused

    def _answer(self) -> str | None:
        """No to all that waits but one, which may get a yes: only that one counts until its job has ended."""
        allowed = None
        for question in self._page.state()["state"]["questions"]:
            if question["state"] != "asked":
                continue
            if allowed is None and self._dice.random() < YES:
                allowed = question
            else:
                self._page.post("answer", {"job_id": question["job_id"], "answer": "deny"})
        if allowed is None:
            return None
        self._mean(f"yes {allowed['action']}")
        taken = self._page.post("answer", {"job_id": allowed["job_id"], "answer": "allow"})
        job = self._jobs.ended(allowed["job_id"])
        self._mean(f"yes over {allowed['action']}")
        if taken.status_code == 200:
            self.did["yes"] = self.did.get("yes", 0) + 1
        request_id = job.get("request_id")
        return None if request_id is None else str(request_id)

    def _stream(self) -> None:
        if self._obs.stream.streaming or self._running():
            return
        seen = len(self._obs.timeline())
        self._obs.press_stream_button()
        # Or the click came right after an agent's start, and ends that.
        ends = {"event STREAMING_STARTED", "event STREAMING_STOPPED"}
        wait_until(lambda: ends & set(self._obs.timeline()[seen:]), "the stream begins or ends")

    def _end(self) -> None:
        if not self._obs.stream.streaming:
            return
        seen = len(self._obs.timeline())
        self._obs.press_stream_button()
        wait_until(lambda: "event STREAMING_STOPPED" in self._obs.timeline()[seen:], "the stream ends")

    # --- inside -------------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """What had begun before a tightening may end."""
        wait_until(lambda: not self._running(), "what had begun ends")

    def _running(self) -> list[Any]:
        found: list[Any] = self._jobs.get("/tools/jobs", status="running", limit=1).json()["jobs"]
        return found

    def _mean(self, what: str) -> None:
        written = threading.Event()

        def write() -> None:
            self._obs.recorder.note(MEANT + what)
            written.set()

        self._obs.post(write)
        assert written.wait(60), "the fake OBS does not turn"

    def _post(self, path: str, body: dict[str, Any]) -> None:
        answer = self._page.post(path, body)
        assert answer.status_code == 200, answer.text

    def _is_there(self) -> bool:
        try:
            return self._jobs.get("/health").status_code == 200
        except OSError:
            return False
