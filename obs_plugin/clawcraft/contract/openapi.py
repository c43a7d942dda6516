"""``GET /openapi.json``: OpenAPI 3.1 made of the schemas, the table of actions and the table of errors. Built once."""

from __future__ import annotations  # typing caches evaluated ones, and through them a reloaded module's old self

import copy
from collections.abc import Iterable
from typing import Any, Final

from clawcraft import errors
from clawcraft.actions.catalogue import ACTIONS, Action, Kind
from clawcraft.contract.schemas import Contract
from clawcraft.errors import ClawcraftError

Json = dict[str, Any]
ErrorSet = frozenset[type[ClawcraftError]]

ANYWHERE: Final[ErrorSet] = frozenset(
    {
        errors.ClientNotAllowed,
        errors.HeadersTooLarge,
        errors.InternalError,
        errors.InvalidRequest,
        errors.PayloadTooLarge,
    }
)
"""What any request can meet, before its path matters."""
UNROUTED: Final[ErrorSet] = frozenset({errors.NotFound, errors.MethodNotAllowed})
"""For paths and methods that the document does not have."""
AUTHENTICATED: Final[ErrorSet] = ANYWHERE | {errors.Unauthorized, errors.RateLimited}
JOBS: Final[ErrorSet] = AUTHENTICATED | {errors.StorageUnavailable, errors.Stopping}
JOB_ENDS: Final[ErrorSet] = frozenset(
    {
        errors.SceneNotFound,
        errors.StreamStartFailed,
        *errors.StreamStartFailed.__subclasses__(),
        errors.StreamStartTimeout,
        errors.StreamStopTimeout,
        errors.Superseded,
        errors.Interrupted,
    }
)
"""How a job can fail: its error, not an HTTP status. Only ``Interrupted`` is an answer too, to a repeat of what a crash
cut off."""

_INTRODUCTION: Final = """\
Lets an agent run a Twitch stream through OBS: a fixed set of actions, each checked against its schema.
An async action answers 202 with a job to poll. A failure carries a code, says whether the same request may be sent
again, and what to do.

"""


def openapi_document(contract: Contract, version: str) -> Json:
    """The document as JSON-safe values."""
    every = frozenset(errors.error_classes())
    execute = every - (JOB_ENDS - {errors.Interrupted}) - UNROUTED - {errors.JobNotFound}
    responses = {_component(name): _embedded(schema) for name, schema in contract.responses.items()}
    responses["ErrorObject"]["properties"]["code"]["enum"] = sorted({error.code for error in every})
    requests = {_component(action.name): _request(contract, action) for action in ACTIONS}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "twitch-clawcraft tool API",
            "version": version,
            "description": _INTRODUCTION
            + "\n".join(f"- `{error.code}` ({error.status}): {_sentence(error)}" for error in _by_status(every)),
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{"url": "/", "description": "where this document came from"}],
        "security": [{"bearer": []}],
        "paths": {
            "/tools/execute": {"post": _execute(requests, execute)},
            "/tools/jobs/{job_id}": _get(
                "getJob",
                "A job; with wait, as soon as it ends",
                _json_response("The job.", "JobAnswer"),
                JOBS | {errors.JobNotFound, errors.NotFound},  # the latter for what cannot be an id
                _parameter("path", "job_id", _STRING, "Id from the 202."),
                _WAIT,
            ),
            "/tools/jobs": _get(
                "listJobs",
                "Jobs, newest first",
                _json_response("One page of jobs.", "JobList"),
                JOBS,
                *_list_parameters(contract),
            ),
            "/tools": _get(
                "listTools",
                "Every action with its args schema",
                _json_response("The allowlist.", "Tools"),
                AUTHENTICATED,
            ),
            "/status": _get(
                "getStatus",
                "OBS, stream, scenes, Twitch, paused or not",
                _json_response("As of now.", "Status"),
                AUTHENTICATED,
                _CHECK,
            ),
            "/events": _get(
                "getEvents",
                "Chat and what happens on the channel, as the streamer chose; with wait, as soon as there is something",
                _json_response("What was heard after the cursor.", "Events"),
                AUTHENTICATED,
                *_EVENTS,
            ),
            "/channel": _get(
                "getChannel",
                "What Twitch shows: live or not, title, category, tags, viewers, next ad, latest VOD and clip",
                _json_response("As of the age of each section.", "Channel"),
                AUTHENTICATED | {errors.TwitchNotConfigured, errors.Stopping},
            ),
            "/mcp": {"post": _mcp()},
            "/health": _public("getHealth", "Whether the service runs", _json_response("It does.", "Health")),
            "/openapi.json": _public(
                "getOpenapi", "This document", _response("OpenAPI 3.1.", "application/json", {"type": "object"})
            ),
            "/metrics": _get(
                "getMetrics",
                "Prometheus metrics",
                _response("Text format 0.0.4.", "text/plain", _STRING),
                AUTHENTICATED,
            ),
        },
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "TOOL_SERVICE_TOKEN; the OBS panel shows where.",
                }
            },
            "schemas": {**responses, **requests},
        },
    }


