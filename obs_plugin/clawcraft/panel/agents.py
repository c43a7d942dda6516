"""The box "Agents": who they are, when each was here last; a new one with its token, and the end of one.

Writing has a thread of its own; the token of a new agent is made here, shown until it is hidden, and nowhere else.
"""

import time
from collections.abc import Callable
from typing import Final

from clawcraft.authority.agent_file import AgentFileError, NamedAgent, check_name, hash_of
from clawcraft.authority.agents import Agents
from clawcraft.obs.script_ui import Box, Button, Choice, Copy, Info, ScriptUi, Text
from clawcraft.panel.access import OVERLAP_S
from clawcraft.panel.fields import AGENT_HANDOVER, SHOWN_AGENT_TOKEN
from clawcraft.panel.handover import Handover, text_for_agent
from clawcraft.panel.press_again import PressAgain
from clawcraft.panel.status import GREEN, GREY, RED, dot, escape, moment
from clawcraft.panel.steps import Steps
from clawcraft.secrets import Secret, new_token
from clawcraft.service import Service

NAME: Final = "agent_name"
CHOSEN: Final = "agent_chosen"
_NAME_HELP: Final = (
    "Each agent gets a token of its own, sees only what it did itself, and can be revoked alone. It sends this name as "
    "its agent_id. tools/agents.py makes agents that may do less than the others."
)
_REVOKE: Final = "Revoke the agent chosen here"
_SURE: Final = "Press again: its token ends, and what it has queued"
_ROTATE: Final = "New token for the agent chosen here; the present one works for one more day"


class NamedAgents:
    """There once the service runs."""

    def __init__(self, service: Service, ui: ScriptUi, writes: Steps) -> None:
        self._service = service
        self._settings = ui.settings
        self._writes = writes
        self._revocation = PressAgain()
        self._token: Secret | None = None
        self._name = ""
        self._note = ""
        self._handover = Handover(
            AGENT_HANDOVER, ui, self._text, lambda: service.note("access copied", agent=self._name)
        )

    def box(self) -> Box:
        assembly = self._service.assembly
        agents = [] if assembly is None else assembly.agents.all
        listed = "" if assembly is None else "<br>".join(_line(agent, assembly.agents) for agent in agents)
        problem = "" if assembly is None else assembly.agents.problem
        token = self._token.reveal() if self._token else ""
        asked = _SURE if self._revocation.asks_again() else _REVOKE
        choices = [("Choose one", ""), *((agent.name, agent.name) for agent in agents)]
        rows = (
            Info("agents_problem", "", f"{dot(RED)}{escape(problem)}" if problem else ""),
            Info("agents_listed", "", listed or "none: every agent uses the token above"),
            Text(NAME, "A new agent's name", help=_NAME_HELP),
            Button("agent_add", "Add an agent", self._add),
            Info("agents_note", "", escape(self._note)),
            *self._handover.rows(),
            Copy(SHOWN_AGENT_TOKEN, "Its token, shown only now", token, visible=bool(token)),
            Button("agent_hide", "I have copied the token: hide it", self._hide, visible=bool(token)),
            Choice(CHOSEN, "An agent", choices, visible=bool(agents)),
            Button("agent_rotate", _ROTATE, self._rotate, visible=bool(agents)),
            Button("agent_revoke", asked, self._revoke, visible=bool(agents)),
        )
        return Box("group_agents", "Agents", rows, assembly is not None)

    def _add(self) -> None:
        self._hide()
        try:
            name = check_name(self._settings.text(NAME).strip())
        except AgentFileError as error:
            self._note = str(error)
            return
        token = self._token = new_token()
        self._name = name
        self._settings.erase(NAME)
        agent = NamedAgent(name, hash_of(token), created_at=time.time())
        self._change(lambda: self._service.agents.add(agent), f"{name} is added; Refresh shows it in the list")

    def _text(self) -> str:
        settings, token = self._service.settings, self._token
        return "" if settings is None or token is None else text_for_agent(settings, token, self._name)

    def _hide(self) -> None:
        self._token = None
        self._note = ""

    def _rotate(self) -> None:
        self._hide()
        name = self._settings.text(CHOSEN)
        if name:
            token, now_s = new_token(), time.time()
            self._token, self._name = token, name
            self._change(
                lambda: self._service.agents.rotate(name, token, now_s + OVERLAP_S, now_s), f"{name} has a new token"
            )

    def _revoke(self) -> None:
        name = self._settings.text(CHOSEN)
        if name and self._revocation.pressed(name):
            self._hide()
            self._change(lambda: self._service.agents.revoke(name), f"{name} is revoked")

    def _change(self, change: Callable[[], None], done: str) -> None:
        self._note = "being stored; press Refresh"

        def write() -> None:
            try:
                change()
            except (AgentFileError, OSError) as error:
                self._token, self._note = None, str(error)
                return
            self._note = done
            self._service.note("agents", change=done.partition(";")[0])
            # What a revoked agent has queued, or is just starting, ends.
            self._service.secrets_changed()

        self._writes.submit(write)


def _line(agent: NamedAgent, agents: Agents) -> str:
    now_s = time.time()
    seen_s = agents.last_seen.get(agent.name)
    words = [f"<b>{escape(agent.name)}</b>", escape(agent.described())]
    if agent.until is not None:
        words.append(f"{'over since' if agent.ended(now_s) else 'until'} {moment(agent.until)}")
    words += [f"former token until {moment(each.until)}" for each in agent.former if now_s < each.until]
    words.append(f"last seen {moment(seen_s)}" if seen_s else "not seen since the service started")
    colour = RED if agent.ended(now_s) else GREEN if seen_s else GREY
    return dot(colour) + " · ".join(words)
