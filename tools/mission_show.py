"""A show as an agent plays it, for ``tools/mission.py``: each action that ``GET /tools`` says is on, in a sensible
order, again and again until its time is over, and what Twitch shows and says meanwhile.

Everything the service answers is a claim; a ``Witness``, if there is one, says whether it is true. Standard library
only.
"""

from __future__ import annotations

import collections
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from claims import Claim
from clawcraft.actions.catalogue import BY_NAME
from mission_agent import CheckFailed, MissionAgent
from mission_before import Before
from mission_report import Played
from witness import Witness

PAUSE_S: Final = 4.0
"""Between two steps of a show that lasts; less where two rounds would not fit into it."""
MARGIN: Final = 1.05
"""Nobody asks again at the very moment a limit allows."""
NORMAL: Final = frozenset(
    {
        *("channel_offline", "chat_message_dropped", "rate_limited", "twitch_rejected"),
        *("denied_by_operator", "approval_expired", "refused_by_guard_rail", "paused_by_operator"),
    }
)
"""Refusals that belong to a show: by Twitch, by the streamer, by a limit. Others are failures."""
GAMES: Final = ("Just Chatting", "Software and Game Development", "Art")
MESSAGES: Final = ("Mission check, message {}", "Mission check", "Mission check: {} was held", "Mission check: blocked")
"""Some repeat themselves, and hold words that a channel may hold back or refuse."""
COLOURS: Final = ("blue", "green", "orange", "purple", "primary")
EVENTS_WAIT_S: Final = 1


