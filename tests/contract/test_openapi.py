"""The OpenAPI document: valid 3.1, complete, and the same thing as schemas and the tables of actions and errors."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from clawcraft.actions.catalogue import ACTIONS, Action, Kind
from clawcraft.contract.openapi import ANYWHERE, AUTHENTICATED, JOB_ENDS, UNROUTED, openapi_document
from clawcraft.errors import Interrupted, error_classes
from clawcraft.http.query import MAX_LIMIT, MAX_WAIT_S
from clawcraft.jobs.answer import REPLAYED
from tests.support.http_service import CONTRACT, request


@pytest.fixture
def document() -> Any:
    return openapi_document(CONTRACT, "1.2.3")


def test_is_valid_openapi_3_1(document: Any) -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
    json.dumps(document)


def test_has_every_endpoint(document: Any) -> None:
    assert {(path, method) for path, methods in document["paths"].items() for method in methods} == {
        ("/tools/execute", "post"),
        ("/tools/jobs/{job_id}", "get"),
        ("/tools/jobs", "get"),
        ("/tools", "get"),
        ("/status", "get"),
        ("/channel", "get"),
        ("/events", "get"),
        ("/mcp", "post"),
        ("/health", "get"),
        ("/openapi.json", "get"),
        ("/metrics", "get"),
    }


def codes(document: Any, path: str, method: str, status: int) -> set[str]:
    response = document["paths"][path][method]["responses"].get(str(status))
    if response is None:
        return set()
    schema = response["content"]["application/json"]["schema"]
    return set(schema["allOf"][1]["properties"]["error"]["properties"]["code"]["enum"])


def test_every_error_is_where_it_can_happen(document: Any) -> None:
    every = set(error_classes())
    assert {error.code for error in every} == set(
        document["components"]["schemas"]["ErrorObject"]["properties"]["code"]["enum"]
    )
    for error in every - JOB_ENDS - UNROUTED:
        path, method = ("/tools/jobs/{job_id}", "get") if error.code == "job_not_found" else ("/tools/execute", "post")
        assert error.code in codes(document, path, method, error.status), error.code
    for error in AUTHENTICATED:
        assert error.code in codes(document, "/status", "get", error.status)
    for error in ANYWHERE:
        assert error.code in codes(document, "/health", "get", error.status)


def test_only_execute_can_answer_that_a_crash_cut_the_action_off(document: Any) -> None:
    answering = {
        (path, method)
        for path, methods in document["paths"].items()
        for method in methods
        if "interrupted" in codes(document, path, method, 503)
    }
    assert answering == {("/tools/execute", "post")}
    for error in JOB_ENDS - {Interrupted}:
        assert error.code not in codes(document, "/tools/execute", "post", error.status), error.code


@pytest.mark.parametrize("action", CONTRACT.actions)
def test_a_request_of_each_action_fits_its_own_schema_and_no_other(document: Any, action: str) -> None:
    options = document["paths"]["/tools/execute"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert len(options["oneOf"]) == len(CONTRACT.actions)
    validator = Draft202012Validator({**options, "components": document["components"]})
    assert list(validator.iter_errors(request(action))) == []
    assert list(validator.iter_errors(request(action, args={"nonsense": 1})))


def test_references_stay_inside_the_document(document: Any) -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            inner = [reference for item in value.values() for reference in references(item)]
            return inner + ([value["$ref"]] if "$ref" in value else [])
        return [reference for item in value for reference in references(item)] if isinstance(value, list) else []

    for reference in references(document):
        prefix, _, name = reference.rpartition("/")
        assert prefix == "#/components/schemas"
        assert name in document["components"]["schemas"]


def test_only_health_and_the_document_need_no_token(document: Any) -> None:
    public = {
        path
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if operation.get("security") == []
    }
    assert public == {"/health", "/openapi.json"}


def test_whoever_is_told_to_wait_is_told_how_long(document: Any) -> None:
    limited = [
        operation["responses"]["429"]["headers"]["Retry-After"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if "429" in operation["responses"]
    ]
    assert len(limited) == 9
    assert all(header["required"] and header["schema"] == {"type": "integer"} for header in limited)


def test_what_an_address_may_carry_has_the_bounds_it_is_kept_to(document: Any) -> None:
    found = {
        (path, parameter["name"]): parameter
        for path, methods in document["paths"].items()
        for operation in methods.values()
        for parameter in operation.get("parameters", [])
    }
    assert [key for key, parameter in found.items() if parameter["required"]] == [("/tools/jobs/{job_id}", "job_id")]
    for path in ("/tools/jobs/{job_id}", "/events"):
        assert found[path, "wait"]["schema"] == {"type": "number", "minimum": 0, "maximum": MAX_WAIT_S, "default": 0}
    for path in ("/tools/jobs", "/events"):
        assert found[path, "limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 50}
    assert found["/status", "check"]["schema"] == {"type": "integer", "enum": [0, 1], "default": 0}
    assert found["/tools/jobs", "status"]["schema"]["enum"] == ["queued", "running", "done", "failed"]
    assert found["/tools/jobs", "action"]["schema"] == {"enum": [action.name for action in ACTIONS]}
    assert found["/tools/execute", "X-Tool-Signature"]["in"] == "header"


def test_a_body_has_to_be_sent_where_there_is_one(document: Any) -> None:
    posts = [methods["post"]["requestBody"] for methods in document["paths"].values() if "post" in methods]
    assert [body["required"] for body in posts] == [True, True]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_the_document_demands_what_the_service_demands(document: Any, action: Action) -> None:
    name = "".join(part.capitalize() for part in action.name.replace(".", "_").split("_"))
    schema = document["components"]["schemas"][name]
    assert ("args" in schema["required"]) == ("required" in CONTRACT.args_schema(action.name))
    assert ("anyOf" in schema) == (action.kind is Kind.ASYNC)


def test_a_job_answers_with_its_address_and_a_repeat_says_that_it_is_one(document: Any) -> None:
    responses = document["paths"]["/tools/execute"]["post"]["responses"]
    assert set(responses["200"]["headers"]) == {REPLAYED}
    assert set(responses["202"]["headers"]) == {"Location", REPLAYED}
    assert "headers" not in document["paths"]["/status"]["get"]["responses"]["200"]


def test_each_code_is_told_with_its_status_and_meaning(document: Any) -> None:
    words = document["info"]["description"]
    assert "- `unauthorized` (401): No bearer token, or not the right one.\n" in words
    assert ": None" not in words
    assert [line for line in words.splitlines() if line.startswith("- ") and line.endswith(": ")] == []
    assert "`rate_limited`: " in document["paths"]["/status"]["get"]["responses"]["429"]["description"]


def test_errors_of_mcp_may_be_those_of_its_protocol(document: Any) -> None:
    responses = document["paths"]["/mcp"]["post"]["responses"]
    protocol = responses["404"]["content"]["application/json"]["schema"]
    assert protocol["required"] == ["jsonrpc", "id", "error"]
    for status in ("400", "500"):
        ours, theirs = responses[status]["content"]["application/json"]["schema"]["anyOf"]
        assert ours["allOf"][0] == {"$ref": "#/components/schemas/Failure"}
        assert theirs == protocol
