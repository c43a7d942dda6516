"""Query strings, as strict as bodies: an unknown, repeated or malformed parameter is refused with the reason."""

import re
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import parse_qsl

from clawcraft.contract.strict_json import shown
from clawcraft.errors import InvalidRequest

MAX_WAIT_S: Final = 30
MAX_LIMIT: Final = 200
DEFAULT_LIMIT: Final = 50

_SECONDS: Final = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,3})?")
_COUNT: Final = re.compile(r"[0-9]{1,3}")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def refusal(name: str, rule: str, message: str) -> InvalidRequest:
    """InvalidRequest in the form that bodies have, its path beginning with ``/query``."""
    path = f"/query/{shown(name)}"
    return InvalidRequest(
        f"query parameter {shown(name)}: {message}",
        details={"violations": [{"path": path, "rule": rule, "message": message}]},
        hint="Correct the query parameters named in details; GET /openapi.json describes them.",
    )


def parse(text: str, allowed: Collection[str]) -> dict[str, str]:
    """The parameters in ``text``. Raises InvalidRequest."""
    if not text:
        return {}
    if _BAD_ESCAPE.search(text) or not text.isascii():
        raise InvalidRequest("the query string is not percent-encoded correctly")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise InvalidRequest("the query string is not a list of name=value in UTF-8") from None
    values: dict[str, str] = {}
    for name, value in pairs:
        if name not in allowed:
            known = f"the parameters are {', '.join(allowed)}" if allowed else "there are none here"
            raise refusal(name, "additionalProperties", f"is not a parameter; {known}")
        if name in values:
            raise refusal(name, "unique", "is there twice")
        values[name] = value
    return values


def wait_s(values: dict[str, str]) -> float:
    """``wait``: 0 to 30 seconds, 0 when absent."""
    text = values.get("wait", "0")
    if not _SECONDS.fullmatch(text) or float(text) > MAX_WAIT_S:
        raise refusal("wait", "range", f"must be seconds from 0 to {MAX_WAIT_S}, not {shown(text)!r}")
    return float(text)


def flag(values: dict[str, str], name: str) -> bool:
    """``name``: 1 or 0, 0 when absent."""
    text = values.get(name, "0")
    if text not in ("0", "1"):
        raise refusal(name, "enum", f"must be 1 or 0, not {shown(text)!r}")
    return text == "1"


def limit(values: dict[str, str]) -> int:
    """``limit``: 1 to 200, 50 when absent."""
    text = values.get("limit", str(DEFAULT_LIMIT))
    if not _COUNT.fullmatch(text) or not 1 <= int(text) <= MAX_LIMIT:
        raise refusal("limit", "range", f"must be a whole number from 1 to {MAX_LIMIT}, not {shown(text)!r}")
    return int(text)


def one_of(values: dict[str, str], name: str, choices: Collection[Any]) -> None:
    """Refuse a value of ``name`` outside ``choices``."""
    if name in values and values[name] not in choices:
        listed = ", ".join(str(choice) for choice in choices)
        raise refusal(name, "enum", f"must be one of {listed}, not {shown(values[name])!r}")