_STRING: Final[Json] = {"type": "string"}


def _parameter(place: str, name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": place, "required": place == "path", "schema": schema, "description": description}


_SECONDS: Final[Json] = {"type": "number", "minimum": 0, "maximum": 30, "default": 0}
_WAIT: Final[Json] = _parameter(
    "query", "wait", _SECONDS, "Seconds to wait for the job's end before answering with the job as it is."
)
_LIMIT: Final[Json] = _parameter(
    "query", "limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, "Page size."
)
_EVENTS: Final = (
    _parameter("query", "cursor", _STRING, "next_cursor of the answer before; without it, all that is kept."),
    _parameter("query", "wait", _SECONDS, "Seconds to wait for an event if there is none yet."),
    _parameter("query", "types", _STRING, "Only these types, separated by commas; gaps are told nevertheless."),
    _LIMIT,
)
_CHECK: Final[Json] = _parameter(
    "query",
    "check",
    {"type": "integer", "enum": [0, 1], "default": 0},
    "1 adds the pre-show check: what would keep an agent from its work, and what to do about it.",
)
_SIGNATURE: Final = (
    _parameter(
        "header",
        "X-Tool-Signature",
        {"type": "string", "pattern": "^(sha256=)?[0-9A-Fa-f]{64}$"},
        "Required once a signature secret is set: hex HMAC-SHA256 of timestamp + '.' + raw body.",
    ),
    _parameter(
        "header",
        "X-Tool-Timestamp",
        {"type": "string", "pattern": "^[0-9]{1,15}$"},
        "Unix seconds, part of what is signed; more than 300 s off is refused. Required with a signature.",
    ),
)


def _list_parameters(contract: Contract) -> list[Json]:
    envelope = contract.envelope["properties"]
    statuses = contract.responses["job"]["properties"]["status"]
    return [
        _parameter("query", "status", statuses, "Only jobs in this state."),
        _parameter("query", "action", {"enum": [action.name for action in ACTIONS]}, "Only jobs of this action."),
        _parameter("query", "mission_id", envelope["mission_id"], "Only jobs of this mission."),
        _parameter("query", "correlation_id", envelope["correlation_id"], "Only jobs with this id."),
        _LIMIT,
        _parameter("query", "cursor", _STRING, "next_cursor of the page before."),
    ]


_REPLAYED: Final = "Idempotent-Replayed"


def _execute(requests: Json, failures: ErrorSet) -> Json:
    headers = {
        "Location": {"description": "Address of the job.", "schema": _STRING},
        _REPLAYED: {"description": "true on the stored answer to a repeated request.", "schema": _STRING},
    }
    operation = _operation(
        "executeTool",
        "Run one action",
        {
            "200": _json_response("A sync action's result.", "Sync", {_REPLAYED: headers[_REPLAYED]}),
            "202": _json_response("An async action's job.", "Accepted", headers),
        },
        failures,
        *_SIGNATURE,
    )
    mapping = {
        schema["properties"]["action"]["const"]: f"#/components/schemas/{name}" for name, schema in requests.items()
    }
    schema = {
        "oneOf": [{"$ref": reference} for reference in mapping.values()],
        "discriminator": {"propertyName": "action", "mapping": mapping},
    }
    operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


_JSON_RPC_ERROR: Final[Json] = {
    "type": "object",
    "properties": {
        "jsonrpc": {"const": "2.0"},
        "id": {"type": ["string", "integer", "null"]},
        "error": {
            "type": "object",
            "properties": {"code": {"type": "integer"}, "message": _STRING, "data": {}},
            "required": ["code", "message"],
        },
    },
    "required": ["jsonrpc", "id", "error"],
}


def _mcp() -> Json:
    operation = _operation(
        "mcp",
        "The same actions by the Model Context Protocol, 2025-03-26 to 2026-07-28, without a session",
        {
            "200": _response("The JSON-RPC answer.", "application/json", {"type": "object"}),
            "202": {"description": "A notification was heard."},
        },
        AUTHENTICATED | {errors.UnsupportedMediaType},
    )
    answers = operation["responses"]
    answers["404"] = _response("The JSON-RPC error of a method that is not there.", "application/json", _JSON_RPC_ERROR)
    for status in ("400", "500"):
        answer = answers[status]["content"]["application/json"]
        answer["schema"] = {"anyOf": [answer["schema"], _JSON_RPC_ERROR]}
    operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    return operation


def _request(contract: Contract, action: Action) -> Json:
    args = contract.args_schema(action.name)
    request = copy.deepcopy(contract.envelope)
    request["title"], request["description"] = args["title"], args["description"]
    request["properties"]["action"] = {"const": action.name}
    request["properties"]["args"] = args
    if "required" in args:
        request["required"].append("args")
    if action.kind is Kind.ASYNC:
        request["anyOf"] = [{"required": [name]} for name in ("request_id", "mission_id", "correlation_id")]
    return request


def _operation(name: str, summary: str, successes: Json, failures: ErrorSet, *parameters: Json) -> Json:
    operation: Json = {"operationId": name, "summary": summary, "responses": {**successes, **_failures(failures)}}
    if parameters:
        operation["parameters"] = list(parameters)
    return operation


def _get(name: str, summary: str, success: Json, failures: ErrorSet, *parameters: Json) -> Json:
    return {"get": _operation(name, summary, {"200": success}, failures, *parameters)}


def _public(name: str, summary: str, success: Json) -> Json:
    """A path that needs no token."""
    return {"get": {**_operation(name, summary, {"200": success}, ANYWHERE), "security": []}}


def _failures(classes: ErrorSet) -> Json:
    """One response for each status, its codes in the schema and each code's meaning in the description."""
    answers: Json = {}
    for status in sorted({error.status for error in classes}):
        of_status = [error for error in _by_status(classes) if error.status == status]
        body = {
            "allOf": [
                {"$ref": "#/components/schemas/Failure"},
                {"properties": {"error": {"properties": {"code": {"enum": [error.code for error in of_status]}}}}},
            ]
        }
        codes = "\n".join(f"`{error.code}`: {_sentence(error)}" for error in of_status)
        answers[str(status)] = _response(codes, "application/json", body)
        if status == 429:
            answers["429"]["headers"] = {
                "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}, "required": True}
            }
    return answers


def _response(description: str, media_type: str, schema: Json) -> Json:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _json_response(description: str, component: str, headers: Json | None = None) -> Json:
    response = _response(description, "application/json", {"$ref": f"#/components/schemas/{component}"})
    return {**response, "headers": headers} if headers else response


def _by_status(classes: Iterable[type[ClawcraftError]]) -> list[type[ClawcraftError]]:
    return sorted(classes, key=lambda error: (error.status, error.code))


def _sentence(error: type[ClawcraftError]) -> str:
    return " ".join((error.__doc__ or "").split("\n\n")[0].split())


def _component(name: str) -> str:
    """``job_list`` → ``JobList``, ``twitch.set_title`` → ``TwitchSetTitle``."""
    return "".join(part.capitalize() for part in name.replace(".", "_").split("_"))


def _embedded(schema: Any) -> Any:
    """A copy whose references to files beside it point into the document."""
    if isinstance(schema, dict):
        return {
            key: f"#/components/schemas/{_component(value.removesuffix('.json'))}"
            if key == "$ref"
            else _embedded(value)
            for key, value in schema.items()
        }
    if isinstance(schema, list):
        return [_embedded(value) for value in schema]
    return schema