class MissionShow:
    """``report`` is told each claim as it comes. ``target`` is the channel for shoutout and raid: without one neither
    is played; so with ``scene``."""

    def __init__(
        self,
        agent: MissionAgent,
        title: str,
        report: Callable[[Played], None],
        witness: Witness | None = None,
        target: str = "",
        scene: str = "",
    ) -> None:
        self._agent = agent
        self._title = title
        self._report = report
        self._witness = witness
        self._target = target
        self._scene = scene
        self._numbers: collections.Counter[str] = collections.Counter()
        self._not_before: dict[str, float] = {}
        self._clips: list[str] = []
        self._poll = ""
        self._cursor = ""
        self._written: dict[str, dict[str, str]] = {}
        self._heard: dict[str, str] = {}
        self._said: list[str] = []
        self._gaps = False
        self.before = Before(agent)
        self.played: list[Played] = []

    # --- the show --------------------------------------------------------------------------------------------------

    def play(self, minutes: float) -> None:
        """One round without pauses for 0 minutes, else rounds until they are over. The stream has to be up. Raises
        NoAnswer."""
        on = self._switched_on()
        self._begin_to_hear()
        until = time.monotonic() + minutes * 60
        steps = ("GET /channel", *(name for name in PLAYS if name in on), "GET /status", "GET /events")
        pause_s = min(PAUSE_S, minutes * 60 / (2 * len(steps)))
        while True:
            for name in steps:
                if minutes and time.monotonic() >= until:
                    return
                self._step(name)
                time.sleep(pause_s)
            if not minutes:
                return

    def end(self) -> None:
        """What was still to be heard, once nothing more is said. Raises NoAnswer."""
        if not self._cursor:
            return
        while self._events():
            pass
        if not self._gaps:
            now = time.time()
            said, args = {"heard": list(self._heard)}, {"written": [*self._written, *self._said]}
            self.claim(Claim("nothing missed", now, now, said, args), f"{len(self._heard)} messages heard")

    def claim(self, claim: Claim, what: str, failure: str = "") -> None:
        """Note it, with what the witness says."""
        otherwise = None if self._witness is None else self._witness.judge(claim)
        played = Played(claim, what, otherwise, failure or (f"not true: {otherwise}" if otherwise else ""))
        self.played.append(played)
        self._report(played)

    def followed(self, kind: str, asked_s: float, job: Mapping[str, Any]) -> None:
        """A job that has ended, as a claim."""
        error = job.get("error")
        if error:
            self._refusal(kind, asked_s, {}, error)
        else:
            self.claim(Claim(kind, asked_s, time.time(), job["result"]), _words(job["result"]))

    def _switched_on(self) -> set[str]:
        tools = self._agent.get("/tools").body.get("tools", [])
        return {tool["name"] for tool in tools if tool["policy"] != "off"}

    def _step(self, name: str) -> None:
        try:
            if name == "GET /channel":
                self._channel()
            elif name == "GET /status":
                self._status()
            elif name == "GET /events":
                self._viewer_writes()
                self._events()
            elif time.monotonic() >= self._not_before.get(name, 0.0):
                args = PLAYS[name](self)
                if args is not None:
                    self._act(name, args)
        except (CheckFailed, KeyError, TypeError, AttributeError) as error:
            seen = (
                str(error) if isinstance(error, CheckFailed) else f"the answer lacks a part of the contract: {error!r}"
            )
            now = time.time()
            self.claim(Claim(_kind(name), now, now, {}, refused="not_the_contract"), seen, seen)

    def _act(self, name: str, args: Mapping[str, Any]) -> None:
        kind, asked_s = _kind(name), time.time()
        number = self.next(name)
        row = BY_NAME.get(name)
        if row is not None and row.limit is not None:
            self._not_before[name] = time.monotonic() + MARGIN * 60 / row.limit.per_min
        self.before.ask(name)
        answer = self._agent.answered(name, f"{kind}-{number}", **args)
        result, error = answer.result, answer.error
        self.before.hear(name, result, error)
        if result is None:
            self._refusal(kind, asked_s, args, error)
            wait_s = answer.retry_after_s
            self._not_before[name] = max(self._not_before.get(name, 0.0), time.monotonic() + wait_s * MARGIN)
        else:
            said = {key: value for key, value in result.items() if key != "data"}
            self.claim(Claim(kind, asked_s, time.time(), said, args), _words(said))
            self._remember(kind, result)

    def _refusal(self, kind: str, asked_s: float, args: Mapping[str, Any], error: Mapping[str, Any]) -> None:
        code = str(error["code"])
        failure = "" if code in NORMAL else f"{code}: {error['message']}"
        self.claim(Claim(kind, asked_s, time.time(), error, args, code), f"not done, {code}", failure)

    def _remember(self, kind: str, result: Mapping[str, Any]) -> None:
        if kind == "create_clip":
            self._clips.append(result["clip_id"])
        elif kind == "get_clip":
            self._clips.remove(result["clip_id"])
            if not result["confirmed"]:
                self._clips.append(result["clip_id"])
        elif kind == "post_chat_message":
            self._said.append(result["message_id"])
        elif kind == "create_poll":
            self._poll = result["poll_id"]
        elif kind == "end_poll":
            self._poll = ""

    # --- what Twitch shows and says --------------------------------------------------------------------------------

    def _channel(self) -> None:
        asked_s = time.time()
        reply = self._agent.get("/channel")
        if reply.status != 200:
            self._refusal("shown channel", asked_s, {}, reply.error)
            return
        for name in ("channel", "stream", "latest_clip", "next_ad"):
            section = reply.body[name]
            if section["data"] is not None:
                says = {**section["data"], "as_of": section["as_of"]}
                words = ("title", "live", "viewers", "id", "next_ad_at")
                what = ", ".join(f"{key} {says[key]!r}" for key in words if key in says)
                self.claim(Claim(f"shown {name}", asked_s, time.time(), says), f"{what} ({section['age_s']} s old)")

    def _status(self) -> None:
        asked_s = time.time()
        stream = self._agent.get("/status").body["obs"]["stream"]
        self.claim(Claim("on air", asked_s, time.time(), stream), f"OBS is {stream['state']}")

    def _begin_to_hear(self) -> None:
        reply = self._agent.get("/events")
        if reply.status == 200 and reply.body["enabled"]:
            self._cursor = reply.body["next_cursor"]

    def _viewer_writes(self) -> None:
        """At the local Twitch alone somebody does when asked."""
        if self._witness is not None and self._cursor:
            text, user = f"viewer's message {self.next('viewer')}", "viewer"
            self._written[self._witness.viewer_writes(text, user)] = {"text": text, "user": user}

    def _events(self) -> int:
        """How many there were."""
        if not self._cursor:
            return 0
        asked_s = time.time()
        reply = self._agent.get("/events", cursor=self._cursor, wait=EVENTS_WAIT_S)
        if reply.status != 200:
            self._refusal("heard chat", asked_s, {}, reply.error)
            return 0
        self._cursor = reply.body["next_cursor"]
        for event in reply.body["events"]:
            what = event.get("text") or event.get("message") or ""
            if event["type"] == "chat":
                self._heard[event["message_id"]] = event["user"]["login"]
            self._gaps = self._gaps or event["type"] == "gap"
            args = self._written.get(event.get("message_id", ""), {})
            self.claim(Claim(f"heard {event['type']}", asked_s, time.time(), event, args), what)
        return len(reply.body["events"])

    # --- what the plays need ---------------------------------------------------------------------------------------

    def next(self, name: str) -> int:
        """1, 2, 3 … for each name."""
        self._numbers[name] += 1
        return self._numbers[name]

    def title(self) -> str:
        return f"{self._title}, part {self._numbers['twitch.set_title'] + 1}"

    def message(self) -> dict[str, Any]:
        number = self._numbers["twitch.post_chat_message"]
        text = MESSAGES[number % len(MESSAGES)].format(number + 1)
        viewers = [each for each in self._heard if each not in self._said]
        return {"message": text} | ({"reply_parent_message_id": viewers[-1]} if viewers and number % 2 else {})

    def clip_to_find(self) -> dict[str, Any] | None:
        return {"clip_id": self._clips[0]} if self._clips else None

    def poll_to_end(self) -> dict[str, Any] | None:
        return {"poll_id": self._poll} if self._poll else None

    def count(self, name: str) -> int:
        return self._numbers[name]

    def at_target(self) -> dict[str, Any] | None:
        return {"target": self._target} if self._target else None

    def at_scene(self) -> dict[str, Any] | None:
        return {"obs_scene": self._scene} if self._scene else None


