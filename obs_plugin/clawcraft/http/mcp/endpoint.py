"""``POST /mcp``: who may, which method, and the answer. Called on HTTP workers; keeps nothing between two requests."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import bottle

from clawcraft.actions.catalogue import ACTIONS
from clawcraft.contract import strict_json
from clawcraft.errors import ClawcraftError, InvalidJson
from clawcraft.http import query, responses
from clawcraft.http.app import Api
from clawcraft.http.gate import MCP_PATH, Environ
from clawcraft.http.mcp import eras, prompts, rpc
from clawcraft.http.mcp.calls import Calls
from clawcraft.http.mcp.eras import Call
from clawcraft.http.mcp.resources import Resources
from clawcraft.http.mcp.rpc import RpcError
from clawcraft.http.mcp.tasks import Tasks
from clawcraft.http.mcp.tools import ToolList
from clawcraft.http.middleware import RECORD
from clawcraft.http.responses import Response

Handler = Callable[[Call], dict[str, Any]]

CAPABILITIES: Final[Mapping[str, Any]] = {"tools": {}, "resources": {}, "prompts": {}}
_DAY_MS: Final = 24 * 3600 * 1000
_FRESH_MS: Final[Mapping[str, int]] = {
    "server/discover": _DAY_MS,
    "prompts/list": _DAY_MS,
    "resources/list": _DAY_MS,
    "resources/templates/list": _DAY_MS,
    "resources/read": 0,
    # Short: the streamer switches actions on and off.
    "tools/list": 5_000,
}
"""How long a client may take an earlier answer for the present one."""


class McpEndpoint:
    """See the module. What the other routes do too, it does by the functions that ``api`` has for them."""

    def __init__(self, api: Api) -> None:
        self._gate = api.gate
        self._guard = api.guard
        self._tools = ToolList(api.contract)
        tasks = Tasks(api)
        resources = Resources(api)
        always: Mapping[str, Handler] = {
            "tools/list": self._list_tools,
            "tools/call": Calls(api, tasks).call,
            "resources/list": resources.list,
            "resources/templates/list": resources.templates,
            "resources/read": resources.read,
            "prompts/list": lambda _call: prompts.listed(),
            "prompts/get": lambda call: prompts.got(call.params),
        }
        self._legacy: Mapping[str, Handler] = {
            **always,
            "initialize": lambda call: eras.initialized(call.params, CAPABILITIES),
            "ping": lambda _call: {},
        }
        self._modern: Mapping[str, Handler] = {
            **always,
            "server/discover": lambda _call: eras.discovered(CAPABILITIES),
            "tasks/get": tasks.get,
            "tasks/update": tasks.update,
            "tasks/cancel": tasks.cancel,
        }

    def add_to(self, table: bottle.Bottle) -> None:
        table.post(MCP_PATH, callback=self.post)

    def post(self, environ: Environ) -> Response:
        """Raises ClawcraftError for one who may not come in, before anything of MCP is read."""
        self._gate.check_json_type(environ)
        holder = self._gate.check_bearer(environ)
        self._gate.check_mcp()
        query.parse(environ["QUERY_STRING"], ())
        value: Any = None
        try:
            value = strict_json.parse(environ["wsgi.input"].read())
            message = rpc.message_of(value)
            if message.id is None or message.method is None:
                return responses.answer(202, b"")
            era = eras.era_of(message, environ)
        except InvalidJson as error:
            return _refusal(400, None, RpcError(rpc.PARSE_ERROR, error.message, {"hint": error.hint}))
        except RpcError as error:
            return _refusal(400, rpc.id_of(value), error)
        environ[RECORD].method = message.method
        try:
            result = self._result(message.method, Call(environ, holder, era, message.params))
        except RpcError as error:
            return _refusal(era.status_of(error), message.id, error)
        except ClawcraftError as error:
            environ[RECORD].code = error.code
            failure = RpcError(rpc.INTERNAL_ERROR, error.message, {"error": error.to_json()})
            return _refusal(era.status_of(failure), message.id, failure)
        return responses.json_answer(200, rpc.answer(message.id, era.complete(result)))

    def _result(self, method: str, call: Call) -> dict[str, Any]:
        handler = (self._modern if call.era.modern else self._legacy).get(method)
        if handler is None:
            raise RpcError(rpc.METHOD_NOT_FOUND, f"there is no method {method[:80]!r} in MCP {call.era.version} here")
        result = handler(call)
        if call.era.modern and method in _FRESH_MS:
            # What is listed and told is this agent's own.
            result |= {"ttlMs": _FRESH_MS[method], "cacheScope": "private"}
        return result

    def _list_tools(self, call: Call) -> dict[str, Any]:
        policies = {action.name: self._guard.policy(action.name, call.holder) for action in ACTIONS}
        return {"tools": self._tools.tools(policies)}


def _refusal(status: int, message_id: rpc.Id | None, error: RpcError) -> Response:
    return responses.json_answer(status, rpc.failure(message_id, error))
