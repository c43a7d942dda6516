"""The allowlist: what an agent may ask for, and nothing else.

A new action is one line in ``service.py``'s registry, one schema in ``schemas/actions/``, one handler and one test.
Handlers are called on an HTTP worker (sync) or on the stream worker (async).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Envelope:
    """One valid request: every field has passed its schema, ``args`` that of its action."""

    action: str
    args: Mapping[str, Any]
    agent_id: str
    request_id: str | None = None
    mission_id: str | None = None
    correlation_id: str | None = None


class JobContext(Protocol):
    """What an async handler is given besides its arguments."""

    @property
    def job_id(self) -> str: ...

    def progress(self, percent: int, message: str) -> None:
        """Persist progress; ``percent`` 0 to 99. Raises Interrupted once the service stops."""
        ...


SyncHandler = Callable[[Envelope], Result]
"""Returns the ``result`` object without ``request_id``; raises ClawcraftError."""

AsyncHandler = Callable[[JobContext, Mapping[str, Any]], Result]
"""Returns the job's ``result``; raises ClawcraftError, which becomes the job's ``error``."""


@dataclass(frozen=True, slots=True)
class Action:
    """One allowed action. Exactly one of the two handlers is set, which decides sync or async."""

    name: str
    description: str
    run_sync: SyncHandler | None = None
    run_async: AsyncHandler | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        if (self.run_sync is None) == (self.run_async is None):
            raise ValueError(f"{self.name}: exactly one handler")

    @property
    def kind(self) -> str:
        return "async" if self.run_async is not None else "sync"


class Registry:
    """Actions by name, in the order given."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._actions = {action.name: action for action in actions}
        if len(self._actions) != len(actions):
            raise ValueError("an action name is there twice")

    def __iter__(self) -> Iterator[Action]:
        return iter(self._actions.values())

    def __contains__(self, name: object) -> bool:
        return name in self._actions

    def __getitem__(self, name: str) -> Action:
        return self._actions[name]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._actions)
