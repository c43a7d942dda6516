"""The file of the named agents: what narrows each of them, and a hash of its token. The token itself is nowhere.

A token is 256 random bits, which nobody finds by trying: so a plain SHA-256 of it is enough. Salt and a slow hash are
for what people think up. Standard library only; several threads and processes may use the file at once.
"""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from clawcraft.actions.catalogue import ACTIONS, Limit, Policy, stricter
from clawcraft.clock import rfc3339
from clawcraft.files import LockHeld, locked, private_folder, write_atomically
from clawcraft.secrets import Secret

MAX_AGENTS: Final = 64
MAX_FORMER: Final = 4
FORMER_KEPT_S: Final = 30 * 86_400.0
"""How long a replaced token is told that it was replaced, and not only that it is wrong."""
LOCK_PATIENCE_S: Final = 2.0

_NAME: Final = re.compile(r"[A-Za-z0-9._:-]{2,120}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Stamp = tuple[int, int, int] | None


class AgentFileError(ValueError):
    """The file cannot be read or written, or does not take this change; the message says what to do."""


@dataclass(frozen=True, slots=True)
class FormerToken:
    """A token beside the one that counts, good until ``until`` (Unix seconds)."""

    token_hash: str
    until: float

    def to_json(self) -> dict[str, str]:
        return {"token_sha256": self.token_hash, "until": rfc3339(self.until)}


@dataclass(frozen=True, slots=True)
class NamedAgent:
    """One of them; AgentFileError if no agent_id can be its name. Times are Unix seconds. ``only`` names the actions
    there are for it (None: all of them), ``policy`` and ``limits`` (a minute) narrow what the streamer lets every
    agent do. While it is ``off`` it may do nothing, and the rest waits until it is on again."""

    name: str
    token_hash: str
    created_at: float
    until: float | None = None
    only: frozenset[str] | None = None
    policy: Mapping[str, Policy] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)
    former: tuple[FormerToken, ...] = ()
    off: bool = False

    def __post_init__(self) -> None:
        check_name(self.name)

    def narrow(self, policy: Policy, action: str) -> Policy:
        """What is left of the general ``policy`` of ``action``."""
        if self.off or (self.only is not None and action not in self.only):
            return Policy.OFF
        return stricter(policy, self.policy.get(action, Policy.ALLOW))

    def narrow_limit(self, limit: Limit, action: str) -> Limit:
        """What is left of the general ``limit`` of ``action``."""
        per_min = min(limit.per_min, self.limits.get(action, limit.per_min))
        return Limit(per_min, max(1, min(limit.burst, int(per_min))))

    def ended(self, now_s: float) -> bool:
        return self.until is not None and now_s >= self.until

    def may_nothing(self) -> bool:
        """Whether every action there is is off for it, be it ``off`` or not."""
        return all(self.narrow(Policy.ALLOW, action.name) is Policy.OFF for action in ACTIONS)

    def described(self) -> str:
        """What narrows it, in words."""
        parts = ["switched off"] if self.off else []
        parts += [] if self.only is None else [f"only {', '.join(sorted(self.only)) or 'nothing'}"]
        parts += [f"{action}={policy}" for action, policy in self.policy.items()]
        parts += [f"{action} {per_min} a minute" for action, per_min in self.limits.items()]
        return "; ".join(parts) or "everything that is allowed"

    def to_json(self) -> dict[str, Any]:
        only = None if self.only is None else sorted(self.only)
        # A version that does not know "off" reads an empty "only": nothing, for actions to come too.
        allowed = {"off": True, "only": [], "only_when_on": only} if self.off else {"only": only}
        return {
            "name": self.name,
            "token_sha256": self.token_hash,
            "created_at": rfc3339(self.created_at),
            "until": None if self.until is None else rfc3339(self.until),
            **allowed,
            "policy": dict(self.policy),
            "limits": dict(self.limits),
            "former": [token.to_json() for token in self.former],
        }