Play = Callable[[MissionShow], Mapping[str, Any] | None]
PLAYS: Final[Mapping[str, Play]] = {
    "twitch.set_title": lambda show: {"title": show.title()},
    "twitch.set_game": lambda show: {"game": GAMES[show.count("twitch.set_game") % len(GAMES)]},
    "twitch.set_tags": lambda show: {"tags": ["MissionCheck", f"Part{show.count('twitch.set_tags') + 1}"]},
    "twitch.set_labels": lambda show: {"labels": ["ProfanityVulgarity"][show.count("twitch.set_labels") % 2 :]},
    "twitch.post_chat_message": lambda show: show.message(),
    "twitch.announce": lambda show: {
        "message": f"Mission check {show.count('twitch.announce') + 1}",
        "colour": COLOURS[show.count("twitch.announce") % len(COLOURS)],
    },
    "twitch.create_marker": lambda show: {"description": f"Mission check {show.count('twitch.create_marker') + 1}"},
    "twitch.create_clip": lambda show: {"title": f"Mission check {show.count('twitch.create_clip') + 1}"},
    "twitch.create_poll": lambda _: {"title": "Mission check?", "choices": ["Yes", "No", "Later"], "duration": 120},
    "twitch.shoutout": lambda show: show.at_target(),
    "twitch.get_clip": lambda show: show.clip_to_find(),
    "twitch.end_poll": lambda show: show.poll_to_end(),
    "twitch.raid": lambda show: show.at_target(),
    "twitch.cancel_raid": lambda show: {} if show.at_target() else None,
    "twitch.run_ad": lambda _: {"length": 30},
    "twitch.snooze_ad": lambda _: {},
    "obs.switch_scene": lambda show: show.at_scene(),
    "obs.screenshot": lambda _: {},
}
"""Each action in the order of a round, and its arguments now; None where it has nothing to do. Start and stop are the
mission's own."""


def _kind(name: str) -> str:
    return name.removeprefix("twitch.")


def _words(result: Mapping[str, Any]) -> str:
    keys = ("status", "verified", "confirmed", "message_id", "clip_id", "position_s", "target", "live")
    return ", ".join(str(result[key]) if key == "status" else f"{key} {result[key]}" for key in keys if key in result)
