"""The Tasks extension over the job table: a job is the task with the same id. Called on HTTP workers.

A job that failed is a task that completed, with a result that says so: MCP's own ``failed`` means that the protocol
did. A job that gave way, to a stop or because its agent took it back, is ``cancelled``.
"""

import math
from collections.abc import Callable
from typing import Any, Final

from clawcraft.clock import rfc3339
from clawcraft.errors import JobNotFound, Superseded
from clawcraft.http.gate import Environ
from clawcraft.http.mcp import results, rpc
from clawcraft.http.mcp.doors import Doors
from clawcraft.http.mcp.results import Result
from clawcraft.http.mcp.rpc import RpcError
from clawcraft.jobs.model import Job

POLL_MS: Final = 1000
_NOTE: Final = "twitch-clawcraft/note"
_RUNS: Final = (
    "This runs already and cannot be cancelled: wait for its end. twitch_stop_stream ends a stream, also one that is "
    "still starting."
)
_ENDED: Final = "This has ended; nothing was changed."
_TAKEN_BACK: Final = "Taken back before anything was done."


class Tasks:
    """``ttl_s`` is how long ended jobs are kept."""

    def __init__(self, doors: Doors, ttl_s: Callable[[], float]) -> None:
        self._doors = doors
        self._ttl_s = ttl_s

    def created(self, job: Job) -> Result:
        """What ``tools/call`` answers in the place of a result."""
        return {"resultType": "task", **self._task(job)}

    def get(self, environ: Environ, holder: str, task_id: str) -> Result:
        """Raises RpcError for a task that there is not."""
        job = self._job(environ, holder, task_id)
        task = self._task(job)
        return {**task, "result": results.of_job(job)} if task["status"] == "completed" else task

    def update(self, environ: Environ, holder: str, task_id: str) -> Result:
        """No task asks its client for anything, so that there is nothing to do with what it says. Above all it cannot
        say the streamer's yes. Raises as ``get``."""
        self._job(environ, holder, task_id)
        return {}

    def cancel(self, environ: Environ, holder: str, task_id: str) -> Result:
        """Take back what has not begun; of the rest it is said why not. Raises as ``get``."""
        job = self._job(environ, holder, task_id)
        note = _ENDED if job.status.ended else _TAKEN_BACK if self._doors.withdraw(job.id) else _RUNS
        return {"_meta": {_NOTE: note}}

    def _job(self, environ: Environ, holder: str, task_id: str) -> Job:
        try:
            return self._doors.job(environ, holder, task_id, 0.0)
        except JobNotFound as error:
            raise RpcError(rpc.INVALID_PARAMS, error.message, {"taskId": task_id[:80]}) from None

    def _task(self, job: Job) -> dict[str, Any]:
        gave_way = job.error is not None and job.error.get("code") == Superseded.code
        return {
            "taskId": job.id,
            "status": "cancelled" if gave_way else "completed" if job.status.ended else "working",
            "statusMessage": job.progress.message,
            "createdAt": rfc3339(job.created_at),
            "lastUpdatedAt": rfc3339(job.progress.updated_at),
            "ttlMs": math.ceil(self._ttl_s() * 1000),
            "pollIntervalMs": POLL_MS,
        }
