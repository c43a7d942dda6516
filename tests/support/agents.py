"""Named agents for tests: what the streamer makes with ``tools/agents.py`` or in the panel."""

from pathlib import Path
from typing import Any

from clawcraft.authority.agent_file import AgentFile, NamedAgent, hash_of
from clawcraft.authority.agents import Agents
from clawcraft.clock import Clock
from clawcraft.secrets import Secret, new_token
from clawcraft.telemetry.events import EventLog
from tests.support.clock import ManualClock


def agents_of(folder: Path, clock: Clock | None = None, log: EventLog | None = None) -> Agents:
    """The agents of the file in ``folder``; none where there is no such folder."""
    return Agents(AgentFile(folder), clock or ManualClock(), log or EventLog())


def no_agents() -> Agents:
    return agents_of(Path("no-such-folder"))


def add_agent(folder: Path, name: str, **narrowed: Any) -> Secret:
    """The token of a new named agent."""
    token = new_token()
    AgentFile(folder).add(NamedAgent(name, hash_of(token), created_at=1_780_000_000.0, **narrowed))
    return token
