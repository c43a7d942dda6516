"""``tools/test.py --repeat``: each failure with its count, in orders that can be had again."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import TOOLS
from tests.support.tool import tool
from tests.support.waiting import HANG_S

SUITE = """
from pathlib import Path

STATE = Path(__file__).with_name("state")


def seen(name):
    with STATE.open("a") as file:
        file.write(name + " ")


def test_a(): seen("a")
def test_b(): seen("b")
def test_c(): seen("c")
def test_d(): seen("d")
def test_every_second_time():
    seen("e")
    assert STATE.read_text().count("e") % 2
"""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--repeat", "0"), "'0' is not a whole number from 1"),
        (("--repeat", "-1"), "'-1' is not a whole number from 1"),
        (("--repeat", "2", "--prove"), "--repeat takes neither --prove nor --obs-matrix"),
        (("--repeat", "2", "--obs-matrix"), "--repeat takes neither --prove nor --obs-matrix"),
        (("--seed", "2"), "--seed goes with --repeat"),
    ],
)
def test_what_would_be_left_out_is_refused(arguments: tuple[str, ...], words: str) -> None:
    done = tool("test.py", *arguments, str(TOOLS / "nothing.py"))
    assert (done.returncode, words in done.stderr) == (2, True), done.stderr


def repeat(folder: Path, *arguments: str) -> tuple[int, list[str], str]:
    """Exit status, the lines of the end, and the tests in the order they ran."""
    suite = folder / "test_suite.py"
    suite.write_text(SUITE)
    state = folder / "state"
    state.write_text("")
    command = [sys.executable, str(TOOLS / "test.py"), *arguments, str(suite), "-p", "no:cacheprovider"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3 * HANG_S, check=False)
    return done.returncode, (done.stdout + done.stderr).splitlines(), state.read_text()


def test_a_failure_is_named_with_its_count_and_the_end_is_red(tmp_path: Path) -> None:
    status, lines, _order = repeat(tmp_path, "--repeat", "4")
    assert status == 1
    assert lines[-1] == "== 2 of 4 runs green"
    assert lines[-2].startswith("2 of 4 red: ")
    assert lines[-2].endswith("test_suite.py::test_every_second_time")


def test_all_green_is_a_success_and_a_seed_gives_its_order_again(tmp_path: Path) -> None:
    orders = [repeat(tmp_path, "--repeat", "1", "--seed", seed) for seed in ("7", "7", "8", "9")]
    assert [status for status, _lines, _order in orders] == [0, 0, 0, 0]
    assert {lines[-1] for _status, lines, _order in orders} == {"== 1 of 1 runs green"}
    first, again, *others = [order for _status, _lines, order in orders]
    assert first == again
    assert set(others) != {first}
