"""One alert, as it waits to be sent. No state."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """What an alert says of its event."""

    RAISED = "raised"
    RECOVERED = "recovered"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Alert:
    """``summary`` and ``fix`` are our own words; ``said`` and ``ids`` can hold those of agents and of Twitch.
    ``repeats``: how often the same came since it was told last. ``again``: it was told before, in vain."""

    event: str
    state: State
    summary: str
    at_s: float
    fix: str = ""
    said: str = ""
    ids: Mapping[str, str] = field(default_factory=dict)
    repeats: int = 0
    again: bool = False
    id: str = field(default_factory=lambda: f"alert_{secrets.token_hex(8)}")
    """The same in each try: a receiver that got it twice can tell."""


@dataclass(frozen=True, slots=True)
class EndedJob:
    """What the alerts need of a job that ended; ``error`` is its error object, None for success."""

    job_id: str
    action: str
    agent_id: str
    error: Mapping[str, Any] | None
