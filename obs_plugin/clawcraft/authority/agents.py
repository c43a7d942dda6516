"""Whose token a request carries: the service's own, or that of an agent which the streamer named; and what narrows it.

The holder of the service's token is ``""``: it may use any agent_id and sees every job. A named agent is its name. The
file is looked at each time and read when it has changed, so that a revocation counts at once, whoever wrote it. Any
thread; no lock, since OBS's UI thread asks too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from clawcraft.actions.catalogue import Limit, Policy
from clawcraft.authority.agent_file import AgentFile, AgentFileError, Kept, NamedAgent, Stamp, token_hash
from clawcraft.clock import Clock, rfc3339
from clawcraft.errors import ActionDisabled, AgentMismatch, Unauthorized
from clawcraft.jobs.model import Envelope
from clawcraft.telemetry.events import EventLog

SERVICE_HOLDER: Final = ""
"""The holder of the service's own token."""
_TOKEN_LENGTH: Final = 43


@dataclass(frozen=True, slots=True)
class _Held:
    """Whose a token is; ``until`` is set where another one has come in its place."""

    holder: str
    until: float | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """What the file said when it had ``stamp``."""

    stamp: Stamp = None
    problem: str = ""
    kept: Kept = field(default_factory=Kept)
    by_hash: Mapping[str, _Held] = field(default_factory=dict)


class Agents:
    """The named agents of ``file``. Where it cannot be read there are none, and ``problem`` says so."""

    def __init__(self, file: AgentFile, clock: Clock, log: EventLog) -> None:
        self._file = file
        self._clock = clock
        self._log = log
        self._last_known = _Known()
        self.last_seen: dict[str, float] = {}
        """When each showed its token last, in Unix seconds, since the service began."""

    @property
    def problem(self) -> str:
        """Why the file cannot be read; empty where all is well."""
        return self._known().problem

    @property
    def all(self) -> list[NamedAgent]:
        """Also those whose time is over."""
        return list(self._known().kept.agents.values())

    def of_token(self, token: bytes) -> str | None:
        """The holder of a named agent's ``token``, or of one that was replaced with an overlap; None for one that
        nobody has. Raises Unauthorized once its time is over. Looked up by its hash: how long that takes tells nothing
        about a token."""
        known = self._known()
        held = known.by_hash.get(token_hash(token))
        if held is None:
            return None
        if held.until is not None and self._clock.time() >= held.until:
            raise Unauthorized(
                f"this token was replaced by another, and was good until {rfc3339(held.until)}",
                hint="Use the new token; if you were not given it, ask the streamer.",
            )
        if held.holder == SERVICE_HOLDER:
            return SERVICE_HOLDER
        agent = known.kept.agents[held.holder]
        if agent.until is not None and agent.ended(self._clock.time()):
            raise Unauthorized(
                f"this token was good until {rfc3339(agent.until)}", hint="Ask the streamer for another token."
            )
        self.last_seen[agent.name] = self._clock.time()
        return agent.name

    def named(self, holder: str) -> NamedAgent:
        """Raises ActionDisabled once ``holder`` is revoked or its time over: what it asked for before must not run."""
        agent = self._known().kept.agents.get(holder)
        if agent is None or agent.ended(self._clock.time()):
            raise ActionDisabled(f"the streamer has revoked the agent {holder!r}, or its time is over")
        return agent

    def claim(self, holder: str, envelope: Envelope) -> Envelope:
        """``envelope``, which is ``holder``'s from here on. Raises AgentMismatch where it says another's name."""
        if holder == SERVICE_HOLDER:
            return envelope
        if envelope.agent_id != holder:
            raise AgentMismatch("agent_id is not the name that this token belongs to", details={"agent_id": holder})
        return envelope.held_by(holder)

    def policy(self, general: Policy, action: str, holder: str) -> Policy:
        """What ``holder`` may do with ``action``, given what every agent may. Raises as ``named``."""
        return general if holder == SERVICE_HOLDER else self.named(holder).narrow(general, action)

    def limit(self, general: Limit, action: str, holder: str) -> Limit:
        """How often ``holder`` may use ``action``, given how often every agent may. Raises as ``named``."""
        return general if holder == SERVICE_HOLDER else self.named(holder).narrow_limit(general, action)

    def about(self, holder: str) -> dict[str, Any]:
        """What ``GET /status`` tells a named agent of itself. Raises as ``named``."""
        agent = self.named(holder)
        return {
            "name": agent.name,
            "until": None if agent.until is None else rfc3339(agent.until),
            "limits_per_min": dict(agent.limits),
        }

    @property
    def service_overlap_until(self) -> float | None:
        """Until when the service's former token is good, in Unix seconds; None where there is none."""
        ends = [token.until for token in self._known().kept.service if token.until > self._clock.time()]
        return max(ends, default=None)

    def holds_token(self, text: str) -> bool:
        """Whether ``text`` has a named agent's token in it, with whatever spaces: only its hash is known."""
        by_hash = self._known().by_hash
        packed = "".join(text.split()).encode("utf-8", "replace")  # also with halves of surrogate pairs
        places = range(len(packed) - _TOKEN_LENGTH + 1) if by_hash else ()
        return any(token_hash(packed[place : place + _TOKEN_LENGTH]) in by_hash for place in places)

    def _known(self) -> _Known:
        known = self._last_known
        try:
            stamp = self._file.stamp()
            if stamp == known.stamp and (stamp is not None or not known.problem):
                return known
            kept = self._file.read()
            known = _Known(stamp, "", kept, _by_hash(kept))
        except AgentFileError as error:
            known = _Known(stamp, str(error))
        except OSError as error:  # which may be over the next time
            known = _Known(None, f"the named agents cannot be read: {error}; no named agent gets in")
        if known.problem and known.problem != self._last_known.problem:
            self._log.event("agents_unreadable", reason=known.problem)
        self._last_known = known
        return known


def _by_hash(kept: Kept) -> dict[str, _Held]:
    held = {token.token_hash: _Held(SERVICE_HOLDER, token.until) for token in kept.service}
    for agent in kept.agents.values():
        held |= {token.token_hash: _Held(agent.name, token.until) for token in agent.former}
    return held | {agent.token_hash: _Held(agent.name) for agent in kept.agents.values()}
