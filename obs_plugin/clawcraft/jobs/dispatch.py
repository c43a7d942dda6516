"""The last step of a valid request that may run: a job in the table, or a handler run here. On HTTP workers.

http route → ``contract.check`` → ``authority`` → here (idempotency → ``admit`` → job table or handler) → ``actions/``.
Nothing has a side effect before the last step. What the streamer wants to be asked about becomes a job, also where it
would be answered with its result otherwise.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from clawcraft.actions.catalogue import BY_NAME, Action, Kind, Needs
from clawcraft.actions.handlers import Handlers, no_progress
from clawcraft.errors import (
    ActionDisabled,
    Busy,
    ClawcraftError,
    DeniedByOperator,
    PausedByOperator,
    RefusedByGuardRail,
)
from clawcraft.jobs.answer import Answer, failed, succeeded
from clawcraft.jobs.idempotency import BUSY_RETRY_S, Idempotency, Run, kept
from clawcraft.jobs.model import Envelope, Job
from clawcraft.jobs.slots import Slots
from clawcraft.telemetry.events import EventLog, incident

ALLOWED: Final = "allowed"
ASKED: Final = "asked"


@dataclass(eq=False)
class Dispatcher:
    """See the module.

    Parameters: ``hand_over`` takes each new job at once, in the order of their storing; ``admit`` raises what keeps a
    request of a holder that is not a repeat from running; ``may`` raises what forbids one by now, ``check_unasked``
    what nobody was asked about; ``must_ask`` tells whether the streamer has to allow this one, and ``ask_until`` until
    when (Unix seconds; raises QueueFull where too
    much of the holder waits already); ``twitch_slots`` are the places for sync actions that are at Twitch, at most half
    of the HTTP workers, so that a hung Twitch never stops polling; ``asked`` (the envelope, how it was decided, the id
    of its job) has an entry of the audit trail on disk before anything happens, and ``ended`` adds to it what a sync
    action came to.
    """

    _handlers: Handlers
    _idempotency: Idempotency
    _hand_over: Callable[[Job], None]
    _admit: Callable[[Action, str], None]
    _may: Callable[[Envelope], None]
    _check_unasked: Callable[[Envelope], None]
    _must_ask: Callable[[Envelope], bool]
    _ask_until: Callable[[str], float]
    _twitch_slots: Slots
    _log: EventLog
    _asked: Callable[[Envelope, str, str | None], str]
    _ended: Callable[[str, Answer], None]

    def execute(self, envelope: Envelope) -> Answer:
        """The answer to a valid request. Raises ClawcraftError for a refusal; a sync action's own failure is an
        Answer, the very one that a repeat gets."""
        action = BY_NAME[envelope.action]
        ask, holder = self._must_ask(envelope), envelope.holder
        if ask or action.kind is Kind.ASYNC:

            def hand_over(job: Job) -> None:
                self._asked(envelope, ASKED if job.is_pending else ALLOWED, job.id)
                self._hand_over(job)

            until = (lambda: self._ask_until(holder)) if ask else None
            return self._idempotency.accept(envelope, lambda: self._admit(action, holder), hand_over, until)
        with contextlib.ExitStack() as held:

            def admit() -> None:
                self._admit(action, envelope.holder)
                if Needs.TWITCH in action.needs:
                    held.enter_context(self._twitch_slot(envelope.holder))

            claimed = self._idempotency.claim(envelope, admit)
            return claimed if isinstance(claimed, Answer) else self._run(action, claimed)

    def stop(self) -> None:
        """Any thread: every further request, and every duplicate that waits, gets Stopping."""
        self._idempotency.stop()

    @contextlib.contextmanager
    def _twitch_slot(self, holder: str) -> Iterator[None]:
        with self._twitch_slots.waiting(holder) as granted:
            if not granted:
                raise Busy("too many actions wait for Twitch already", retry_after_s=BUSY_RETRY_S)
            yield

    def _run(self, action: Action, run: Run) -> Answer:
        envelope = run.envelope
        entry = self._asked(envelope, ALLOWED, None)
        keep = True

        def may() -> None:
            self._may(envelope)
            self._check_unasked(envelope)

        try:
            result = self._handlers.run(action, envelope.args, None, no_progress, may)
            answer = succeeded(envelope, result)
        except (PausedByOperator, ActionDisabled, RefusedByGuardRail, DeniedByOperator) as refusal:
            # As at the door: nothing took effect, and the request_id is free once the streamer allows it again.
            answer, keep = failed(envelope, refusal), False
        except ClawcraftError as error:
            answer, keep = failed(envelope, error), kept(error)
        except Exception as error:  # noqa: BLE001 - a defect of a handler is an answer, and its traceback a log entry
            ids = {"action": envelope.action, "request_id": envelope.request_id, "agent_id": envelope.agent_id}
            answer = failed(envelope, incident(self._log, error, **ids))
        self._ended(entry, answer.storable())
        self._idempotency.settle(run, answer, keep=keep)
        return answer
