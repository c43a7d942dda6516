"""JSON without ambiguity: what two parsers could read differently is refused. No state; called on HTTP workers."""

import json
import math
import re
from typing import Any, Final, NoReturn

from clawcraft.errors import InvalidJson

MAX_DEPTH: Final = 32
MAX_INTEGER: Final = 2**53 - 1
"""Larger integers lose digits in JavaScript, so that client and service would disagree about the value."""
SHOWN_CHARACTERS: Final = 60

_STRINGS_AND_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""A string that does not end counts as one too, and the parser says that it does not: if it did not match, each
quotation mark within would be tried as the beginning of another, and 64 KB of them hold the interpreter for 10 s."""


def parse(body: bytes) -> Any:
    """The value of one strict JSON text. Raises InvalidJson, whose message says where and why."""
    if not body.strip(b" \t\r\n"):
        raise InvalidJson("the body is empty")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidJson(f"the body is not UTF-8: byte {error.start} cannot be decoded") from None
    if text.startswith("\ufeff"):
        raise InvalidJson("the body starts with a byte order mark; send plain UTF-8")
    _check_depth(text)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidJson(f"not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    if "\\u" in text:
        _check_surrogates(value)
    return value


def shown(text: str) -> str:
    """``text`` short enough to be repeated in a message."""
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}… ({len(text)} characters)"


def _check_depth(text: str) -> None:
    # Before parsing: the parser itself recurses, and how deep it may go depends on the Python that OBS embeds.
    depth = 0
    for match in _STRINGS_AND_BRACKETS.finditer(text):
        token = match.group()
        if token in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InvalidJson(f"nested more than {MAX_DEPTH} levels deep")
        elif token in "]}":
            depth -= 1


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidJson("a \\u escape is half of a surrogate pair, which is no character") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InvalidJson(f"the key {shown(ascii(key))} is there twice in one object")
            seen.add(key)
    return value


def _integer(digits: str) -> int:
    # The length first: int() of a very long text is slow, and refused by Python in its own words.
    if len(digits) > 17 or abs(int(digits)) > MAX_INTEGER:
        raise InvalidJson(f"the number {shown(digits)} is larger than 2^53 - 1")
    return int(digits)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InvalidJson(f"the number {shown(text)} is too large")
    return number


def _constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
