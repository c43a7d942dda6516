"""How an answer looks on the wire: JSON in UTF-8, its headers, and every error in the contract's form. No state."""

import json
from collections.abc import Mapping
from http.client import responses as reasons
from typing import Any, Final, NamedTuple

from clawcraft.errors import (
    ClawcraftError,
    HeadersTooLarge,
    InternalError,
    InvalidRequest,
    PayloadTooLarge,
)
from clawcraft.http.wire import MAX_BODY_BYTES, MAX_HEADER_BYTES

ALWAYS: Final[Mapping[str, str]] = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
JSON: Final = "application/json"
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)


class Response(NamedTuple):
    """A finished response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def status_line(self) -> str:
        return f"{self.status} {reasons[self.status]}"


def answer(status: int, body: bytes, content_type: str = JSON, headers: Mapping[str, str] | None = None) -> Response:
    """``body`` with the headers that every answer has."""
    named = {**ALWAYS, "Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}
    return Response(status, list(named.items()), body)


def json_answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """``body`` as JSON."""
    return answer(status, encode(body), headers=headers)


def failure(error: ClawcraftError, action: str | None, request_id: str | None) -> Response:
    """The contract's failure object, with the status and headers that belong to the error."""
    return json_answer(error.status, error.body(action, request_id), error.headers())


def encode(body: Any) -> bytes:
    """JSON in UTF-8. A half surrogate, as file names and foreign text can hold, becomes ``?``."""
    return _JSON.encode(body).encode("utf-8", "replace")


def of_waitress(refusal: Any) -> ClawcraftError:
    """The contract's error for a request that waitress itself could not accept."""
    match refusal.code:
        case 413:
            message = f"the body is larger than {MAX_BODY_BYTES} bytes"
            return PayloadTooLarge(message, details={"limit_bytes": MAX_BODY_BYTES})
        case 431:
            return HeadersTooLarge(f"the request line and headers are larger than {MAX_HEADER_BYTES} bytes")
        case 500:
            return InternalError("the service could not answer")
        case _:
            # What follows a quotation mark is the offending header itself, which may be a credential.
            reason = str(refusal.body).partition('"')[0].strip(" :")
            return InvalidRequest(f"this is not valid HTTP/1.1: {reason}", hint="Send well-formed HTTP/1.1.")
