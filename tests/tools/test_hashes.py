"""Every package is pinned by the hashes of its files, and ``tools/hashes.py`` writes them."""

import importlib.util
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import hashes
from tests.support.loopback import Handler, Loopback
from tests.support.tool import python

OURS = (
    "claw_one-1.0.tar.gz",
    "claw_one-1.0-py3-none-any.whl",
    "claw_one-1.0-cp311-cp311-win_amd64.whl",
    "claw_one-1.0-cp312-cp312-win_arm64.whl",
    "claw_one-1.0-cp313-cp313-macosx_11_0_arm64.whl",
    "claw_one-1.0-cp314-cp314-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "claw_one-1.0-cp314-cp314-musllinux_1_2_aarch64.whl",
    "claw_one-1.0-1-cp39-abi3-manylinux_2_28_aarch64.whl",
)
OTHERS = (
    "claw_one-1.0.1.tar.gz",
    "claw_one-1.1-py3-none-any.whl",
    "claw_one-1.0-cp310-cp310-win_amd64.whl",
    "claw_one-1.0-cp314-cp314t-win_amd64.whl",
    "claw_one-1.0-cp315-abi3-win_amd64.whl",
    "claw_one-1.0-pp311-pypy311_pp73-win_amd64.whl",
    "claw_one-1.0-cp312-cp312-win32.whl",
    "claw_one-1.0-cp312-cp312-manylinux_2_17_s390x.whl",
    "claw_one-1.0-cp312-cp312-ios_13_0_arm64_iphoneos.whl",
)


@pytest.mark.parametrize("path", hashes.FILES, ids=lambda path: path.name)
def test_every_pin_has_hashes_and_nothing_is_without_a_pin(path: Path) -> None:
    requirements = [
        line
        for line in path.read_text("utf-8").replace("\\\n", "").splitlines()
        if line and not line.startswith(("#", "-r "))
    ]

    assert requirements
    for line in requirements:
        assert re.fullmatch(rf"{hashes.PIN.pattern}( +--hash=sha256:[0-9a-f]{{64}})+", line), line


@pytest.fixture
def index() -> Iterator[str]:
    """The address of a package index that has ``claw-one`` alone; a file's hash is its place in the lists above."""
    files = [
        {"filename": name, "url": name, "hashes": {"sha256": f"{place:064x}"}}
        for place, name in enumerate((*OURS, *OTHERS))
    ]

    class Index(Handler):
        def do_GET(self) -> None:
            self.answer(200 if self.path == "/simple/claw-one/" else 404, json.dumps({"files": files}).encode())

    with Loopback(Index) as server:
        yield f"{server.address}/simple"


def test_the_hashes_of_the_files_for_our_machines_replace_those_that_were_there(index: str) -> None:
    before = '# ours\nClaw.One==1.0 ; sys_platform == "win32" \\\n    --hash=sha256:00\n-r other.txt\n'
    lines = [f"    --hash=sha256:{place:064x}" for place in range(len(OURS))]

    text = hashes.with_hashes(before, hashes.Index(index).hashes)

    pinned = " \\\n".join(['Claw.One==1.0 ; sys_platform == "win32"', *lines])
    assert text == f"# ours\n{pinned}\n-r other.txt\n"
    assert hashes.with_hashes(text, hashes.Index(index).hashes) == text


@pytest.mark.parametrize(("pin", "said"), [("claw-one==2.0", "has no claw-one 2.0"), ("claw-two==1.0", "claw-two")])
def test_a_pin_that_the_index_does_not_know_is_named(index: str, pin: str, said: str) -> None:
    with pytest.raises(hashes.IndexProblem, match=said):
        hashes.with_hashes(pin, hashes.Index(index).hashes)


@pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="the Python that runs the tests has no pip")
def test_the_index_is_the_one_that_pip_is_set_up_with() -> None:
    mine = {"PYTHONPATH": str(Path(hashes.__file__).parent), "PIP_INDEX_URL": "http://127.0.0.1:9/mine"}
    done = python("-c", "import hashes; print(hashes.index_url())", env={**os.environ, **mine})

    assert done.stdout == "http://127.0.0.1:9/mine\n", done.stderr
