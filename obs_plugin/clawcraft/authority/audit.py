"""The audit trail: what agents asked, who let it through, what it came to, and what the streamer did meanwhile.

An entry is on disk before its action does anything: that of a sync action and of a question when ``asked`` returns.
That of a job comes while it runs, since the job lies in the job table, of which it is made up if OBS ends before. What
the streamer decides comes on OBS's UI thread, and is only noted there: it is stored with the next row, or by ``tend``
on the supervisor's thread.
"""

import secrets
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.authority.audit_entries import SERVICE_TOKEN, STARTED, Entry, Kind, Row, dump, remark
from clawcraft.authority.audit_file import AuditFile
from clawcraft.authority.refusals import Count, RefusalCounts
from clawcraft.clock import Clock
from clawcraft.jobs.answer import Answer
from clawcraft.jobs.dispatch import ALLOWED, ASKED
from clawcraft.jobs.model import ApprovalState, Envelope, Job
from clawcraft.jobs.plain import plain, plain_text

LATEST: Final = 10
RECENT: Final = 200
"""Rows in memory for them."""
LOOK_BACK: Final = 2_000
"""How many entries before the last start are looked through for the latest."""
MAX_DETAILS: Final = 4_000
"""Characters of an error's details; longer ones (a list of scenes) are left out."""
_SAID_ELSEWHERE: Final = frozenset({"request_id", "status", "channel", "broadcaster_id"})
_CUT_OFF: Final = dump({"message": "OBS or the service ended before this did; whether it took effect is not known"})


