"""Idempotency against a model: the contract's rules over a plain list of all that was ever accepted."""

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from clawcraft.errors import (
    Busy,
    ClawcraftError,
    IdempotencyConflict,
    Interrupted,
    RateLimited,
    TwitchNotConfigured,
    TwitchRejected,
    TwitchUnavailable,
)
from clawcraft.jobs.answer import Answer, failed, succeeded
from clawcraft.jobs.idempotency import Idempotency, Run, kept
from clawcraft.jobs.model import Envelope
from tests.support.clock import ManualClock
from tests.support.events import RecordedEvents
from tests.support.job_rig import TTL_S, Places, open_store
from tests.support.settings import make_settings

START, STOP, TITLE = "twitch.start_stream", "twitch.stop_stream", "twitch.set_title"
# What meets often is listed often: the rules are about what comes together.
AGENTS = st.sampled_from(["a", "a", "a", "b"])
HOLDERS = st.sampled_from(["", "", "h", "i"])
ARGS = st.sampled_from([{}, {"title": "x"}])
REQUEST_IDS = st.sampled_from(["r1", "r2", "r3"])
MAYBE_REQUEST_ID = st.one_of(st.none(), st.none(), REQUEST_IDS)
IDS = st.sampled_from([("m", None), ("m", None), ("m", None), ("n", None), ("m", "c"), (None, "c"), (None, "m")])
OUTCOMES = st.sampled_from([None, TwitchRejected("no"), TwitchUnavailable("down"), TwitchNotConfigured("who")])


@dataclass
class Entry:
    """One accepted job, or one sync action that ran."""

    request: Envelope
    id: str = ""
    ended_at: float | None = None
    answer: Answer | None = None
    cut_off: bool = False
    born_at: float = 0.0

    def same(self, request: Envelope) -> bool:
        return self.key(self.request) == self.key(request)

    @staticmethod
    def key(request: Envelope) -> tuple[str, str, str]:
        return request.agent_id, request.action, json.dumps(dict(request.args))


