"""The list of scripts is edited in the collection's own text: whatever the rest is, it stays."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from installer import collection

SCRIPT = Path("/opt/twitch clawcraft/twitch_clawcraft.py")
ENTRY = {"path": str(SCRIPT), "settings": {}}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
others = st.dictionaries(st.text().filter(lambda key: key not in ("modules", "scripts-tool")), values, max_size=3)
entries = st.builds(
    lambda name, settings: {"path": f"/scripts/{name}.lua", "settings": settings},
    st.text(st.characters(exclude_characters="/\\", categories=["L", "N", "P", "Z", "Cc"])),
    others,
)


@st.composite
def collections(draw: st.DrawFn) -> bytes:
    """A collection with anything in it, the list of scripts anywhere, in any layout that JSON writers produce."""
    modules = draw(others)
    if draw(st.booleans()):
        modules = draw(shuffled(modules | {"scripts-tool": draw(st.lists(entries, max_size=3))}))
    data = draw(others)
    if draw(st.booleans()):
        data = draw(shuffled(data | {"modules": modules}))
    indent = draw(st.sampled_from([None, 1, 4, "\t"]))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]))
    text = json.dumps(data, indent=indent, separators=separators, ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return text.encode(errors="surrogatepass")


def shuffled(data: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.permutations(list(data.items())).map(dict)


def _same_start(one: bytes, two: bytes) -> int:
    differing = (at for at, (left, right) in enumerate(zip(one, two, strict=False)) if left != right)
    return next(differing, min(len(one), len(two)))


def readable(raw: bytes) -> bool:
    try:
        collection.parse(raw)
    except collection.BrokenCollection:
        return False
    return True


@settings(max_examples=40)
@given(collections().filter(readable))
def test_adding_changes_nothing_but_the_list(raw: bytes) -> None:
    new = collection.with_script(raw, SCRIPT)

    expected = json.loads(raw)
    expected.setdefault("modules", {}).setdefault("scripts-tool", []).append(ENTRY)
    assert json.loads(new) == expected
    head = _same_start(raw, new)
    tail = _same_start(raw[head:][::-1], new[head:][::-1])
    gone = raw[head : len(raw) - tail]
    assert gone.strip() == b"", "only blanks inside an empty list may go"
    assert collection.lists(new, SCRIPT)
    assert collection.with_script(new, SCRIPT) == new


@settings(max_examples=40)
@given(collections().filter(readable))
def test_removing_takes_back_what_adding_did(raw: bytes) -> None:
    back = collection.without_script(collection.with_script(raw, SCRIPT), SCRIPT)

    expected = json.loads(raw)
    if expected.get("modules", {}).get("scripts-tool"):
        assert back == raw
    expected.setdefault("modules", {}).setdefault("scripts-tool", [])
    assert json.loads(back) == expected


@settings(max_examples=40)
@given(st.lists(entries, max_size=3), st.lists(entries, max_size=3))
def test_removing_finds_the_script_anywhere_in_the_list(before: list[Any], after: list[Any]) -> None:
    raw = json.dumps({"modules": {"scripts-tool": [*before, ENTRY, *after]}}, indent=4).encode()

    left = json.loads(collection.without_script(raw, SCRIPT))

    assert left == {"modules": {"scripts-tool": [*before, *after]}}


def test_the_new_entry_is_laid_out_as_obs_would() -> None:
    data = {"name": "x", "modules": {"scripts-tool": [{"path": "/a.lua", "settings": {}}]}}
    raw = json.dumps(data, indent=4).encode()

    data["modules"]["scripts-tool"].append(ENTRY)  # type: ignore[index]
    assert collection.with_script(raw, SCRIPT) == json.dumps(data, indent=4).encode()


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"a": NaN}', b'{"a": 1} x', b"\xff", b"[" * 200_000])
def test_what_is_no_collection_is_said_to_be_broken(raw: bytes) -> None:
    with pytest.raises(collection.BrokenCollection):
        collection.with_script(raw, SCRIPT)
