"""What the channel showed before a mission changed it, for ``tools/mission.py``, which puts it back at its end.

Standard library only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from claims import UNKNOWN
from mission_agent import CheckFailed, MissionAgent, check
from service_client import NoAnswer

TRIES: Final = 3
NO_GAME: Final = "0"
"""The id with which the tool API and Twitch take a category away."""
LONGEST_WAIT_S: Final = 60.0
"""Where a limit asks for more, it is told in place of waiting."""


def _game(result: Mapping[str, Any]) -> dict[str, Any]:
    return {"game_id": result["previous"]["game_id"] or NO_GAME}


_ARGS: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "twitch.set_title": lambda result: {"title": result["previous"]["title"]},
    "twitch.set_game": _game,
    "twitch.set_tags": lambda result: {"tags": result["previous_tags"]},
    "twitch.set_labels": lambda result: {"labels": result["previous_labels"]},
}
"""What sets again what was there before an answer; in this order, since a category brings labels of its own."""


class Before:
    """Told what is asked for and what it came to; the first that changed something counts."""

    def __init__(self, agent: MissionAgent) -> None:
        self._agent = agent
        self._args: dict[str, dict[str, Any] | None] = {}
        """By action. None until it is answered, empty where what was there is not known."""

    @property
    def changed(self) -> bool:
        return bool(self._args)

    def ask(self, action: str) -> None:
        """``action`` is about to be asked for, and may take effect whatever is answered."""
        if action in _ARGS and action not in self._args:
            self._args[action] = None
        elif action in self._args and self._args[action] is None:
            self._args[action] = {}  # the one before was never heard of: what is told now may be its doing

    def hear(self, action: str, result: object, error: Mapping[str, Any]) -> None:
        """``result`` or ``error`` of the action. After one that may have taken effect and does not tell what was there
        before, what a later one tells may be the mission's own."""
        if action not in self._args or self._args[action] is not None:
            return
        if isinstance(result, dict):
            try:
                args = _ARGS[action](result)
            except (KeyError, TypeError):
                args = {}
            self._args[action] = {name: value for name, value in args.items() if value is not None}
        elif error.get("code") in UNKNOWN:
            self._args[action] = {}
        else:
            del self._args[action]

    def put_back(self) -> str:
        """Set it again; what that was. Raises CheckFailed with what could not be set."""
        done, failed = [], []
        for action in filter(self._args.__contains__, _ARGS):
            args = self._args[action] or {}
            what = " ".join([action.removeprefix("twitch.set_"), *(f"{value!r}" for value in args.values())])
            try:
                self._set(action, args)
                done.append(what)
            except (CheckFailed, NoAnswer, OSError) as error:
                failed.append(f"{what} ({error})")
        check(not failed, f"not put back: {'; '.join(failed)}")
        return "; ".join(done)

    def _set(self, action: str, args: Mapping[str, Any]) -> None:
        check(args, "what was there before is not known")
        for number in range(1, TRIES + 1):
            answer = self._agent.answered(action, f"before-{action}-{number}", **args)
            if answer.result is not None:
                return
            if number == TRIES or not 0 < answer.retry_after_s <= LONGEST_WAIT_S:
                raise CheckFailed(f"{answer.error.get('code')}: {answer.error.get('message')}")
            time.sleep(answer.retry_after_s)
