"""The starts of the last hour that agents made OBS carry out. Any thread; in memory, from the job table at first.

A start counts from its beginning, once: its retries are not further ones, and one that found the stream up or already
connecting, or failed before OBS began to connect, is none.
"""

import threading
from typing import Final

from clawcraft.actions.stream import CONNECTING, TOLD
from clawcraft.clock import Clock
from clawcraft.errors import Interrupted, ObsUnresponsive, Superseded
from clawcraft.jobs.model import Job, JobStatus
from clawcraft.jobs.store import JobStore

START: Final = "twitch.start_stream"
HOUR_S: Final = 3600.0
_CUT_OFF: Final = frozenset({Superseded.code, Interrupted.code, ObsUnresponsive.code})
_PAGE: Final = 200
"""So many are read at a time."""


class AgentStarts:
    """``note`` is told of each job that ends, ``recall`` reads those of the lives before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._begun_s: dict[str, float] = {}
        """By job; a job may be told of twice."""

    def recall(self, jobs: JobStore) -> None:
        """Raises StorageUnavailable."""
        since_s = self._clock.time() - 2 * HOUR_S  # a start may have waited before it began
        cursor, is_more = None, True
        while is_more:
            page, cursor = jobs.list({"action": START}, _PAGE, cursor)
            for job in page:
                self.note(job)
            is_more = cursor is not None and page[-1].created_at > since_s

    def note(self, job: Job) -> None:
        if job.action == START and job.started_at is not None and _reached_obs(job):
            with self._lock:
                self._begun_s[job.id] = job.started_at

    def last_hour(self) -> list[float]:
        """When each began, Unix seconds, the oldest first."""
        with self._lock:
            since_s = self._clock.time() - HOUR_S
            self._begun_s = {job_id: begun_s for job_id, begun_s in self._begun_s.items() if begun_s > since_s}
            return sorted(self._begun_s.values())


def _reached_obs(job: Job) -> bool:
    if job.status is JobStatus.DONE:
        result = job.result or {}
        return result.get("status") == "started" and not result.get("adopted")
    if job.status is not JobStatus.FAILED or job.error is None:
        return False
    # Cut off in between, nobody has looked whether OBS refused it: it may have been on air.
    cut_off = job.progress.percent == TOLD and job.error["code"] in _CUT_OFF
    return cut_off or job.progress.percent >= CONNECTING
