"""A JSON Schema as one function that says yes or no. Most requests are right, and jsonschema takes five times as long
to find nothing wrong with them; what is wrong with the others it then says. No state; called on HTTP workers.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from clawcraft.text import first_unfit

Check = Callable[[Any], bool]
PLAIN_TEXT: Final = "plain-text"
"""The ``format`` of what people get to see: see ``text.py``."""


def quick_check(schema: Mapping[str, Any]) -> Check:
    """Whether a value fits ``schema``. One with a keyword that is not known here fits never: ask jsonschema."""
    try:
        return _every(schema)
    except KeyError:
        return lambda _: False


@lru_cache
def ecma(pattern: str) -> re.Pattern[str]:
    """``pattern`` as JSON Schema means it: in Python a closing $ also matches before a final newline."""
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)


def _every(schema: Mapping[str, Any]) -> Check:
    """Raises KeyError for what is not known here."""
    checks = [_KEYWORDS[name](limit, schema) for name, limit in schema.items() if name not in _SAYING]

    def check(value: Any) -> bool:
        for each in checks:  # noqa: SIM110 - half the time of all()
            if not each(value):
                return False
        return True

    return check


def _properties(properties: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
    checks = {name: _every(schema) for name, schema in properties.items()}
    return lambda value: (
        not isinstance(value, dict) or all(checks[name](inner) for name, inner in value.items() if name in checks)
    )


def _no_others(allowed: bool, schema: Mapping[str, Any]) -> Check:
    if allowed is not False:
        raise KeyError("additionalProperties")
    names = frozenset(schema["properties"])
    return lambda value: not isinstance(value, dict) or names.issuperset(value)


def _all_of(schemas: list[Mapping[str, Any]], _: Mapping[str, Any]) -> Check:
    checks = [_every(schema) for schema in schemas]
    return lambda value: all(check(value) for check in checks)


def _one_of(schemas: list[Mapping[str, Any]], _: Mapping[str, Any]) -> Check:
    checks = [_every(schema) for schema in schemas]
    return lambda value: sum(check(value) for check in checks) == 1


def _not(schema: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
    check = _every(schema)
    return lambda value: not check(value)


def _format(name: str, _: Mapping[str, Any]) -> Check:
    return {PLAIN_TEXT: lambda value: not isinstance(value, str) or first_unfit(value) is None}[name]


def _pattern(pattern: str, _: Mapping[str, Any]) -> Check:
    search = ecma(pattern).search
    return lambda value: not isinstance(value, str) or search(value) is not None


_TYPES: Final[Mapping[str, Check]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
}
_SAYING: Final = frozenset({"title", "description", "examples", "default", "x-agent"})
_KEYWORDS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], Check]]] = {
    "type": lambda name, _: _TYPES[name],
    "pattern": _pattern,
    "format": _format,
    "minLength": lambda least, _: lambda value: not isinstance(value, str) or len(value) >= least,
    "maxLength": lambda most, _: lambda value: not isinstance(value, str) or len(value) <= most,
    "required": lambda names, _: lambda value: not isinstance(value, dict) or all(name in value for name in names),
    "properties": _properties,
    "additionalProperties": _no_others,
    "allOf": _all_of,
    "oneOf": _one_of,
    "not": _not,
}
