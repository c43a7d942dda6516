"""The quick answer to whether a request fits its schema is jsonschema's answer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawcraft.contract.quick_check import ecma, quick_check
from clawcraft.contract.schemas import _Validator
from tests.support.examples import EXAMPLES
from tests.support.job_rig import CONTRACT

REQUESTS = {"envelope": CONTRACT.envelope, **{name: CONTRACT.args_schema(name) for name in CONTRACT.actions}}
FIELDS = sorted({name for schema in REQUESTS.values() for name in schema["properties"]})
TEXTS = st.sampled_from(["", " ", "a", "ab", "509658", "x" * 120, "x" * 141, "ab\n", "a\u202eb", "👩\u200d🚀", "/ban"])
VALUES: st.SearchStrategy[Any] = (
    TEXTS | st.none() | st.booleans() | st.integers() | st.floats() | st.lists(TEXTS) | st.text() | st.just({})
)
OBJECTS = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), VALUES, max_size=5)


@pytest.mark.parametrize("name", REQUESTS)
@given(value=OBJECTS | VALUES)
def test_what_fits_at_once_fits_by_jsonschema_and_the_other_way_round(name: str, value: Any) -> None:
    schema = REQUESTS[name]
    if quick_check(schema)(EXAMPLES.get(name, {"agent_id": "producer", "action": "twitch.set_title"})):
        assert quick_check(schema)(value) is _Validator(schema).is_valid(value)
    else:  # a keyword that it does not know
        assert not quick_check(schema)(value)


def test_a_start_and_a_stop_are_found_right_at_once() -> None:
    assert quick_check(CONTRACT.envelope)({"agent_id": "producer", "action": "twitch.stop_stream", "args": {}})
    assert quick_check(REQUESTS["twitch.stop_stream"])({"reason": "the show is over"})
    assert quick_check(REQUESTS["twitch.start_stream"])({"title": "Hello", "game": "Chess", "wait_until_live": True})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array"},
        {"format": "date"},
        {"additionalProperties": {"type": "string"}},
        {"properties": {}, "additionalProperties": {"type": "integer"}},
        {"properties": {"a": {"contains": {}}}},
        {"not": {"minItems": 1}},
    ],
)
def test_a_schema_with_an_unknown_keyword_is_left_to_jsonschema(schema: dict[str, Any]) -> None:
    check = quick_check(schema)
    values: tuple[Any, ...] = ({}, [], "", "2026-01-01", {"a": [1]})
    assert not any(check(value) for value in values)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "boolean"},
        {"type": "object"},
        {"pattern": "^a*$"},
        {"format": "plain-text"},
        {"minLength": 2},
        {"maxLength": 2},
        {"required": ["a"]},
        {"properties": {"a": {"type": "string"}}},
        {"properties": {"a": {}}, "additionalProperties": False},
        {"allOf": [{"type": "string"}, {"minLength": 2}]},
        {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"not": {"required": ["a", "b"]}},
        {"title": "t", "description": "d", "examples": [], "default": 1},
    ],
)
def test_each_keyword_means_what_it_means_to_jsonschema(schema: dict[str, Any]) -> None:
    values: tuple[Any, ...] = (
        "", "a", "aa", "aaa", "aa\n", "b", "a\u202eb", True, None, 0, 1.5, [], ["a"],
        {}, {"a": "x"}, {"a": 1}, {"b": 1}, {"a": "x", "b": 1}, {"c": 1},
    )  # fmt: skip
    for value in values:
        assert quick_check(schema)(value) is _Validator(schema).is_valid(value), value


def test_the_end_of_a_pattern_is_the_end_of_the_text() -> None:
    assert ecma("^a$").search("a")
    assert not ecma("^a$").search("a\n")
    assert ecma("a").search("ba\n")
