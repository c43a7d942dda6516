"""Whatever a handler gave becomes JSON that can be stored and sent."""

import math
from typing import Any

from clawcraft.jobs.plain import MAX_DEPTH, plain, plain_text


def test_what_json_has_stays_as_it_is() -> None:
    value = {"a": [1, -2.5, True, False, None, "é😀"], "b": {"c": {}}, "big": 2**70}
    assert plain(value) == value


def test_numbers_that_are_none_become_null_and_the_others_plain_numbers() -> None:
    assert plain({"n": [math.nan, math.inf, -math.inf, 0.0]}) == {"n": [None, None, None, 0.0]}
    assert [type(number) for number in plain({"n": [True, 1, 1.0]})["n"]] == [bool, int, float]


def test_halves_of_surrogate_pairs_become_replacement_characters_in_names_and_texts() -> None:
    assert plain({"\ud800": "\udfff x"}) == {"\ufffd": "\ufffd x"}
    assert plain_text("ascii") == "ascii"
    assert plain_text("\ud83d\ude00") == "😀"


def test_sets_and_tuples_are_lists_and_anything_else_is_what_it_prints() -> None:
    value: dict[Any, Any] = {"t": (1, 2), "s": {3}, "f": frozenset({4}), 5: b"x"}
    assert plain(value) == {
        "t": [1, 2],
        "s": [3],
        "f": [4],
        "5": "b'x'",
    }


def test_what_is_nested_too_deep_is_kept_as_what_it_prints() -> None:
    for wrap in (lambda inner: {"in": inner}, lambda inner: [inner]):
        value: Any = "core"
        for _ in range(MAX_DEPTH - 1):
            value = wrap(value)
        assert plain({"in": value}) == {"in": value}
        value = plain({"in": wrap(value)})
        for _ in range(MAX_DEPTH):
            value = value["in"] if isinstance(value, dict) else value[0]
        assert value == str(wrap("core"))