@dataclass(eq=False)
class AuditTrail:
    """See the module. Any thread but where it says otherwise; nothing raises, whatever the disk does. ``holds_secret``
    tells whether a text holds a secret of the service: such a text is not stored. ``told`` is called after each entry,
    on the thread that makes it: it must return at once."""

    _file: AuditFile
    _refusals: RefusalCounts
    _holds_secret: Callable[[str], bool]
    _clock: Clock
    _told: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._left_over: list[Job] | None = []
        """Until ``begin``: the jobs of the life before that the job table has ended."""
        self._recent: deque[Row] = deque(maxlen=RECENT)
        """Only ever appended to, and copied: each is one step of the interpreter's, and needs no lock."""

    # --- what happens ---------------------------------------------------------------------------------------------

    def asked(self, envelope: Envelope, decision: str, job_id: str | None = None) -> str:
        """A request that may run, or waits for the streamer, by ``decision``. The ``ref`` of its entry, which is the
        job's id where there is a job."""
        ref = job_id or f"run_{secrets.token_hex(8)}"
        self._note_asked(ref, self._clock.time(), envelope, decision, job_id)
        if job_id is None or decision != ALLOWED:
            self._file.store()
        return ref

    def _note_asked(self, ref: str, at_s: float, envelope: Envelope | Job, decision: str, job_id: str | None) -> None:
        details = {"args": dict(envelope.args), **({"job_id": job_id} if job_id else {})}
        text = dump(details)
        if self._holds_secret(text):  # the contract has refused it already; none is written all the same
            text = dump(self._without_secrets(plain(details)))
        agent = (envelope.agent_id, envelope.holder or SERVICE_TOKEN, envelope.action)
        ids = (envelope.request_id, envelope.mission_id, envelope.correlation_id)
        self._note(Row(ref, at_s, Kind.ASKED, decision, plain_text(text), *agent, *ids))

    def ended(self, ref: str, answer: Answer) -> None:
        """What a sync action came to."""
        self._end(ref, answer.body.get("result"), answer.body.get("error"))
        self._file.store()

    def job_moved(self, job: Job) -> None:
        """What a job came to; and before it runs, who let it. The end of one that never ran has changed nothing, and is
        stored with the next row: a thousand may end at once, and somebody waits for that. What the streamer said is
        stored at once."""
        if self._left_over is not None:
            self._left_over.append(job)
            return
        said = job.approval is not None and job.approval.decided_at is not None and job.started_at is None
        # A yes while it is queued, or a no, which ends it; a start may get both, one after the other.
        if job.approval is not None and said and (job.approval.state is ApprovalState.ALLOWED) != job.status.ended:
            self.decided(job, str(job.approval.state), str(job.approval.by))
        if job.status.ended:
            self._end(job.id, job.storable().result, job.error)
        if job.started_at is not None or (job.approval is not None and not job.is_pending):
            self._file.store()

    def decided(self, job: Job, decision: str, by: str = "") -> None:
        """What was decided of a job that waited for it, ``by`` whom. Returns at once; stored before the job runs."""
        details = dump({"by": by} if by else {})
        self._note(Row(job.id, self._clock.time(), Kind.DECIDED, decision, details))

    def operator(self, what: str, **details: Any) -> None:
        """What the streamer did: paused, resumed, another policy, a new token. Returns at once."""
        self._file.add(remark(self._clock.time(), Kind.OPERATOR, what, plain(details)))
        self._told()

    # --- for people -----------------------------------------------------------------------------------------------

    @property
    def trouble(self) -> str:
        """Why the trail cannot be written, as far as anybody knows; empty while it can."""
        return self._file.trouble

    @property
    def count(self) -> int:
        """How many rows were noted in this life: another one means that there is something new."""
        return self._file.added

    def store(self) -> None:
        """Write what waits. Not on OBS's UI thread."""
        self._file.store()

    def latest(self) -> list[Entry]:
        """What agents asked last, newest first. Waits for no disk."""
        entries: dict[str, Entry] = {}
        for row in self._recent.copy():
            if row.kind == Kind.ASKED:
                entries[row.ref] = Entry(row)
            elif row.ref in entries:
                entries[row.ref] = entries[row.ref].followed_by(row)
        return list(reversed(entries.values()))[:LATEST]

    # --- its owner's ----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Once it is certain that no other OBS is at work in the folder: what has no outcome was cut off by the end of
        the life before."""
        left_over, self._left_over = self._left_over or [], None
        self._begin(left_over)

    def tend(self) -> None:
        """Supervisor, every minute, and often while in trouble."""
        if not self._file.is_open:
            self._file.open()
            self._begin([])  # what waits is of this life, and is stored behind
        self._count(self._refusals.take())
        self._file.tend()

    def close(self) -> None:
        """Store what waits. Whoever comes later is not heard."""
        self._count(self._refusals.take(unfinished=True))
        self._file.close()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _begin(self, left_over: Sequence[Job]) -> None:
        unseen = {job.id for job in left_over}
        if self._file.is_open:
            self._file.read(lambda entries: self._look_back(entries, unseen))
        else:
            unseen.clear()
        for job in left_over:
            if job.id in unseen:  # it never ran, and its entry would have been stored when it did
                decision = ALLOWED if job.approval is None else ASKED
                self._note_asked(job.id, job.created_at, job, decision, job.id)
            self.job_moved(job)
        if self._file.is_open:
            self._file.add(remark(self._clock.time(), Kind.SERVICE, STARTED, {}))
            self._file.store()

    def _look_back(self, entries: Iterator[Entry], unseen: set[str]) -> None:
        """End what was cut off, but for jobs: the job table has ended those. Leaves in ``unseen``, ids of such jobs,
        the ones without an entry."""
        cut_off: list[Row] = []
        latest: list[Entry] = []
        in_the_last_life, looked_at = True, 0
        for entry in entries:
            if entry.first.kind == Kind.ASKED:
                if entry.first.ref in unseen:
                    unseen.remove(entry.first.ref)
                elif in_the_last_life and entry.end is None:
                    row = Row(entry.first.ref, self._clock.time(), Kind.ENDED, "interrupted", _CUT_OFF)
                    cut_off.append(row)
                    entry = entry.followed_by(row)
                latest += [entry] if len(latest) < LATEST else []
            in_the_last_life &= (entry.first.kind, entry.first.outcome) != (Kind.SERVICE, STARTED)
            looked_at += not in_the_last_life
            if looked_at and (len(latest) == LATEST or looked_at > LOOK_BACK):
                break
        self._file.add(*reversed(cut_off))
        for entry in reversed(latest):
            self._recent.extend((entry.first, *entry.later))

    def _end(self, ref: str, result: Mapping[str, Any] | None, error: Mapping[str, Any] | None) -> None:
        if error is not None:
            outcome, details = str(error["code"]), _of_error(error)
        else:
            outcome, details = str((result or {}).get("status", "done")), _of_result(result or {})
        self._note(Row(ref, self._clock.time(), Kind.ENDED, outcome, self._text(details)))

    def _count(self, counts: list[Count]) -> None:
        for at_s, (code, action, agent_id, client), times in counts:
            details = {"times": times, **({"client": client} if client else {})}
            row = remark(at_s, Kind.COUNTED, code, details)
            self._file.add(row._replace(action=action, agent_id=agent_id))

    def _note(self, row: Row) -> None:
        self._file.add(row)
        self._recent.append(row)
        self._told()

    def _text(self, details: Mapping[str, Any]) -> str:
        """``details`` as they are stored. Mostly there is no secret in them, which one look at all texts tells."""
        clean: Any = plain(details)
        if self._holds_secret("\0".join(_texts(clean))):
            clean = self._without_secrets(clean)
        return dump(clean)

    def _without_secrets(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._without_secrets(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._without_secrets(inner) for inner in value]
        return "***" if isinstance(value, str) and self._holds_secret(value) else value


def _of_result(result: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in result.items() if name not in _SAID_ELSEWHERE}
    return {"result": kept} if kept else {}


def _of_error(error: Mapping[str, Any]) -> dict[str, Any]:
    """With its details, since a request that failed may have changed something all the same."""
    message, details = str(error.get("message", "")), error.get("details")
    told = {"details": details} if details and len(str(details)) <= MAX_DETAILS else {}
    return {"message": message, **told}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
