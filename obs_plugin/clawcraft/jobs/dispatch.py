"""The last checks of a valid request, and then: a job in the table, or a sync handler run here. On HTTP workers.

paused or disabled → idempotency → rate limit → dispatch. Nothing has a side effect before the last step.
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from clawcraft.actions.registry import Action, Envelope, Registry
from clawcraft.authority.pause import PauseSwitch
from clawcraft.errors import ActionDisabled, Busy, ClawcraftError, PausedByOperator
from clawcraft.jobs.answer import Answer, failed, succeeded
from clawcraft.jobs.idempotency import Idempotency, Run, kept
from clawcraft.jobs.model import Job
from clawcraft.telemetry.events import EventLog, incident

__all__ = ["Answer", "DispatchConfig", "Dispatcher"]

BUSY_RETRY_S: Final = 1.0
TWIN_MARGIN_S: Final = 5.0
"""A twin waits this much longer than the first may run."""


@dataclass(frozen=True, slots=True)
class DispatchConfig:
    """The settings the dispatcher looks at, for each request anew."""

    disabled_actions: frozenset[str]
    action_timeout_s: float


class Limiter(Protocol):
    """The rate limit of each action."""

    def take(self, key: str) -> None:
        """Raises RateLimited."""
        ...


class Waiting(Protocol):
    """Places for requests that wait."""

    def waiting(self) -> AbstractContextManager[bool]:
        """Around a wait: True if there was a place."""
        ...


class Dispatcher:
    """See the module. ``hand_over`` takes each new job at once, in the order of their storing; ``sync_slots`` is how
    many sync actions may run at a time, at most half of the HTTP workers, so that a hung Twitch never stops polling."""

    def __init__(
        self,
        registry: Registry,
        idempotency: Idempotency,
        hand_over: Callable[[Job], None],
        limiter: Limiter,
        pause: PauseSwitch,
        waiting: Waiting,
        config: Callable[[], DispatchConfig],
        sync_slots: int,
        log: EventLog,
    ) -> None:
        self._registry = registry
        self._idempotency = idempotency
        self._hand_over = hand_over
        self._limiter = limiter
        self._pause = pause
        self._waiting = waiting
        self._config = config
        self._sync_slots = threading.BoundedSemaphore(sync_slots)
        self._log = log

    def execute(self, envelope: Envelope) -> Answer:
        """The answer to a valid request. Raises ClawcraftError for a refusal; a sync action's own failure is an
        Answer, the very one that a repeat gets."""
        action = self._registry[envelope.action]
        if self._pause.paused:
            raise PausedByOperator("the streamer has paused agent access", details=self._pause.status())
        if envelope.action in self._config().disabled_actions:
            raise ActionDisabled(f"{envelope.action} is switched off")
        if action.run_sync is None:
            return self._idempotency.accept(envelope, lambda: self._limiter.take(action.name), self._hand_over)
        return self._execute_sync(action, envelope)

    def stop(self) -> None:
        """Any thread: every further request, and every twin that waits, gets Stopping."""
        self._idempotency.stop()

    def _execute_sync(self, action: Action, envelope: Envelope) -> Answer:
        slot = _Slot(self._sync_slots)

        def admit() -> None:
            self._limiter.take(action.name)
            slot.take()

        try:
            claim = self._idempotency.claim(envelope, admit)
            if claim.own is not None:
                return self._run(action, claim.own)
        finally:
            slot.give_back()
        if claim.first is not None:
            with self._waiting.waiting() as granted:
                if not granted:
                    raise Busy("too many requests wait already", retry_after_s=BUSY_RETRY_S)
                return self._idempotency.wait_for(claim.first, self._config().action_timeout_s + TWIN_MARGIN_S)
        assert claim.answer is not None
        return claim.answer

    def _run(self, action: Action, run: Run) -> Answer:
        assert action.run_sync is not None
        envelope = run.envelope
        keep = True
        try:
            answer = succeeded(envelope, action.run_sync(envelope))
        except ClawcraftError as error:
            answer, keep = failed(envelope, error), kept(error)
        except Exception as error:  # noqa: BLE001 - a defect of a handler is an answer, and its traceback a log entry
            ids = {"action": envelope.action, "request_id": envelope.request_id, "agent_id": envelope.agent_id}
            answer = failed(envelope, incident(self._log, error, **ids))
        self._idempotency.settle(run, answer, keep=keep)
        return answer


class _Slot:
    """One request's place among the sync actions that run."""

    def __init__(self, slots: threading.BoundedSemaphore) -> None:
        self._slots = slots
        self._taken = False

    def take(self) -> None:
        self._taken = self._slots.acquire(blocking=False)
        if not self._taken:
            raise Busy("too many actions wait for Twitch already", retry_after_s=BUSY_RETRY_S)

    def give_back(self) -> None:
        if self._taken:
            self._taken = False
            self._slots.release()
