"""Which of what is wrong is worth an alert, and when: each once, when it has lasted, and its end as well.

What is wrong is decided elsewhere: by ``checks.py`` and by the jobs' errors. No lock: ``Alerts`` has one around it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from clawcraft.actions.catalogue import BY_NAME
from clawcraft.alerts.alert import Alert, EndedJob, State
from clawcraft.checks import Outcome
from clawcraft.errors import (
    ActionDisabled,
    ApprovalExpired,
    DeniedByOperator,
    Interrupted,
    PausedByOperator,
    RefusedByGuardRail,
    Superseded,
)

WISHED: Final = frozenset(
    error.code
    for error in (
        *(Superseded, Interrupted, DeniedByOperator, ApprovalExpired),
        *(PausedByOperator, ActionDisabled, RefusedByGuardRail),
    )
)
"""How a job ends that somebody wanted to end so."""
REPEAT_S: Final = 600.0
"""The same failure of the same action is told again after that long, with how often it came meanwhile."""
AGAIN_S: Final = 180.0
"""What could not be told, because the receiver did not answer, is told after that long if it is still so."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A check whose ``outcome`` is told once it has lasted ``lasts_s``; its end too, once that has.

    Whatever is not that outcome is its end, unless it is about a ``login``: then only an ok is, and where the check of
    that name is missing nobody is connected, so that nothing is told any more. ``right`` is said where the check is ok,
    ``over`` where it is only not wrong any more; empty for the same.
    """

    outcome: Outcome
    lasts_s: float
    wrong: str
    right: str
    login: str = ""
    over: str = ""


WATCHED: Final = {
    "stream_dropped": Watched(
        *(Outcome.FAILED, 0.0, "The stream ended, and nobody stopped it", "The stream has been started again"),
        over="Somebody has started or stopped the stream since it ended by itself",
    ),
    "obs": Watched(Outcome.FAILED, 10.0, "OBS does not answer", "OBS answers again"),
    "storage": Watched(
        Outcome.FAILED, 10.0, "The disk refuses what the service writes", "The disk takes what the service writes again"
    ),
    "twitch": Watched(Outcome.FAILED, 0.0, "The Twitch login is over", "Twitch is connected again", "twitch"),
    "twitch_token": Watched(
        *(Outcome.WARNING, 60.0, "The Twitch login will be over before long"),
        *("The Twitch login is fine again", "twitch"),
    ),
    "twitch_bot": Watched(
        *(Outcome.FAILED, 0.0, "The bot's Twitch login is over: nobody speaks in chat"),
        *("The bot speaks in chat again", "twitch_bot"),
    ),
}
"""By the name of the check."""


@dataclass(slots=True)
class _Condition:
    """``since_s``: when the check began to say otherwise than what was told last, None while it says the same.
    ``again_s``: when what is wrong is told once more."""

    told: bool = False
    since_s: float | None = None
    again_s: float = math.inf


@dataclass(slots=True)
class _Failure:
    """``over``: the action has worked since it was told."""

    told_s: float
    repeats: int = 0
    over: bool = False


@dataclass(slots=True)
class Conditions:
    """What has been told and is not over. ``now_s`` is monotonic, ``at_s`` Unix time."""

    _conditions: dict[str, _Condition] = field(default_factory=lambda: {name: _Condition() for name in WATCHED})
    _failures: dict[tuple[str, str], _Failure] = field(default_factory=dict)
    """By action and code, so no more than there are of those."""

    @property
    def open(self) -> list[str]:
        return [name for name, condition in self._conditions.items() if condition.told]

    def look(self, checks: Iterable[Mapping[str, str]], now_s: float, at_s: float) -> Iterator[Alert]:
        """What the ``checks`` (as ``checks.watched`` gives them) make worth telling now."""
        checks = list(checks)
        there = {check["name"] for check in checks}
        right = {check["name"] for check in checks if check["outcome"] == Outcome.OK}
        said = {check["name"]: check for check in checks if _is_wrong(check)}
        for name, watched in WATCHED.items():
            condition, check = self._conditions[name], said.get(name)
            if watched.login and watched.login not in there:
                self._conditions[name] = _Condition()
                continue
            in_doubt = check is None and watched.login and name not in right
            is_again = check is not None and now_s >= condition.again_s
            if in_doubt or ((check is not None) == condition.told and not is_again):
                condition.since_s = None
                continue
            if condition.since_s is None:
                condition.since_s = now_s
            if now_s - condition.since_s < watched.lasts_s and not is_again:
                continue
            self._conditions[name] = _Condition(told=check is not None)
            if check is None:
                summary = watched.right if name in right else watched.over or watched.right
                yield Alert(name, State.RECOVERED, summary, at_s)
            else:
                yield Alert(name, State.RAISED, watched.wrong, at_s, check["fix"], check["message"], again=is_again)

    def not_told(self, event: str, now_s: float) -> None:
        """Nobody knows whether it was heard that ``event`` is wrong: it is told once more in AGAIN_S if it still is so
        by then. Its end is told anyway."""
        condition = self._conditions.get(event)
        if condition is not None and condition.told:
            condition.again_s = now_s + AGAIN_S

    def job_ended(self, job: EndedJob, now_s: float, at_s: float) -> Alert | None:
        """What the end of a job makes worth telling."""
        label = BY_NAME[job.action].label
        if job.error is None:
            told = [each for (action, _), each in self._failures.items() if action == job.action and not each.over]
            for each in told:
                each.over = True
            if not told:
                return None
            return Alert("job_failed", State.RECOVERED, f"It works again: {label}", at_s, ids={"action": job.action})
        code = str(job.error["code"])
        if code in WISHED:
            return None
        failure = self._failures.get((job.action, code))
        if failure is not None and now_s - failure.told_s < REPEAT_S:
            failure.repeats += 1
            return None
        repeats = 0 if failure is None else failure.repeats
        self._failures[job.action, code] = _Failure(now_s)
        ids = {"action": job.action, "code": code, "job_id": job.job_id, "agent_id": job.agent_id}
        said, fix = str(job.error["message"]), str(job.error["hint"])
        return Alert("job_failed", State.RAISED, f"It failed: {label} ({code})", at_s, fix, said, ids, repeats)


def _is_wrong(check: Mapping[str, str]) -> bool:
    watched = WATCHED.get(check["name"])
    return watched is not None and check["outcome"] == watched.outcome
