"""What strict JSON refuses, and that no bytes at all make it fail in another way."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawcraft.contract import strict_json
from clawcraft.errors import InvalidJson


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"{", "line 1, column 2"),
        (b'{"a": 1,}', "not valid JSON"),
        (b"{} {}", "Extra data"),
        (b"{'a': 1}", "not valid JSON"),
        (b'{"a": 1 /* no */}', "not valid JSON"),
        (b'"a\tb"', "Invalid control character"),
        (b'"\\x41"', "Invalid \\escape"),
        (b"01", "Extra data"),
        (b"+1", "not valid JSON"),
        (b".5", "not valid JSON"),
        (b"NaN", "NaN is not JSON"),
        (b"[Infinity]", "Infinity is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a": 1, "a": 1}', "the key 'a' is there twice"),
        (b'{"x": {"a": 1, "b": 2, "\\u0061": 3}}', "the key 'a' is there twice"),
        (b'{"b": 1, "a": 2, "c": 3, "a": 4}', "the key 'a' is there twice"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'"\xff"', "not UTF-8: byte 1"),
        (b'"\xc0\xaf"', "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b'["\\ud800\\u0041"]', "surrogate"),
        (b"9007199254740992", "larger than 2^53 - 1"),
        (b"-9007199254740992", "larger than 2^53 - 1"),
        (b"[" + b"9" * 60_000 + b"]", "larger than 2^53 - 1"),
        (b"1e309", "too large"),
        (b"-1e309", "too large"),
        (b"1" + b"0" * 400 + b".0", "too large"),
        (b"[" * 33 + b"]" * 33, "more than 32 levels"),
        (b"[" * 65_000, "more than 32 levels"),
        (b"[" + b"[]," * 32 + b"[" * 32 + b"]" * 33, "more than 32 levels"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "more than 32 levels"),
    ],
)
def test_refuses_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidJson) as caught:
        strict_json.parse(body)
    assert reason in caught.value.message
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b' {"a": [1, -2.5, true, null, "\\u00e9\\ud83d\\ude00"]}\n', {"a": [1, -2.5, True, None, "é😀"]}),
        (b"9007199254740991", 2**53 - 1),
        (b"-9007199254740991", 1 - 2**53),
        (b"1e308", 1e308),
        (b"1e-999", 0.0),
        (b"[" * 32 + b"]" * 32, json.loads("[" * 32 + "]" * 32)),
        (b"[" + b"[]," * 40 + b"{}]", [*([] for _ in range(40)), {}]),
        (b'"' + b"[" * 100 + b'\\"' + b"{" * 100 + b'"', "[" * 100 + '"' + "{" * 100),
        ('"\u2028\u0085"'.encode(), "\u2028\u0085"),
    ],
)
def test_accepts(body: bytes, value: Any) -> None:
    assert strict_json.parse(body) == value


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_invalid_json(body: bytes) -> None:
    try:
        value = strict_json.parse(body)
    except InvalidJson:
        return
    assert value == json.loads(body)


@given(st.text(st.sampled_from('"\\[{a\n'), max_size=40))
def test_each_character_is_looked_at_once_to_find_the_depth(rest: str) -> None:
    """Whatever follows a quotation mark, it matches: so none is tried again from within."""
    assert strict_json._STRINGS_AND_BRACKETS.match(f'"{rest}')


@pytest.mark.parametrize("body", [b'"' + b'\\"' * 32_700, b'"' + b'\\"' * 32_700 + b"\\", b'"a' * 32_700])
def test_no_body_takes_long_to_refuse(body: bytes) -> None:
    begun_s = time.thread_time()
    with pytest.raises(InvalidJson):
        strict_json.parse(body)
    assert time.thread_time() - begun_s < 0.5  # some 2 ms; 10 s where the time grows with the square of the size


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_VALUES, st.booleans())
def test_what_json_writes_it_reads_back(value: Any, escape: bool) -> None:
    assert strict_json.parse(json.dumps(value, ensure_ascii=escape).encode()) == value


@given(st.text(st.sampled_from('{}[]",:\\u0019dDeE.-+ntrufalse'), max_size=60))
def test_near_misses_mean_what_python_reads_or_are_refused(text: str) -> None:
    with suppress(InvalidJson):
        assert strict_json.parse(text.encode()) == json.loads(text)


def test_what_is_repeated_in_a_message_is_cut_after_60_characters() -> None:
    assert strict_json.shown("x" * 60) == "x" * 60
    assert strict_json.shown("x" * 61) == "x" * 60 + "… (61 characters)"
