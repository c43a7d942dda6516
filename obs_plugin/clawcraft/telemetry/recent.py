"""The last thing an agent did and the last that went wrong, for the panel. Passes every event on to the log.

Any thread; never raises.
"""

from dataclasses import dataclass
from typing import Any

from clawcraft.clock import Clock
from clawcraft.telemetry.events import EventLog


@dataclass(frozen=True, slots=True)
class Happened:
    """One event: ``action`` empty where the request named none, ``outcome`` a status or an error code."""

    at_s: float
    action: str
    agent_id: str
    outcome: str


class Recent:
    """An EventLog in front of another."""

    def __init__(self, log: EventLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self.last_action: Happened | None = None
        self.last_error: Happened | None = None

    def event(self, name: str, /, **fields: Any) -> None:
        self._log.event(name, **fields)
        if name not in ("request", "job"):
            return
        outcome = fields.get("code") or fields.get("outcome") or fields.get("status")
        action, agent = str(fields.get("action") or ""), str(fields.get("agent_id") or "")
        happened = Happened(self._clock.time(), action, agent, str(outcome))
        if action:
            self.last_action = happened
        if fields.get("code") or fields.get("status") == "failed":
            self.last_error = happened
