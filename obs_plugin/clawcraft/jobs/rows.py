"""How a job lies in the table, and the one query that lists jobs. No connection, no state."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from clawcraft.errors import InvalidRequest
from clawcraft.jobs.model import Approval, ApprovalState, Job, JobStatus, Progress

_AS_THEY_ARE: Final = (
    *("id", "action", "agent_id", "holder", "request_id", "mission_id", "correlation_id"),
    *("created_at", "started_at", "finished_at"),
)
_CHANGING: Final = (
    *("status", "percent", "message", "updated_at", "started_at", "finished_at", "result", "error", "approval"),
)
_COLUMNS: Final = (*_AS_THEY_ARE, "args", "status", "percent", "message", "updated_at", "result", "error", "approval")
COLUMNS: Final = ", ".join(_COLUMNS)
INSERT: Final = (
    f"INSERT INTO jobs ({COLUMNS}, fingerprint) "  # noqa: S608 - constants
    f"VALUES ({', '.join(f':{name}' for name in _COLUMNS)}, :fingerprint)"
)
UPDATE: Final = f"UPDATE jobs SET {', '.join(f'{name} = :{name}' for name in _CHANGING)} WHERE id = :id"  # noqa: S608
KEPT: Final = "(finished_at IS NULL OR finished_at >= ?)"
"""The jobs within their TTL, given the oldest end that is still kept."""
FILTERS: Final = ("status", "action", "mission_id", "correlation_id", "holder")


def to_row(job: Job) -> dict[str, Any]:
    """The values of COLUMNS by name, for INSERT and UPDATE."""
    job = job.storable()
    return {
        **{name: getattr(job, name) for name in _AS_THEY_ARE},
        "args": _dump(job.args),
        "status": str(job.status),
        "percent": job.progress.percent,
        "message": job.progress.message,
        "updated_at": job.progress.updated_at,
        "result": _dump(job.result),
        "error": _dump(job.error),
        "approval": None if job.approval is None else _dump(asdict(job.approval)),
    }


def from_row(row: sqlite3.Row) -> Job:
    """The job of a row that has COLUMNS. Raises ValueError or TypeError where the row is damaged."""
    return Job(
        **{name: row[name] for name in _AS_THEY_ARE},
        args=json.loads(row["args"]),
        status=JobStatus(row["status"]),
        progress=Progress(row["percent"], row["message"], row["updated_at"]),
        result=None if row["result"] is None else json.loads(row["result"]),
        error=None if row["error"] is None else json.loads(row["error"]),
        approval=None if row["approval"] is None else _approval(**json.loads(row["approval"])),
    )


def _approval(state: str, **rest: Any) -> Approval:
    return Approval(ApprovalState(state), **rest)


def listing(filters: Mapping[str, str], cursor: str | None, oldest_kept_s: float) -> tuple[str, list[Any]]:
    """``(sql, values)`` that select ``seq`` and COLUMNS, newest first; the caller appends the limit."""
    for name in filters:
        if name not in FILTERS:
            raise InvalidRequest(f"jobs cannot be filtered by {name!r}", details={"allowed": list(FILTERS)})
    status = filters.get("status")
    if status is not None and status not in list(JobStatus):
        raise InvalidRequest(f"{status!r} is not a job status", details={"allowed": [str(each) for each in JobStatus]})
    conditions = [f"{name} = ?" for name in filters]
    values: list[Any] = list(filters.values())
    if "holder" in filters:
        conditions.append("holder <> ''")  # which lets SQLite use the index of named agents' jobs
    if cursor is not None:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
            raise InvalidRequest("the cursor is not one that this listing gave", details={"cursor": cursor})
        conditions.append("seq < ?")
        values.append(int(cursor))
    if status in (JobStatus.QUEUED, JobStatus.RUNNING):
        conditions.append("finished_at IS NULL")  # an index finds these few
    else:
        conditions.append(KEPT)
        values.append(oldest_kept_s)
    return f"SELECT seq, {COLUMNS} FROM jobs WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT ?", values  # noqa: S608


def _dump(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(dict(value), ensure_ascii=False, separators=(",", ":"))
