"""Resources: what the tools that only look tell, for hosts that let their user pick what to show. On HTTP workers."""

from collections.abc import Mapping
from typing import Any, Final

from clawcraft.errors import JobNotFound
from clawcraft.http import query
from clawcraft.http.app import Api
from clawcraft.http.events import Asked
from clawcraft.http.mcp import results, rpc
from clawcraft.http.mcp.eras import Call
from clawcraft.http.mcp.rpc import RpcError
from clawcraft.http.mcp.tools import READINGS

_SCHEME: Final = "clawcraft://"
_JOB: Final = f"{_SCHEME}job/"
_TYPE: Final = "application/json"


class Resources:
    def __init__(self, api: Api) -> None:
        self._api = api

    def list(self, _call: Call) -> dict[str, Any]:
        return {"resources": [{"uri": f"{_SCHEME}{name}", **_about(name)} for name in ("status", "channel", "events")]}

    def templates(self, _call: Call) -> dict[str, Any]:
        return {"resourceTemplates": [{"uriTemplate": f"{_JOB}{{job_id}}", **_about("job")}]}

    def read(self, call: Call) -> dict[str, Any]:
        """Raises RpcError for a resource that there is not."""
        uri = rpc.text_param(call.params, "uri")
        return {"contents": [{"uri": uri, "mimeType": _TYPE, "text": results.text_of(self._body(call, uri))}]}

    def _body(self, call: Call, uri: str) -> Mapping[str, Any]:
        match uri.removeprefix(_SCHEME) if uri.startswith(_SCHEME) else "":
            case "status":
                return self._api.status_for(call.holder, False)
            case "channel":
                return self._api.channel_for(call.holder)
            case "events":
                asked = Asked(None, frozenset(), 0.0, query.DEFAULT_LIMIT)
                return self._api.events_for(call.environ, call.holder, asked)
        try:
            if uri.startswith(_JOB):
                job = self._api.job(call.environ, call.holder, uri.removeprefix(_JOB), 0.0)
                return {"ok": True, "job": results.job_told(job)[0]}
        except JobNotFound:
            pass
        code = rpc.INVALID_PARAMS if call.era.modern else rpc.RESOURCE_NOT_FOUND
        raise RpcError(code, "there is no such resource; resources/list has those there are", {"uri": uri[:200]})


def _about(name: str) -> dict[str, str]:
    tool = READINGS[name]
    return {"name": name, "title": tool["title"], "description": tool["description"], "mimeType": _TYPE}
