"""The file of the named agents: what narrows each of them, and a hash of its token. The token itself is nowhere.

A token is 256 random bits, which nobody finds by trying: so a plain SHA-256 of it is enough. Salt and a slow hash are
for what people think up. Standard library only; several threads and processes may use the file at once.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from clawcraft.actions.catalogue import Limit, Policy, stricter
from clawcraft.clock import rfc3339
from clawcraft.files import LockHeld, locked, private_folder, write_atomically
from clawcraft.secrets import Secret

MAX_AGENTS: Final = 64
LOCK_PATIENCE_S: Final = 2.0

_NAME: Final = re.compile(r"[A-Za-z0-9._:-]{2,120}")
_HASH: Final = re.compile(r"[0-9a-f]{64}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

Stamp = tuple[int, int, int] | None


class AgentFileError(ValueError):
    """The file cannot be read or written, or does not take this change; the message says what to do."""


@dataclass(frozen=True, slots=True)
class NamedAgent:
    """One of them; AgentFileError if no agent_id can be its name. Times are Unix seconds. ``only`` names the actions
    there are for it (None: all of them), ``policy`` and ``limits`` (a minute) narrow what the streamer lets every
    agent do."""

    name: str
    token_hash: str
    created_at: float
    until: float | None = None
    only: frozenset[str] | None = None
    policy: Mapping[str, Policy] = field(default_factory=lambda: _NOTHING)
    limits: Mapping[str, int] = field(default_factory=lambda: _NOTHING)

    def __post_init__(self) -> None:
        check_name(self.name)

    def narrow(self, policy: Policy, action: str) -> Policy:
        """What is left of the general ``policy`` of ``action``."""
        if self.only is not None and action not in self.only:
            return Policy.OFF
        return stricter(policy, self.policy.get(action, Policy.ALLOW))

    def narrow_limit(self, limit: Limit, action: str) -> Limit:
        """What is left of the general ``limit`` of ``action``."""
        per_min = min(limit.per_min, self.limits.get(action, limit.per_min))
        return Limit(per_min, max(1, min(limit.burst, int(per_min))))

    def ended(self, now_s: float) -> bool:
        return self.until is not None and now_s >= self.until

    def described(self) -> str:
        """What narrows it, in words."""
        parts = [] if self.only is None else [f"only {', '.join(sorted(self.only)) or 'nothing'}"]
        parts += [f"{action}={policy}" for action, policy in self.policy.items()]
        parts += [f"{action} {per_min} a minute" for action, per_min in self.limits.items()]
        return "; ".join(parts) or "everything that is allowed"

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "token_sha256": self.token_hash,
            "created_at": rfc3339(self.created_at),
            "until": None if self.until is None else rfc3339(self.until),
            "only": None if self.only is None else sorted(self.only),
            "policy": dict(self.policy),
            "limits": dict(self.limits),
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
    """Named agents in one JSON file, mode 0600, replaced atomically."""

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

    def read(self) -> dict[str, NamedAgent]:
        """By name. Raises AgentFileError where the file does not hold what ``to_json`` gave, OSError."""
        try:
            kept = json.loads(self.path.read_text("utf-8"))
            agents = [_from_json(row) for row in kept["agents"]]
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise AgentFileError(
                f"the named agents in {self.path} cannot be read ({type(error).__name__}: {error}), so none gets in; "
                "move the file away and make the agents anew"
            ) from error
        return {agent.name: agent for agent in agents}

    def add(self, agent: NamedAgent) -> None:
        """Raises AgentFileError, also where the name is taken."""

        def add(agents: dict[str, NamedAgent]) -> None:
            if agent.name in agents:
                raise AgentFileError(f"there is an agent {agent.name!r} already; renew gives it another token")
            if len(agents) >= MAX_AGENTS:
                raise AgentFileError(f"there are {MAX_AGENTS} named agents already; revoke one first")
            agents[agent.name] = agent

        self._change(add)

    def renew(self, name: str, token: Secret, until: float | None = None) -> None:
        """Give ``name`` another token, and with ``until`` another end; the old token is over at once. Raises
        AgentFileError."""

        def renew(agents: dict[str, NamedAgent]) -> None:
            agent = _known(agents, name)
            end = agent.until if until is None else until
            agents[name] = replace(agent, token_hash=hash_of(token), until=end)

        self._change(renew)

    def set_policies(self, name: str, policies: Mapping[str, Policy]) -> None:
        """Narrow what ``name`` may do with these actions; *allow* narrows nothing. Raises AgentFileError."""

        def narrow(agents: dict[str, NamedAgent]) -> None:
            agent = _known(agents, name)
            chosen = {**agent.policy, **policies}
            narrowing = {action: policy for action, policy in chosen.items() if policy is not Policy.ALLOW}
            agents[name] = replace(agent, policy=narrowing)

        self._change(narrow)

    def revoke(self, name: str) -> None:
        """Raises AgentFileError."""

        def revoke(agents: dict[str, NamedAgent]) -> None:
            del agents[_known(agents, name).name]

        self._change(revoke)

    def _change(self, change: Callable[[dict[str, NamedAgent]], None]) -> None:
        try:
            private_folder(self.path.parent)
            # The tool runs beside OBS, and a change reads before it writes.
            with locked(self.path.with_suffix(".lock"), LOCK_PATIENCE_S):
                agents = self.read()
                change(agents)
                rows = [agent.to_json() for agent in agents.values()]
                write_atomically(self.path, json.dumps({"agents": rows}, indent=1).encode())
        except LockHeld as error:
            raise AgentFileError(f"{error}; close it and try again") from error
        except OSError as error:
            raise AgentFileError(f"{self.path} cannot be changed: {error.strerror or error}") from error


def _known(agents: Mapping[str, NamedAgent], name: str) -> NamedAgent:
    if name not in agents:
        raise AgentFileError(f"there is no agent {name!r}; there are: {', '.join(agents) or 'none'}")
    return agents[name]


def _from_json(row: Mapping[str, Any]) -> NamedAgent:
    """Raises ValueError, TypeError, KeyError or AttributeError: what is not understood must not count as permission."""
    if not _HASH.fullmatch(row["token_sha256"]):
        raise ValueError("a token_sha256 is none")
    limits = dict(row["limits"])
    if not all(isinstance(per_min, int) and per_min > 0 for per_min in limits.values()):
        raise ValueError("a limit is not a whole number above 0")
    return NamedAgent(
        name=row["name"],
        token_hash=row["token_sha256"],
        created_at=end_of(row["created_at"]),
        until=None if row["until"] is None else end_of(row["until"]),
        only=None if row["only"] is None else frozenset(map(str, row["only"])),
        policy={str(action): Policy(policy) for action, policy in row["policy"].items()},
        limits=limits,
    )
