"""What any part may tell of itself: events with fields, and the incident behind an internal error. No state."""

import secrets
import traceback
from dataclasses import dataclass
from typing import Any

from clawcraft.errors import InternalError


class EventLog:
    """Where the parts tell what happened. This one keeps nothing; ``ServiceLog`` writes the service's log."""

    def event(self, name: str, /, **fields: Any) -> None:
        """Record one event. Any thread; never blocks on a disk, never raises. Fields that are None are left out."""


@dataclass(frozen=True, slots=True)
class Happened:
    """What the panel shows of an event: ``action`` empty where the request named none, ``outcome`` a status or an
    error code."""

    at_s: float
    action: str
    agent_id: str
    outcome: str


def incident(log: EventLog, error: Exception, **ids: Any) -> InternalError:
    """A defect as an agent may see it: the traceback goes to the log, and the answer names only its id."""
    incident_id = secrets.token_hex(6)
    log.event("incident", incident_id=incident_id, traceback="".join(traceback.format_exception(error)), **ids)
    return InternalError(
        f"an unexpected error in the service, incident {incident_id}", details={"incident": incident_id}
    )