@dataclass(slots=True)
class Kept:
    """What the file holds: the agents by name, and the former tokens of the service's own."""

    agents: dict[str, NamedAgent] = field(default_factory=dict)
    service: tuple[FormerToken, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "agents": [agent.to_json() for agent in self.agents.values()],
            "service": [token.to_json() for token in self.service],
        }


def token_hash(token: bytes) -> str:
    """What the file keeps of a token."""
    return hashlib.sha256(token).hexdigest()


def hash_of(token: Secret) -> str:
    return token_hash(token.reveal().encode())


def check_name(name: str) -> str:
    """``name``. Raises AgentFileError if no agent_id can be it."""
    if not _NAME.fullmatch(name):
        raise AgentFileError(f"{name!r} cannot be an agent's name: 2 to 120 of A-Z a-z 0-9 . _ : -")
    return name


def check_end(agent: NamedAgent, now_s: float) -> NamedAgent:
    """``agent``. Raises AgentFileError if its time is over, so that no token of it would be good."""
    if agent.until is not None and agent.ended(now_s):
        raise AgentFileError(
            f"the time of {agent.name!r} is over since {rfc3339(agent.until)}: give it a later day "
            "(tools/agents.py add or renew, --until)"
        )
    return agent


def end_of(text: str) -> float:
    """The Unix time that ``text`` means: RFC 3339, or a day, which counts to its end; without a zone in the computer's
    own. Raises AgentFileError."""
    try:
        if _DAY.fullmatch(text):
            return (datetime.fromisoformat(text) + timedelta(days=1)).timestamp()
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise AgentFileError(f"{text!r} is not a day (2026-12-31) or a time (2026-12-31T20:00:00+01:00)") from None


