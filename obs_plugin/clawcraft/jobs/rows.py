"""How a job lies in the table, and the one query that lists jobs. No connection, no state."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from clawcraft.errors import InvalidRequest
from clawcraft.jobs.model import Job, JobStatus, Progress

COLUMNS: Final = (
    "id, action, args, agent_id, request_id, mission_id, correlation_id, status, percent, message, updated_at, "
    "created_at, started_at, finished_at, result, error"
)
INSERT: Final = f"INSERT INTO jobs ({COLUMNS}, fingerprint) VALUES ({', '.join(['?'] * 17)})"  # noqa: S608 - constants
UPDATE: Final = (
    "UPDATE jobs SET status = ?, percent = ?, message = ?, updated_at = ?, started_at = ?, finished_at = ?, "
    "result = ?, error = ? WHERE id = ?"
)
FILTERS: Final = ("status", "action", "mission_id", "correlation_id")


def to_row(job: Job) -> tuple[Any, ...]:
    """The values of COLUMNS."""
    return (
        job.id,
        job.action,
        _dump(job.args),
        job.agent_id,
        job.request_id,
        job.mission_id,
        job.correlation_id,
        str(job.status),
        job.progress.percent,
        job.progress.message,
        job.progress.updated_at,
        job.created_at,
        job.started_at,
        job.finished_at,
        _dump(job.result),
        _dump(job.error),
    )


def to_update(job: Job) -> tuple[Any, ...]:
    """The values of UPDATE: what can change in a job's life."""
    row = to_row(job)
    return (*row[7:11], *row[12:16], job.id)


def from_row(row: Sequence[Any]) -> Job:
    """The job of one row of COLUMNS. Raises ValueError where the row is damaged."""
    (id_, action, args, agent_id, request_id, mission_id, correlation_id, status, percent, message, updated_at) = row[
        :11
    ]
    created_at, started_at, finished_at, result, error = row[11:]
    return Job(
        id=id_,
        action=action,
        args=json.loads(args),
        agent_id=agent_id,
        request_id=request_id,
        mission_id=mission_id,
        correlation_id=correlation_id,
        status=JobStatus(status),
        progress=Progress(percent, message, updated_at),
        created_at=created_at,
        started_at=started_at,
        finished_at=finished_at,
        result=None if result is None else json.loads(result),
        error=None if error is None else json.loads(error),
    )


def listing(filters: Mapping[str, str], cursor: str | None) -> tuple[str, list[Any]]:
    """``(sql, values)`` that select ``seq`` and COLUMNS, newest first; the caller appends the oldest end that is
    still kept and the limit.

    Names the index itself: SQLite has no statistics here, and a wrong guess reads the whole table.
    """
    for name in filters:
        if name not in FILTERS:
            raise InvalidRequest(f"jobs cannot be filtered by {name!r}", details={"allowed": list(FILTERS)})
    status = filters.get("status")
    if status is not None and status not in list(JobStatus):
        raise InvalidRequest(f"{status!r} is not a job status", details={"allowed": [str(each) for each in JobStatus]})
    conditions = [f"{name} = ?" for name in filters]
    values: list[Any] = list(filters.values())
    if cursor is not None:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
            raise InvalidRequest("the cursor is not one that this listing gave", details={"cursor": cursor})
        conditions.append("seq < ?")
        values.append(int(cursor))
    conditions.append("(finished_at IS NULL OR finished_at >= ?)")
    index = _index(frozenset(filters), status)
    hint = f"INDEXED BY {index}" if index else ""
    where = " AND ".join(conditions)
    return f"SELECT seq, {COLUMNS} FROM jobs {hint} WHERE {where} ORDER BY seq DESC LIMIT ?", values  # noqa: S608


def _index(names: frozenset[str], status: str | None) -> str | None:
    """The index that leaves the fewest rows: few jobs are active at a time, and few share a correlation."""
    if status in (JobStatus.QUEUED, JobStatus.RUNNING):
        return "jobs_by_status"
    if "correlation_id" in names:
        return "jobs_by_correlation"
    if "mission_id" in names:
        return "jobs_by_mission"
    if {"action", "status"} <= names:
        return "jobs_by_action_status"
    if "action" in names:
        return "jobs_by_action"
    return "jobs_by_status" if "status" in names else None


def _dump(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(dict(value), ensure_ascii=False, separators=(",", ":"))
