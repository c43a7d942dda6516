"""``tools/test.py --obs-matrix``: how the other systems are made and kept, and the table at its end."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from obs_matrix import roots, table
from obs_matrix.chroot import inside
from obs_matrix.roots import Release, RootProblem, Roots
from tests.support.clock import ManualClock
from tests.support.tool import tool

FAKE_UNSHARE = """#!/bin/sh
# Stands for the mounts and for debootstrap: makes the folders, and fails as often as the file "failures" has lines.
echo "$4" >> "{folder}/ran"
if [ -s "{folder}/failures" ]; then sed -i 1d "{folder}/failures"; echo "E: the mirror is away"; exit 100; fi
if [ "$4" = debootstrap ]; then mkdir -p "$8/etc/apt/apt.conf.d" "$8/usr/sbin" "$8/etc/ssl/certs"; fi
"""


class Machine:
    """One where ``unshare`` is the fake."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pauses: list[float] = []
        self.cache = folder / "cache"
        self.clock = ManualClock(0.0)
        self.roots = Roots(self.cache, self.pauses.append, self.clock.monotonic)

    def ran(self) -> list[str]:
        """What ran inside a namespace, in order."""
        path = self._folder / "ran"
        return path.read_text().split() if path.exists() else []

    def fails(self, times: int) -> None:
        (self._folder / "failures").write_text("once\n" * times)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "unshare").write_text(FAKE_UNSHARE.format(folder=tmp_path))
    (programs / "unshare").chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return Machine(tmp_path)


RELEASE = Release("trixie")


def test_a_system_is_made_once_and_kept(machine: Machine) -> None:
    root = machine.roots.get(RELEASE)
    assert root == machine.cache / "trixie"
    assert machine.ran() == ["debootstrap", "sh"]
    assert machine.roots.get(RELEASE) == root
    assert machine.ran() == ["debootstrap", "sh"]


def test_one_of_another_recipe_is_made_anew(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    root = machine.roots.get(RELEASE)
    (root / "old").touch()
    monkeypatch.setattr(roots, "PACKAGES", (*roots.PACKAGES, "one-more"))
    assert machine.roots.get(RELEASE) == root
    assert not (root / "old").exists()
    assert machine.ran() == ["debootstrap", "sh"] * 2


def test_a_mirror_that_is_away_is_asked_again_and_nothing_half_made_stays(machine: Machine) -> None:
    machine.fails(2)
    root = machine.roots.get(RELEASE)
    assert machine.pauses == [roots.PAUSE_S, 2 * roots.PAUSE_S]
    assert [path.name for path in machine.cache.iterdir() if path.is_dir()] == [root.name]


def test_a_system_that_cannot_be_made_is_said_with_what_went_wrong(machine: Machine) -> None:
    machine.fails(roots.TRIES)
    with pytest.raises(RootProblem, match=r"status 100; .*trixie\.log ends:\n(.*\n)*E: the mirror is away"):
        machine.roots.get(RELEASE)
    assert not (machine.cache / "trixie").exists()


def test_a_mirror_that_hangs_is_not_asked_again_for_hours(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(_command: object, within_s: float, _log: Path) -> None:
        machine.clock.advance(within_s)
        raise RootProblem("no end")

    monkeypatch.setattr(roots, "_run", hang)
    with pytest.raises(RootProblem):
        machine.roots.get(RELEASE)
    assert machine.clock.monotonic() < roots.PATIENCE_S + roots.BOOTSTRAP_S + roots.INSTALL_S
    assert len(machine.pauses) < roots.TRIES - 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda patch: patch.setattr(os, "geteuid", lambda: 1000), "run it as root"),
        (lambda patch: patch.setenv("PATH", "/nowhere"), "not installed: debootstrap, unshare, chroot"),
    ],
    ids=["no root", "no debootstrap"],
)
def test_a_machine_that_cannot_is_told_why(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[pytest.MonkeyPatch], None], said: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    change(monkeypatch)
    assert said in str(roots.unable())


def test_where_it_cannot_run_it_fails_and_skips_nothing() -> None:
    done = tool("test.py", "--obs-matrix", "-m", "core", env={**os.environ, "PATH": "/nowhere"})
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: --obs-matrix cannot run here: ")


def test_a_program_inside_gets_its_arguments_as_they_are(tmp_path: Path) -> None:
    command = inside(tmp_path / "a root", ["obs", "--name", "it's $HOME"], [Path("/tmp/x y")])
    assert command[-5:] == ["/tmp/x y", "--", "obs", "--name", "it's $HOME"]
    assert str(tmp_path / "a root") in command


REPORT = """<testsuites><testsuite>
<testcase classname="a" name="test_live" file="tests/e2e/test_a.py" time="1.25"/>
<testcase classname="a" name="test_red" file="tests/e2e/test_a.py" time="2"><failure message="x"/></testcase>
<testcase classname="a" name="test_red_after" file="tests/e2e/test_a.py" time="2"/>
<testcase classname="a" name="test_red_after" file="tests/e2e/test_a.py" time="0.1"><error message="x"/></testcase>
<testcase classname="a" name="test_none" file="tests/e2e/test_a.py" time="0"><skipped message="x"/></testcase>
</testsuite></testsuites>
"""


def test_the_table_has_a_row_a_test_and_a_column_an_obs(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    found = table.results(report)
    assert table.results(tmp_path / "none.xml") == {}
    assert [line.split() for line in table.lines({"29.0.2": found, "30.2.3": {}}, list(found))] == [
        ["seconds", "29.0.2", "30.2.3"],
        ["e2e/test_a.py::test_live", "1.2", "-"],
        ["e2e/test_a.py::test_red", "FAILED", "-"],
        ["e2e/test_a.py::test_red_after", "FAILED", "-"],
        ["e2e/test_a.py::test_none", "skipped", "-"],
        ["all", "1.2", "0.0"],
    ]
