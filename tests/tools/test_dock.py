"""``tools/install.py --dock``: the operator page among OBS's browser docks."""

import json
from pathlib import Path
from typing import Any

import pytest

from installer import Problem, dock, ini
from tests.tools.conftest import Clone

OTHER = {"title": 'Chat "popout"', "url": "https://example.com/?a=1;b=2", "uuid": "0123"}


def docks(file: Path) -> Any:
    return json.loads(ini.value(ini.read(file), dock.SECTION, dock.KEY))


def settings(clone: Clone, name: str, *entries: dict[str, str]) -> Path:
    """As OBS writes it, which doubles backslashes."""
    file = clone.config / name
    file.parent.mkdir(parents=True, exist_ok=True)
    listed = json.dumps(entries).replace("\\", "\\\\")
    file.write_text(f"[General]\nFirstRun=true\n\n[BasicWindow]\nExtraBrowserDocks={listed}\nDockState=AAAA\n")
    return file


@pytest.mark.parametrize("name", ["user.ini", "global.ini"])
def test_the_dock_joins_those_that_are_there_once_and_leaves_again(clone: Clone, name: str) -> None:
    clone.add_collection("Show", {"name": "Show"})
    file = settings(clone, name, OTHER)
    before = file.read_bytes()
    clone.installs("--dock")
    other, ours = docks(file)
    assert other == OTHER
    assert (ours["title"], ours["url"]) == ("twitch-clawcraft", "http://127.0.0.1:3040/operator")
    assert "DockState=AAAA" in file.read_text()
    once = file.read_bytes()
    assert "already there" in clone.install("--dock").stdout
    assert file.read_bytes() == once

    file.write_bytes(once.replace(b"DockState=AAAA", b"DockState=BBBB"))  # OBS ran meanwhile
    assert "the dock is removed" in clone.install("--uninstall").stdout
    assert docks(file) == [OTHER]
    assert file.read_bytes().count(b"BBBB") == 1
    file.write_bytes(before)
    clone.install("--dock")
    clone.install("--uninstall")
    assert file.read_bytes() == before


def test_without_the_option_no_dock_is_added(clone: Clone) -> None:
    file = settings(clone, "user.ini", OTHER)
    clone.install()
    assert docks(file) == [OTHER]


def test_the_dock_has_the_port_that_the_script_has(clone: Clone) -> None:
    entry = {"path": str(clone.script), "settings": {"port": 4000}}
    path = clone.add_collection("Show", {"name": "Show", "modules": {"scripts-tool": [entry]}})
    assert "4000" in clone.install("--dock").stdout
    entry["settings"] = {"port": 4001}
    path.write_text(json.dumps({"name": "Show", "modules": {"scripts-tool": [entry]}}))
    assert "4001" in clone.install("--dock").stdout
    (ours,) = docks(clone.config / "global.ini")
    assert ours["url"].endswith(":4001/operator")


def test_of_several_collections_the_one_in_use_has_the_docks_port(clone: Clone) -> None:
    for name, panel in {"A": {"port": 4000}, "B": {"port": 4001}, "C": {}}.items():
        entry = {"path": str(clone.script), "settings": panel}
        clone.add_collection(name, {"name": name, "modules": {"scripts-tool": [entry]}})
    file = clone.config / "global.ini"
    for in_use, port in {"B": 4001, "C": 3040, "A": 4000}.items():
        file.write_text(f"[Basic]\nSceneCollection={in_use}\n")

        said = clone.installs("--dock").stdout

        (ours,) = docks(file)
        assert ours["url"] == f"http://127.0.0.1:{port}/operator"
        for_openclaw = json.loads(said[said.index("\n{") :])
        assert for_openclaw["plugins"]["entries"]["twitch-clawcraft"]["config"]["baseUrl"].endswith(f":{port}")


def test_the_port_in_the_environment_comes_first_as_in_the_service(clone: Clone) -> None:
    entry = {"path": str(clone.script), "settings": {"port": 4000}}
    clone.add_collection("Show", {"name": "Show", "modules": {"scripts-tool": [entry]}})
    clone.environment["PORT"] = "4001"
    assert "http://127.0.0.1:4001/operator" in clone.installs("--dock").stdout


@pytest.mark.parametrize("port", ["abc", "0", "65536"])
def test_a_port_that_is_none_is_told_before_anything_changes(clone: Clone, port: str) -> None:
    path = clone.add_collection("Show", {"name": "Show"})
    before = path.read_bytes()
    clone.environment["PORT"] = port

    done = clone.install("--dock")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: PORT: ")
    assert path.read_bytes() == before


def test_a_list_that_is_none_is_left_alone_and_told(clone: Clone) -> None:
    for broken in ("{", '{"title": 1}', "[1]"):
        with pytest.raises(Problem, match="ExtraBrowserDocks"):
            dock.with_dock(broken, 3040)
