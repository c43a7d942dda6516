"""The job table against a model: any order of moves, restarts, listings and sweeps gives what a plain list would."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from clawcraft.errors import InternalError, JobNotFound
from clawcraft.jobs import store
from clawcraft.jobs.model import IllegalTransition, Job, JobStatus
from tests.support.clock import ManualClock
from tests.support.events import RecordedEvents
from tests.support.job_rig import TTL_S, envelope, open_store

MISSIONS = st.sampled_from([None, "m1", "m2"])
ACTIONS = st.sampled_from(["twitch.start_stream", "twitch.stop_stream"])


class JobTable(RuleBasedStateMachine):
    """``model`` holds every job in the order of acceptance, as the table must show it."""

    jobs: Bundle[str] = Bundle("jobs")

    @initialize()
    def open(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(store, "ENDED_IN_MEMORY", 2)  # so that most are read from the file
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock()
        self.log = RecordedEvents()
        self.heard: list[Job] = []
        self.store = open_store(Path(self.folder.name), self.clock, self.log, self.heard.append)
        self.model: dict[str, Job] = {}
        self.moves = 0
        self.untold: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()
            self.patch.undo()

    def kept(self, job: Job) -> bool:
        return job.finished_at is None or job.finished_at >= self.clock.now_s - TTL_S

    def moved(self, job_id: str, status: JobStatus, **outcome: Any) -> None:
        """Do the move on both sides; they agree on whether it is legal."""

        def act() -> Job:
            if status is JobStatus.RUNNING:
                return self.store.start(job_id)
            if status is JobStatus.DONE:
                return self.store.finish(job_id, {"n": self.moves})
            return self.store.fail(job_id, InternalError(f"no {self.moves}"))

        known = self.model[job_id]
        if not self.kept(known):
            with pytest.raises(JobNotFound):
                act()
            return
        try:
            expected = known.moved(status, now_s=self.clock.now_s, **outcome)
        except IllegalTransition:
            with pytest.raises(IllegalTransition):
                act()
            return
        assert act() == expected
        self.model[job_id] = expected
        if status is JobStatus.RUNNING:
            self.untold.add(job_id)
        else:
            self.tell(job_id)
            self.moves += 1

    def tell(self, job_id: str) -> None:
        """That it runs is told with its next change."""
        self.moves += job_id in self.untold
        self.untold.discard(job_id)

    @rule(target=jobs, action=ACTIONS, mission=MISSIONS, correlation=MISSIONS, title=st.text(max_size=5))
    def accept(self, action: str, mission: str | None, correlation: str | None, title: str) -> str:
        request = envelope(action, None, args={"title": title}, mission_id=mission, correlation_id=correlation)
        job = self.store.create(request, "f")
        assert (job.status, job.args, job.created_at) == (JobStatus.QUEUED, {"title": title}, self.clock.now_s)
        self.model[job.id] = job
        self.moves += 1
        return job.id

    @rule(job_id=jobs)
    def start(self, job_id: str) -> None:
        self.moved(job_id, JobStatus.RUNNING)

    @rule(job_id=jobs)
    def finish(self, job_id: str) -> None:
        self.moved(job_id, JobStatus.DONE, result={"n": self.moves})

    @rule(job_id=jobs)
    def fail(self, job_id: str) -> None:
        self.moved(job_id, JobStatus.FAILED, error=InternalError(f"no {self.moves}").to_json())

    @rule(job_id=jobs, percent=st.integers(0, 120), message=st.text(max_size=5))
    def progress(self, job_id: str, percent: int, message: str) -> None:
        known = self.model[job_id]
        if known.status is not JobStatus.RUNNING:
            with pytest.raises((IllegalTransition, JobNotFound)):
                self.store.progress(job_id, percent, message)
            return
        self.store.progress(job_id, percent, message)
        self.tell(job_id)
        self.model[job_id] = known.progressed(percent, message, now_s=self.clock.now_s)
        assert self.model[job_id].progress.percent >= known.progress.percent

    @rule(seconds=st.sampled_from([0.5, 3600.0, TTL_S / 2, TTL_S]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def sweep(self) -> None:
        self.store.sweep()
        with self.store._database.reading() as connection:
            left = {row[0] for row in connection.execute("SELECT id FROM jobs")}
        assert left == {job.id for job in self.model.values() if self.kept(job)}

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = open_store(Path(self.folder.name), self.clock, self.log, self.heard.append)
        for job in self.model.values():
            if not job.status.ended:
                found = self.store.get(job.id)
                assert found.error is not None
                assert found.error["code"] == "interrupted"
                self.untold.discard(job.id)
                self.model[job.id] = job.moved(JobStatus.FAILED, now_s=self.clock.now_s, error=found.error)
                self.moves += 1

    @rule(
        status=st.sampled_from([None, *JobStatus]),
        action=st.one_of(st.none(), ACTIONS),
        mission=MISSIONS,
        correlation=MISSIONS,
        limit=st.integers(1, 4),
    )
    def list(
        self, status: str | None, action: str | None, mission: str | None, correlation: str | None, limit: int
    ) -> None:
        named = {"status": status, "action": action, "mission_id": mission, "correlation_id": correlation}
        filters = {name: str(value) for name, value in named.items() if value is not None}
        found: list[Job] = []
        cursor = None
        while True:
            jobs, cursor = self.store.list(filters, limit, cursor)
            assert len(jobs) == limit or cursor is None
            found += jobs
            if cursor is None:
                break
        assert found == [
            job
            for job in reversed(self.model.values())
            if self.kept(job) and all(str(getattr(job, name)) == value for name, value in filters.items())
        ]

    @invariant()
    def each_job_is_as_the_model_says(self) -> None:
        for job in getattr(self, "model", {}).values():
            if self.kept(job):
                assert self.store.get(job.id) == job
            else:
                with pytest.raises(JobNotFound):
                    self.store.get(job.id)

    @invariant()
    def each_change_of_state_was_told_once(self) -> None:
        if hasattr(self, "heard"):
            assert len(self.heard) == len(self.log.named("job")) == self.moves
            queued = sum(job.status is JobStatus.QUEUED for job in self.model.values())
            assert self.store.queue_length() == queued


JobTable.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
test_the_job_table_is_its_model = JobTable.TestCase