class AgentFile:
    """Named agents, and tokens that were replaced with an overlap, in one JSON file, mode 0600, replaced
    atomically."""

    FILE_NAME: Final = "agents.json"

    def __init__(self, folder: Path) -> None:
        self.path = folder / self.FILE_NAME

    def stamp(self) -> Stamp:
        """Differs once the file was changed; None while there is none. Raises OSError."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - asked at each request, and half as dear as Path.stat
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def read(self) -> Kept:
        """Raises AgentFileError where the file does not hold what ``to_json`` gave, OSError."""
        try:
            kept = json.loads(self.path.read_text("utf-8"))
            agents = [_from_json(row) for row in kept["agents"]]
            service = _former(kept.get("service", ()))
        except FileNotFoundError:
            return Kept()
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise AgentFileError(
                f"the named agents in {self.path} cannot be read ({type(error).__name__}: {error}), so none gets in; "
                "move the file away and make the agents anew"
            ) from error
        return Kept({agent.name: agent for agent in agents}, service)

    def add(self, agent: NamedAgent) -> None:
        """Raises AgentFileError, also where the name is taken."""
        with self._changing() as kept:
            if agent.name in kept.agents:
                raise AgentFileError(f"there is an agent {agent.name!r} already; renew gives it another token")
            if len(kept.agents) >= MAX_AGENTS:
                raise AgentFileError(f"there are {MAX_AGENTS} named agents already; revoke one first")
            kept.agents[agent.name] = agent

    def renew(self, name: str, token: Secret, now_s: float, until: float | None = None) -> None:
        """Give ``name`` another token, and with ``until`` another end; every other token of it is over at once. Raises
        AgentFileError, also where the new one would be over too."""
        with self._changing() as kept:
            agent = _known(kept.agents, name)
            end = agent.until if until is None else until
            renewed = replace(agent, token_hash=hash_of(token), until=end, former=())
            kept.agents[name] = check_end(renewed, now_s)

    def rotate(self, name: str, token: Secret, old_until: float, now_s: float) -> None:
        """Give ``name`` another token; the old one is good until ``old_until``. Raises AgentFileError, also where the
        agent is over."""
        with self._changing() as kept:
            agent = check_end(_known(kept.agents, name), now_s)
            former = _with((*agent.former, FormerToken(agent.token_hash, old_until)), now_s)
            kept.agents[name] = replace(agent, token_hash=hash_of(token), former=former)

    def rotate_service(self, old: Secret, new: Secret, old_until: float, now_s: float) -> None:
        """The service's ``old`` token is good until ``old_until``. The new one counts here as well until then: a
        service that runs may read it from its store a minute later. Raises AgentFileError."""
        both = (FormerToken(hash_of(old), old_until), FormerToken(hash_of(new), old_until))
        with self._changing() as kept:
            others = (token for token in kept.service if token.token_hash not in {each.token_hash for each in both})
            kept.service = _with((*others, *both), now_s)

    def end_service_overlap(self) -> None:
        """Every former token of the service is over at once. Raises AgentFileError."""
        if self.path.exists():
            with self._changing() as kept:
                kept.service = ()

    def set_policies(self, name: str, policies: Mapping[str, Policy]) -> None:
        """Narrow what ``name`` may do with these actions; *allow* narrows nothing. Raises AgentFileError."""
        with self._changing() as kept:
            agent = _known(kept.agents, name)
            chosen = {**agent.policy, **policies}
            narrowing = {action: policy for action, policy in chosen.items() if policy is not Policy.ALLOW}
            kept.agents[name] = replace(agent, policy=narrowing)

    def switch(self, name: str, *, on: bool) -> None:
        """Off is nothing at all; on is what it may otherwise. One that may nothing without being off loses its policies
        by on. Raises AgentFileError."""
        with self._changing() as kept:
            agent = _known(kept.agents, name)
            if on and not agent.off and agent.may_nothing():
                agent = replace(agent, policy={})
            kept.agents[name] = replace(agent, off=not on)

    def revoke(self, name: str) -> None:
        """With every token it has. Raises AgentFileError."""
        with self._changing() as kept:
            del kept.agents[_known(kept.agents, name).name]

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Kept]:
        """What the file holds, to be changed; written when the block ends."""
        try:
            private_folder(self.path.parent)
            # The tool runs beside OBS, and a change reads before it writes.
            with locked(self.path.with_suffix(".lock"), LOCK_PATIENCE_S):
                kept = self.read()
                yield kept
                write_atomically(self.path, json.dumps(kept.to_json(), indent=1).encode())
        except LockHeld as error:
            raise AgentFileError(f"{error}; close it and try again") from error
        except OSError as error:
            raise AgentFileError(f"{self.path} cannot be changed: {error.strerror or error}") from error


def _with(former: tuple[FormerToken, ...], now_s: float) -> tuple[FormerToken, ...]:
    """The newest of those that are good still, or were not long ago."""
    return tuple(token for token in former if now_s < token.until + FORMER_KEPT_S)[-MAX_FORMER:]


def _former(rows: Any) -> tuple[FormerToken, ...]:
    """Raises as ``_from_json``."""
    return tuple(FormerToken(_hash(row), end_of(row["until"])) for row in rows)


def _hash(row: Mapping[str, Any]) -> str:
    if not _HASH.fullmatch(row["token_sha256"]):
        raise ValueError("a token_sha256 is none")
    return str(row["token_sha256"])


def _known(agents: Mapping[str, NamedAgent], name: str) -> NamedAgent:
    if name not in agents:
        raise AgentFileError(f"there is no agent {name!r}; there are: {', '.join(agents) or 'none'}")
    return agents[name]


def _from_json(row: Mapping[str, Any]) -> NamedAgent:
    """Raises ValueError, TypeError, KeyError or AttributeError: what is not understood must not count as permission."""
    off = row.get("off", False)
    if not isinstance(off, bool):
        raise ValueError("off is neither true nor false")
    only = row["only_when_on" if off else "only"]
    limits = dict(row["limits"])
    if not all(isinstance(per_min, int) and per_min > 0 for per_min in limits.values()):
        raise ValueError("a limit is not a whole number above 0")
    return NamedAgent(
        name=row["name"],
        token_hash=_hash(row),
        created_at=end_of(row["created_at"]),
        until=None if row["until"] is None else end_of(row["until"]),
        only=None if only is None else frozenset(map(str, only)),
        policy={str(action): Policy(policy) for action, policy in row["policy"].items()},
        limits=limits,
        former=_former(row.get("former", ())),
        off=off,
    )
