"""``tools/call``. An action goes the way of ``POST /tools/execute``; what becomes a job is a task for clients that take
one, else it is waited for, a while. Called on HTTP workers.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from clawcraft.actions.catalogue import Action
from clawcraft.authority.agents import SERVICE_HOLDER
from clawcraft.contract.schemas import check_of
from clawcraft.errors import ClawcraftError
from clawcraft.http import query
from clawcraft.http.app import Api
from clawcraft.http.events import Asked
from clawcraft.http.mcp import results, rpc
from clawcraft.http.mcp.eras import Call
from clawcraft.http.mcp.results import Result
from clawcraft.http.mcp.rpc import RpcError
from clawcraft.http.mcp.tasks import Tasks
from clawcraft.http.mcp.tools import BY_TOOL, READINGS, REQUEST_ID
from clawcraft.http.middleware import RECORD, RequestRecord

AGENT: Final = "mcp"
"""agent_id of whoever has the service's own token. Not a name that the client gives itself: that is part of what makes
two requests the same, and said in one of the protocols only."""
PATIENCE_S: Final = 25.0
"""How long a call waits for its job. Hosts give up after 60 s, some after 30."""
NEWEST_JOBS: Final = 10


class Calls:
    """See the module."""

    def __init__(self, api: Api, tasks: Tasks) -> None:
        self._api = api
        self._tasks = tasks
        self._checks = {name: check_of(tool["inputSchema"]) for name, tool in READINGS.items()}
        self._readings: Mapping[str, Callable[[Call, dict[str, Any]], Result]] = {
            "status": self._status,
            "channel": self._channel,
            "events": self._events,
            "job": self._job,
        }

    def call(self, call: Call) -> Result:
        """The result; also of what was refused or failed. Raises RpcError for a tool that there is not."""
        name, arguments = rpc.text_param(call.params, "name"), rpc.object_param(call.params, "arguments")
        record: RequestRecord = call.environ[RECORD]
        try:
            if name in BY_TOOL:
                return self._act(call, BY_TOOL[name], dict(arguments))
            if name in READINGS:
                self._checks[name](arguments)
                return self._readings[name](call, arguments)
        except ClawcraftError as error:
            record.code, record.refused = error.code, True
            return results.failed({"request_id": record.claims.get("request_id")}, error.to_json(), error.headers())
        raise RpcError(rpc.INVALID_PARAMS, f"there is no tool {name[:80]!r}; tools/list has those there are")

    # --- actions --------------------------------------------------------------------------------------------------

    def _act(self, call: Call, action: Action, arguments: dict[str, Any]) -> Result:
        # JSON-RPC ids begin anew with each connection: what is no new call only its sender can say.
        request_id = arguments.pop(REQUEST_ID, None)
        envelope = {
            "agent_id": call.holder or AGENT,
            "action": action.name,
            "args": arguments,
            "request_id": f"mcp-{uuid.uuid4().hex}" if request_id is None else request_id,
        }
        answer = self._api.run(call.environ, call.holder, envelope)
        if "error" in answer.body:
            return results.failed({"request_id": answer.body["request_id"]}, answer.body["error"], answer.headers)
        outcome: Mapping[str, Any] = answer.body["result"]
        if answer.status != 202:
            return results.of_action(action.name, outcome)
        return self._of_job(call, outcome["job_id"])

    def _of_job(self, call: Call, job_id: str) -> Result:
        if call.era.tasks:
            job = self._api.job(call.environ, call.holder, job_id, 0.0)
            return results.of_job(job) if job.status.ended else self._tasks.created(job)
        # Whoever waits for the job's end must not have the job wait for the answer.
        call.environ[RECORD].when_sent = None
        self._api.begin_jobs()
        return results.of_job(self._api.job(call.environ, call.holder, job_id, PATIENCE_S))

    # --- what only looks ------------------------------------------------------------------------------------------

    def _status(self, call: Call, arguments: dict[str, Any]) -> Result:
        return results.told(self._api.status_for(call.holder, arguments.get("check", False)))

    def _channel(self, call: Call, _arguments: dict[str, Any]) -> Result:
        return results.told(self._api.channel_for(call.holder))

    def _events(self, call: Call, arguments: dict[str, Any]) -> Result:
        wait_s = float(arguments.get("wait_s", 0))
        asked = Asked(arguments.get("cursor"), frozenset(), wait_s, query.DEFAULT_LIMIT)
        return results.told(self._api.events_for(call.environ, call.holder, asked))

    def _job(self, call: Call, arguments: dict[str, Any]) -> Result:
        if "job_id" in arguments:
            wait_s = float(arguments.get("wait_s", 0))
            job = self._api.job(call.environ, call.holder, arguments["job_id"], wait_s)
            body, images = results.job_told(job)
            return results.told({"ok": True, "job": body}, images)
        filters = {} if call.holder == SERVICE_HOLDER else {"holder": call.holder}
        jobs, _ = self._api.store.list(filters, NEWEST_JOBS)
        return results.told({"ok": True, "jobs": [results.job_told(job)[0] for job in jobs]})
