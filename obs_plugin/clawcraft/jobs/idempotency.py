"""What a repeated request gets: the first job, the first answer, or a conflict. Nothing ever runs twice.

Called on HTTP workers. One lock makes deciding and storing one step, and keeps jobs in the worker's queue in the order
in which they were stored. The lock is held for about a store's commit, never while an action runs; whoever ends the
service does not take it, since a disk may hang.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.clock import Clock
from clawcraft.errors import Busy, ClawcraftError, IdempotencyConflict, Interrupted, Stopping, StorageUnavailable
from clawcraft.jobs.answer import Answer, accepted, failed
from clawcraft.jobs.model import Envelope, Job, RequestKey
from clawcraft.jobs.store import JobStore
from clawcraft.settings import Settings
from clawcraft.telemetry.events import EventLog

FALLBACK_WINDOW_S: Final = 60.0
"""How long after its end a job still answers a repeat that has no request_id."""

BUSY_RETRY_S: Final = 1.0
DUPLICATE_MARGIN_S: Final = 5.0
"""A duplicate waits this much longer than the first may run."""

Admit = Callable[[], None]
"""Raises what keeps a request that is not a repeat from running, the rate limit above all."""


@dataclass(slots=True, eq=False)
class Run:
    """A sync action while it runs in this process; ``answer`` is set at its end."""

    envelope: Envelope
    fingerprint: str
    answer: Answer | None = None


@dataclass(eq=False)
class Idempotency:
    """The rules of the contract over the job table and the kept answers. ``waiting`` goes around the wait of a
    holder's duplicate, and says whether there was a place for it."""

    _store: JobStore
    _waiting: Callable[[str], AbstractContextManager[bool]]
    _settings: Callable[[], Settings]
    _clock: Clock
    _log: EventLog

    def __post_init__(self) -> None:
        self._deciding = threading.Lock()
        self._told = threading.Condition()
        """Of the end of a run, or of everything. Held for a moment only."""
        self._running: dict[RequestKey, Run] = {}
        self._stopped = False

    # --- what becomes a job ---------------------------------------------------------------------------------------

    def accept(
        self,
        envelope: Envelope,
        admit: Admit,
        hand_over: Callable[[Job], None],
        ask_until: Callable[[], float] | None = None,
    ) -> Answer:
        """The job of this request: a known one, or else, if ``admit`` lets it, a new one, stored and then given to
        ``hand_over``; with ``ask_until`` (Unix seconds, asked for a new one) one that the streamer has to allow. Raises
        IdempotencyConflict and what ``admit``, ``ask_until`` and the store raise."""
        fingerprint = fingerprint_of(envelope)
        with self._deciding:
            self._refuse_when_stopped()
            first = self._run_with_id_of(envelope, fingerprint)
            if first is None:
                known = self._known_answer(envelope, fingerprint) or self._known_by_mission(envelope, fingerprint)
                if known is not None:
                    return known
                admit()
                job = self._store.create(envelope, fingerprint, None if ask_until is None else ask_until())
                hand_over(job)
                return accepted(job)
        return self._answer_of(first)

    def _known_answer(self, envelope: Envelope, fingerprint: str) -> Answer | None:
        """What its request_id led to before: a job, or the stored answer of a sync action."""
        key = envelope.request_key
        if key is None or not self._store.may_know(key):
            return None
        known = self._store.by_request_key(key)
        if known is not None:
            _refuse_other_use(envelope, known.fingerprint == fingerprint, known.job.action)
            return accepted(known.job).replayed()
        stored = self._store.answers.get(key)
        if stored is None:
            return None
        _refuse_other_use(envelope, stored.fingerprint == fingerprint, stored.action)
        if stored.status is None or stored.body is None:
            error = Interrupted(
                "the service ended while this action ran; it is not known whether it took effect",
                hint="Check whether it took effect before sending it again with a new request_id.",
            )
            return failed(envelope, error).replayed()
        return Answer(stored.status, stored.body).replayed()

    def _known_by_mission(self, envelope: Envelope, fingerprint: str) -> Answer | None:
        if envelope.request_id is not None:
            return None
        known = self._store.latest_without_request_id(envelope)
        if known is None or self._store.other_action_since(known.seq, envelope):
            return None
        if known.fingerprint == fingerprint:
            ended_at = known.job.finished_at
            # A clock set back must not stretch the window, so it is closed on both sides.
            fresh = ended_at is None or abs(self._clock.time() - ended_at) < FALLBACK_WINDOW_S
            return accepted(known.job).replayed() if fresh else None
        if not known.job.status.ended:
            raise IdempotencyConflict(
                f"{envelope.action} with other args is still {known.job.status} in this mission",
                hint="Wait for that job, or give the request a request_id of its own.",
                details={"job_id": known.job.id},
            )
        return None

    # --- what is answered with its result -----------------------------------------------------------------------------

    def claim(self, envelope: Envelope, admit: Admit) -> Answer | Run:
        """The answer to a repeat, also of one that still runs, or a Run: then the caller runs the action and calls
        ``settle``. Raises IdempotencyConflict, Busy, and what ``admit`` and the store raise."""
        fingerprint = fingerprint_of(envelope)
        with self._deciding:
            self._refuse_when_stopped()
            first = self._run_with_id_of(envelope, fingerprint)
            if first is None:
                return self._known_answer(envelope, fingerprint) or self._begin(Run(envelope, fingerprint), admit)
        return self._answer_of(first)

    def _run_with_id_of(self, envelope: Envelope, fingerprint: str) -> Run | None:
        key = envelope.request_key
        first = None if key is None else self._running.get(key)
        if first is not None:
            _refuse_other_use(envelope, first.fingerprint == fingerprint, first.envelope.action)
        return first

    def _begin(self, run: Run, admit: Admit) -> Run:
        admit()
        key = run.envelope.request_key
        if key is not None:
            self._store.answers.begin(key, run.envelope.action, run.fingerprint)
            self._running[key] = run
        return run

    def _answer_of(self, first: Run) -> Answer:
        """Wait for the first of two equal requests."""
        patience_s = self._settings().action_timeout_s + DUPLICATE_MARGIN_S
        with self._waiting(first.envelope.holder) as granted:
            if not granted:
                raise Busy("too many requests wait already", retry_after_s=BUSY_RETRY_S)
            with self._told:
                self._told.wait_for(lambda: first.answer is not None or self._stopped, patience_s)
                if first.answer is not None:
                    return first.answer.replayed()
                self._refuse_when_stopped()
        raise Busy("the first request with this request_id still runs", retry_after_s=BUSY_RETRY_S)

    def settle(self, run: Run, answer: Answer, *, keep: bool) -> None:
        """The end of a run: duplicates get ``answer``; it is kept for repeats, or the request_id is free."""
        key = run.envelope.request_key
        if key is None:
            return
        with self._told:
            run.answer = answer
            self._told.notify_all()
        with self._deciding:
            self._running.pop(key, None)
            try:
                if keep:
                    self._store.answers.finish(key, answer.status, answer.storable().body)
                else:
                    self._store.answers.discard(key)
            except (StorageUnavailable, Stopping) as error:
                # The row still says that the action ran, so a repeat gets 'interrupted' and runs nothing.
                self._log.event("answer_not_stored", request_id=run.envelope.request_id, reason=error.message)

    def stop(self) -> None:
        """Any thread: nothing is accepted from now on, and whoever waits for another request gets Stopping."""
        with self._told:
            self._stopped = True
            self._told.notify_all()

    def _refuse_when_stopped(self) -> None:
        if self._stopped:
            raise Stopping("the service is stopping")


def kept(error: ClawcraftError) -> bool:
    """Whether a failed sync action may have taken effect or would fail again, so that a repeat must not run it."""
    if isinstance(error, Interrupted):
        return True
    if isinstance(error, Stopping):  # cut off on its way to Twitch, or before
        return not error.retryable
    return not error.retryable and error.status != 503


def fingerprint_of(envelope: Envelope) -> str:
    """A digest of agent, action and args. Numbers that JSON holds equal (30 and 30.0) are equal here."""
    canonical = json.dumps(
        [envelope.agent_id, envelope.action, _plain(envelope.args)], sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _refuse_other_use(envelope: Envelope, same: bool, first_action: str) -> None:
    if not same:
        raise IdempotencyConflict(
            f"request_id {envelope.request_id!r} was used before with another agent, action or args",
            details={"request_id": envelope.request_id, "first_action": first_action},
        )
