"""What the operator page shows at this moment, as JSON. On HTTP workers; reads, and changes nothing.

``state`` is what a person would call different when it differs; ``figures`` change by themselves from moment to moment,
and go along without waking anybody.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clawcraft import VERSION
from clawcraft.actions.catalogue import ACTIONS, BY_NAME, Policy
from clawcraft.authority.agent_file import NamedAgent
from clawcraft.authority.agents import Agents
from clawcraft.authority.approval import Approvals, Question
from clawcraft.authority.audit import AuditTrail
from clawcraft.authority.policy import Policies
from clawcraft.clock import Clock, rfc3339
from clawcraft.jobs.model import Job
from clawcraft.jobs.store import JobStore
from clawcraft.settings import Settings

MAX_QUEUE: Final = 50
_FIGURES: Final = ("uptime_s", "bitrate_kbps", "dropped_frames", "total_frames", "congestion")


@dataclass(frozen=True, slots=True)
class Shown:
    """``tag`` differs whenever ``state`` does, also from one life of the service to the next."""

    tag: str
    state: Mapping[str, Any]
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class PageState:
    """``status`` gives the fields of ``GET /status``, ``checks`` judges them."""

    status: Callable[[], Mapping[str, Any]]
    checks: Callable[[Mapping[str, Any]], list[dict[str, str]]]
    approvals: Approvals
    jobs: JobStore
    policies: Policies
    agents: Agents
    audit: AuditTrail
    settings: Callable[[], Settings]
    clock: Clock

    @property
    def has_picture(self) -> bool:
        """Whether the streamer lets anybody see the program at all."""
        return self.policies.all()["obs.screenshot"] is not Policy.OFF

    def read(self) -> Shown:
        status, policies = self.status(), self.policies.all()
        obs, stream, questions = status["obs"], status["obs"]["stream"], self.approvals.questions()
        asked = {question.job.id for question in questions}
        state = {
            "version": VERSION,
            "obs": {name: obs.get(name) for name in ("version", "responsive", "current_scene")},
            "stream": {name: value for name, value in stream.items() if name not in _FIGURES},
            "channel": (status["twitch"].get("identity") or {}).get("login"),
            "picture": self.has_picture and obs["responsive"],
            "paused": status["paused"],
            "paused_since": status["paused_since"],
            "questions": [self._question(question) for question in questions],
            "queue": [_queued(job) for job in self.jobs.active() if job.id not in asked][:MAX_QUEUE],
            "actions": self._actions(policies),
            "agents": [self._agent(agent) for agent in self.agents.all],
            "checks": [*self.checks(status), *_storage(status["storage"])],
            "audit": self.audit.count,
        }
        figures = {
            **{name: stream.get(name) for name in _FIGURES},
            "remaining_s": {question.job.id: round(self.approvals.remaining_s(question), 2) for question in questions},
            "last_seen": {name: rfc3339(at_s) for name, at_s in self.agents.last_seen.copy().items()},
        }
        text = json.dumps(state, ensure_ascii=True, default=str, sort_keys=True)
        return Shown(hashlib.sha256(text.encode()).hexdigest()[:32], state, figures)

    def _question(self, question: Question) -> dict[str, Any]:
        job, counting = question.job, question.begins_s is not None
        settings = self.settings()
        return {
            **_about(job),
            "args": dict(job.args),
            "for_show": question.for_show,
            "state": "counting" if counting else "asked",
            "total_s": settings.start_countdown_s if counting else settings.approval_timeout_s,
        }

    def _actions(self, policies: Mapping[str, Policy]) -> list[dict[str, Any]]:
        given = self.settings().given_policies
        return [
            {
                "name": action.name,
                "label": action.label,
                "policy": policies[action.name],
                "fixed_by": "the environment of OBS" if action.name in given else None,
            }
            for action in ACTIONS
        ]

    def _agent(self, agent: NamedAgent) -> dict[str, Any]:
        return {
            "name": agent.name,
            "until": None if agent.until is None else rfc3339(agent.until),
            "ended": agent.ended(self.clock.time()),
            "off": agent.off,
            "policies": {action.name: agent.narrow(Policy.ALLOW, action.name) for action in ACTIONS},
            "only": None if agent.only is None else sorted(agent.only),
        }


def _about(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "action": job.action,
        "label": BY_NAME[job.action].label,
        "agent_id": job.agent_id,
        "asked_at": rfc3339(job.created_at),
    }


def _queued(job: Job) -> dict[str, Any]:
    progress = {"percent": job.progress.percent, "message": job.progress.message}
    return {**_about(job), "status": str(job.status), **progress}


def _storage(storage: Mapping[str, Any]) -> list[dict[str, str]]:
    """The checks name the disk only where it refuses."""
    if not storage["ok"]:
        return []
    return [{"name": "storage", "outcome": "ok", "message": "jobs and the audit trail are being stored", "fix": ""}]
