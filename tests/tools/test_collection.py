"""A collection's list of scripts is edited as JSON: whatever else OBS keeps in it stays."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from installer.collection import BrokenCollection, Collection

SCRIPT = Path("/opt/twitch clawcraft/twitch_clawcraft.py")
ENTRY = {"path": str(SCRIPT), "settings": {}}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
others = st.dictionaries(st.text().filter(lambda key: key not in ("modules", "scripts-tool")), values, max_size=3)
scripts = st.lists(st.builds(lambda number, own: {"path": f"/s/{number}.lua"} | own, st.integers(), others), max_size=3)
with_list = st.builds(
    lambda data, modules, found: data | {"modules": modules | {"scripts-tool": found}}, *[others] * 2, scripts
)
collections = others | st.builds(lambda data, modules: data | {"modules": modules}, others, others) | with_list


@settings(max_examples=60, deadline=None)
@given(collections, st.sampled_from([None, 4, "\t"]), st.booleans())
def test_the_script_is_added_once_and_removed_again(
    tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any], indent: int | str | None, ascii_only: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "collection.json"
    expected = copy.deepcopy(data)
    expected.setdefault("modules", {}).setdefault("scripts-tool", []).append(ENTRY)

    path.write_text(json.dumps(data, indent=indent, ensure_ascii=ascii_only), "utf-8")
    added = Collection.read(path)
    assert added.add(SCRIPT)
    assert not added.add(SCRIPT)
    path.write_bytes(added.to_bytes())
    assert path.read_text("utf-8") == json.dumps(expected, indent=4, ensure_ascii=False)

    expected["modules"]["scripts-tool"].pop()
    removed = Collection.read(path)
    assert removed.entry(SCRIPT) == ENTRY
    assert removed.remove(SCRIPT)
    assert not removed.remove(SCRIPT)
    assert json.loads(removed.to_bytes()) == expected


@pytest.mark.parametrize(
    "path",
    [
        "C:\\old place\\twitch_clawcraft.py",
        "twitch_clawcraft.py",
        "/\0/twitch_clawcraft.py",
        f"/{'a' * 300}/twitch_clawcraft.py",
    ],
)
def test_an_entry_of_a_strangers_copy_is_pointed_here_and_loses_its_settings(
    tmp_path: Path, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / SCRIPT.name).touch()
    monkeypatch.chdir(tmp_path)
    old = {"path": path, "settings": {"port": "3055"}}
    found = Collection(tmp_path / "Show.json", {"modules": {"scripts-tool": [old]}})

    assert found.add(SCRIPT) == f"pointed here from {path}, its settings dropped"

    assert found.entry(SCRIPT) == {"path": str(SCRIPT), "settings": {}}
    assert not found.add(SCRIPT)


def test_an_entry_of_another_copy_on_this_machine_is_pointed_here_and_keeps_its_settings(tmp_path: Path) -> None:
    copy_here = tmp_path / SCRIPT.name
    copy_here.touch()
    kept = {"port": 3055, "hotkey_pause": [{"key": "OBS_KEY_F9"}]}
    old = {"path": str(copy_here), "settings": kept}
    found = Collection(tmp_path / "Show.json", {"modules": {"scripts-tool": [old]}})

    assert found.add(SCRIPT) == f"pointed here from {copy_here}, its settings kept"

    assert found.entry(SCRIPT) == {"path": str(SCRIPT), "settings": kept}
    assert not found.add(SCRIPT)


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"{", b"[]", b'{"a": 1} x', b"\xff", b"[" * 200_000),
        *(b'{"modules": []}', b'{"modules": {"scripts-tool": {}}}', b'{"modules": {"scripts-tool": ["a"]}}'),
        *(b'{"a": 1, "a": 2}', b'{"a": NaN}', b'{"a": 1e400}', rb'{"a": "\ud800"}'),
    ],
)
def test_what_obs_does_not_read_is_said_to_be_broken(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "Broken.json"
    path.write_bytes(raw)

    with pytest.raises(BrokenCollection):
        Collection.read(path)