class IdempotencyRules(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock()
        self.jobs: list[Entry] = []
        self.syncs: list[Entry] = []
        self.handed_over: list[str] = []
        self.limited = False
        self.reopen()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    def reopen(self) -> None:
        self.store = open_store(Path(self.folder.name), self.clock)
        self.idempotency = Idempotency(self.store, Places(0).waiting, make_settings, self.clock, RecordedEvents())

    def admit(self) -> None:
        if self.limited:
            raise RateLimited("too many", retry_after_s=1.0)

    # --- the model ------------------------------------------------------------------------------------------------

    def kept_jobs(self) -> list[Entry]:
        return [job for job in self.jobs if job.ended_at is None or job.ended_at >= self.clock.now_s - TTL_S]

    def kept_syncs(self) -> list[Entry]:
        return [sync for sync in self.syncs if sync.born_at >= self.clock.now_s - TTL_S]

    def by_request_id(self, request: Envelope) -> Entry | None:
        """The entry of this request_id, whatever its kind; an assertion of the model: there is never a second."""
        found = [entry for entry in self.kept_jobs() + self.kept_syncs()
                 if entry.request.request_key == request.request_key]  # fmt: skip
        assert len(found) <= 1
        return found[0] if found else None

    def by_fallback(self, request: Envelope) -> Entry | str | None:
        same_key = [job for job in self.kept_jobs() if job.request.request_id is None
                    and self.fallback_key(job.request) == self.fallback_key(request)]  # fmt: skip
        if not same_key:
            return None
        last = same_key[-1]
        for later in self.jobs[self.jobs.index(last) + 1 :]:
            same_scope = (
                later.request.mission_id == request.mission_id
                if request.mission_id is not None
                else later.request.mission_id is None and later.request.correlation_id == request.correlation_id
            )
            same_agent = (later.request.holder, later.request.agent_id) == (request.holder, request.agent_id)
            if same_agent and later.request.action != request.action and same_scope:
                return None
        if not last.same(request):
            return "conflict" if last.ended_at is None else None
        return last if last.ended_at is None or self.clock.now_s - last.ended_at < 60 else None

    @staticmethod
    def fallback_key(request: Envelope) -> tuple[str | None, ...]:
        return request.holder, request.action, request.agent_id, request.mission_id, request.correlation_id

    def refused(self, act: Callable[[], Any], error: type[ClawcraftError]) -> None:
        with pytest.raises(error):
            act()

    # --- rules ----------------------------------------------------------------------------------------------------

    @rule(
        action=st.sampled_from([START, STOP]),
        agent=AGENTS,
        holder=HOLDERS,
        args=ARGS,
        request_id=MAYBE_REQUEST_ID,
        ids=IDS,
    )
    def send_async(
        self,
        action: str,
        agent: str,
        holder: str,
        args: dict[str, str],
        request_id: str | None,
        ids: tuple[str | None, str | None],
    ) -> None:
        request = Envelope(action, args, agent, request_id, *ids, holder)

        def act() -> Answer:
            return self.idempotency.accept(request, self.admit, lambda job: self.handed_over.append(job.id))

        if request_id is None:
            known = self.by_fallback(request)
            if known == "conflict":
                return self.refused(act, IdempotencyConflict)
        else:
            known = self.by_request_id(request)
            if known is not None and not known.same(request):
                return self.refused(act, IdempotencyConflict)
        if isinstance(known, Entry):
            answer = act()
            assert answer.body["result"]["job_id"] == known.id
            assert answer.headers["Idempotent-Replayed"] == "true"
            return None
        if self.limited:
            return self.refused(act, RateLimited)
        answer = act()
        assert "Idempotent-Replayed" not in answer.headers
        job_id = answer.body["result"]["job_id"]
        assert self.handed_over[-1] == job_id
        assert job_id not in [job.id for job in self.jobs]
        self.jobs.append(Entry(request, id=job_id))
        assert self.handed_over == [job.id for job in self.jobs]
        return None

    @rule(
        agent=AGENTS,
        holder=HOLDERS,
        args=ARGS,
        request_id=REQUEST_IDS,
        error=OUTCOMES,
        crash=st.sampled_from([False] * 4 + [True]),
    )
    def send_sync(
        self, agent: str, holder: str, args: dict[str, str], request_id: str, error: ClawcraftError | None, crash: bool
    ) -> None:
        request = Envelope(TITLE, args, agent, request_id, holder=holder)
        known = self.by_request_id(request)

        def act() -> Any:
            return self.idempotency.claim(request, self.admit)

        if known is not None and not known.same(request):
            return self.refused(act, IdempotencyConflict)
        if known is not None:
            answer = act()
            assert isinstance(answer, Answer)
            assert answer.headers["Idempotent-Replayed"] == "true"
            if known.cut_off:
                assert answer.body["error"]["code"] == "interrupted"
            else:
                assert known.answer is not None
                assert (answer.status, answer.body) == (known.answer.status, known.answer.body)
            return None
        if self.limited:
            return self.refused(act, RateLimited)
        run = act()
        assert isinstance(run, Run)
        entry = Entry(request, born_at=self.clock.now_s)
        if crash:
            entry.cut_off = True
            self.syncs.append(entry)
            return self.restart()
        entry.answer = succeeded(request, {"n": len(self.syncs)}) if error is None else failed(request, error)
        self.refused(act, Busy)  # while it runs, whoever repeats it waits, for which there is no place here
        self.idempotency.settle(run, entry.answer, keep=error is None or kept(error))
        if error is None or isinstance(error, TwitchRejected):
            self.syncs.append(entry)
        return None

    @precondition(lambda self: any(job.ended_at is None for job in self.jobs))
    @rule(data=st.data(), fails=st.booleans())
    def a_job_ends(self, data: st.DataObject, fails: bool) -> None:
        job = data.draw(st.sampled_from([job for job in self.jobs if job.ended_at is None]), "job")
        self.store.start(job.id)
        if fails:
            self.store.fail(job.id, Interrupted("whatever"))
        else:
            self.store.finish(job.id, {})
        job.ended_at = self.clock.now_s

    @rule(seconds=st.sampled_from([1.0, 30.0, 60.0, TTL_S / 2]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(limited=st.booleans())
    def the_rate_limit_changes(self, limited: bool) -> None:
        self.limited = limited

    @rule()
    def restart(self) -> None:
        self.store.close()
        for job in self.jobs:
            if job.ended_at is None:
                job.ended_at = self.clock.now_s
        self.reopen()

    @rule()
    def sweep(self) -> None:
        self.store.sweep()


IdempotencyRules.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
test_idempotency_is_its_model = IdempotencyRules.TestCase
