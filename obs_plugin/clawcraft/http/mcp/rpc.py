"""JSON-RPC 2.0 as MCP uses it: one message. No state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
RESOURCE_NOT_FOUND: Final = -32002
HEADER_MISMATCH: Final = -32020
MISSING_CAPABILITY: Final = -32021
UNSUPPORTED_VERSION: Final = -32022

Id = str | int


class RpcError(Exception):
    """Raised for a message that cannot be served at all; whatever an action comes to is a result. ``data`` is
    JSON-safe."""

    def __init__(self, code: int, message: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


@dataclass(frozen=True, slots=True)
class Message:
    """A request, or without ``id`` a notification; without ``method`` the answer to something nobody asked here."""

    id: Id | None
    method: str | None
    params: Mapping[str, Any]


def id_of(value: Any) -> Id | None:
    """The id that an answer to ``value`` may carry, however wrong the rest of it is."""
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def message_of(value: Any) -> Message:
    """Raises RpcError."""
    if isinstance(value, list):
        raise RpcError(INVALID_REQUEST, "batches are not taken here: send each message by itself")
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, 'a message is a JSON object with "jsonrpc": "2.0"')
    if "id" in value and id_of(value) is None:
        raise RpcError(INVALID_REQUEST, "id must be a string or a whole number")
    method, params = value.get("method"), value.get("params", {})
    if "method" not in value and ("result" in value or "error" in value):
        return Message(None, None, {})
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, "method must be a string")
    if not isinstance(params, dict):
        raise RpcError(INVALID_REQUEST, "params must be an object")
    return Message(id_of(value), method, params)


def text_param(params: Mapping[str, Any], name: str) -> str:
    """The parameter ``name``. Raises RpcError unless it is a string."""
    value = params.get(name)
    if not isinstance(value, str):
        raise RpcError(INVALID_PARAMS, f"params.{name} must be a string")
    return value


def object_param(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The parameter ``name``, {} when absent. Raises RpcError unless it is an object."""
    value = params.get(name, {})
    if not isinstance(value, dict):
        raise RpcError(INVALID_PARAMS, f"params.{name} must be an object")
    return value


def answer(message_id: Id, result: Mapping[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": message_id, "result": result}


def failure(message_id: Id | None, error: RpcError) -> dict[str, Any]:
    data = {} if error.data is None else {"data": error.data}
    return {"jsonrpc": "2.0", "id": message_id, "error": {"code": error.code, "message": error.message, **data}}
