"""The Tasks extension over the job table: a job is the task with the same id. Called on HTTP workers.

A job that failed is a task that completed, with a result that says so: MCP's own ``failed`` means that the protocol
did. A job that gave way, to a stop or because its agent took it back, is ``cancelled``.
"""

import math
from typing import Any, Final

from clawcraft.clock import rfc3339
from clawcraft.errors import JobNotFound, Superseded
from clawcraft.http.app import Api
from clawcraft.http.mcp import results, rpc
from clawcraft.http.mcp.eras import Call, require_tasks
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
    """See the module."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def created(self, job: Job) -> Result:
        """What ``tools/call`` answers in the place of a result."""
        return {"resultType": "task", **self._task(job)}

    def get(self, call: Call) -> Result:
        """Raises RpcError for a task that there is not."""
        job = self._job(call)
        task = self._task(job)
        return {**task, "result": results.of_job(job)} if task["status"] == "completed" else task

    def update(self, call: Call) -> Result:
        """No task asks its client for anything, so that there is nothing to do with what it says. Above all it cannot
        say the streamer's yes. Raises as ``get``."""
        self._job(call)
        return {}

    def cancel(self, call: Call) -> Result:
        """Take back what has not begun; of the rest it is said why not. Raises as ``get``."""
        job = self._job(call)
        note = _ENDED if job.status.ended else _TAKEN_BACK if self._api.withdraw(job.id) else _RUNS
        return {"_meta": {_NOTE: note}}

    def _job(self, call: Call) -> Job:
        require_tasks(call.era)
        task_id = rpc.text_param(call.params, "taskId")
        try:
            return self._api.job(call.environ, call.holder, task_id, 0.0)
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
            "ttlMs": math.ceil(self._api.job_ttl_s() * 1000),
            "pollIntervalMs": POLL_MS,
        }
