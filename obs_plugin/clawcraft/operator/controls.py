"""What the streamer does on the page: by the same parts as the panel, in force when the answer leaves. HTTP workers.

Each change is on disk in the audit trail by then too, so that the page that asks for it sees itself act.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.actions.catalogue import BY_NAME, Policy
from clawcraft.authority.agent_file import AgentFile, AgentFileError
from clawcraft.authority.approval import Approvals
from clawcraft.authority.audit import AuditTrail
from clawcraft.authority.pause import PauseSwitch
from clawcraft.authority.policy import ChosenPolicies
from clawcraft.errors import ClawcraftError, InvalidRequest, JobNotFound, StorageUnavailable
from clawcraft.settings import Settings

BY: Final = "operator page"
ANSWERS: Final = ("allow", "allow_for_show", "deny")
_TOO_LATE: Final = "Look at 'What agents did': it was answered elsewhere, its time is over, or its agent gave up."


@dataclass(frozen=True)
class Controls:
    """``forbid`` ends what the streamer forbids by a change; ``changed`` tells whoever shows it."""

    approvals: Approvals
    pause: PauseSwitch
    chosen: ChosenPolicies
    agents: AgentFile
    audit: AuditTrail
    settings: Callable[[], Settings]
    keep_paused: Callable[[], bool]
    forbid: Callable[[], None]
    changed: Callable[[], None]

    def answer(self, body: Mapping[str, Any]) -> None:
        """``{"job_id", "answer"}``. Raises InvalidRequest, JobNotFound where no such question waits."""
        job_id, answer = _text(body, "job_id"), _one_of(body, "answer", ANSWERS)
        if answer == "deny":
            taken = self.approvals.deny(BY, job_id)
        else:
            taken = self.approvals.allow(BY, job_id, for_show=answer == "allow_for_show")
        if not taken:
            raise JobNotFound("this question does not wait any more", hint=_TOO_LATE)

    def switch_pause(self, body: Mapping[str, Any]) -> None:
        """``{"paused"}``. Raises InvalidRequest, StorageUnavailable: a pause counts all the same."""
        if body.get("paused") not in (True, False):
            raise _refusal("paused", "must be true or false")
        try:
            if body["paused"]:
                self.pause.pause(survive_restart=self.keep_paused())
            else:
                self.pause.resume()
        except OSError as error:
            raise StorageUnavailable(f"the pause cannot be stored: {error.strerror or error}") from error
        self._done()

    def set_policy(self, body: Mapping[str, Any]) -> None:
        """``{"action", "policy"}``, with ``"agent"`` for one agent only. Raises InvalidRequest, StorageUnavailable."""
        action, policy = _one_of(body, "action", tuple(BY_NAME)), Policy(_one_of(body, "policy", tuple(Policy)))
        if body.get("agent") is not None:
            agent = _text(body, "agent")
            self._change_agent(agent, lambda: self.agents.set_policies(agent, {action: policy}), {action: str(policy)})
            return
        if action in self.settings().given_policies:
            raise _refusal("action", "has its policy from the environment of OBS (TOOL_ACTION_POLICY)")
        self.chosen.choose({action: policy})
        self.chosen.save()
        self.audit.operator("policies", **{action: str(policy)}, by=BY)
        self._done()
        if self.chosen.problem:
            raise StorageUnavailable(self.chosen.problem)

    def switch_agent(self, body: Mapping[str, Any]) -> None:
        """``{"agent", "on"}``, as ``AgentFile.switch``. Raises as ``set_policy``."""
        if body.get("on") not in (True, False):
            raise _refusal("on", "must be true or false")
        agent, on = _text(body, "agent"), bool(body["on"])
        self._change_agent(agent, lambda: self.agents.switch(agent, on=on), {"switched": "on" if on else "off"})

    def _change_agent(self, agent: str, change: Callable[[], None], told: Mapping[str, str]) -> None:
        try:
            change()
        except AgentFileError as error:
            raise InvalidRequest(str(error), hint="Look at the list of agents again.") from error
        self.audit.operator("agents", agent=agent, **told, by=BY)
        self.forbid()
        self._done()

    def _done(self) -> None:
        self.audit.store()
        self.changed()


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 200:
        raise _refusal(name, "must be a text of 1 to 200 characters")
    return value


def _one_of(body: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    value = body.get(name)
    if not isinstance(value, str) or value not in choices:
        raise _refusal(name, f"must be one of {', '.join(choices)}")
    return value


def _refusal(name: str, message: str) -> ClawcraftError:
    return InvalidRequest(f"{name} {message}", hint="Reload the operator page: it may be older than the service.")
