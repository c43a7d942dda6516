"""Which standard library belongs to a Python, and that only a foreign one makes room for it."""

import sys
from pathlib import Path

import pytest

from clawcraft.standard_library import beside_libpython, replace_foreign

NAME = f"python{sys.version_info.major}.{sys.version_info.minor}"
ZIP = f"python{sys.version_info.major}{sys.version_info.minor}.zip"


def standard_library(prefix: Path, lib: str = "lib") -> Path:
    library = prefix / lib / NAME
    (library / "lib-dynload").mkdir(parents=True)
    (library / "os.py").touch()
    return library


def maps(*libraries: Path) -> list[str]:
    """As /proc/self/maps tells of them: each several times, between others."""
    lines = ["7f0-7f1 rw-p 00000000 00:00 0 \n", "7f1-7f2 r-xp 00000000 08:01 42    /usr/lib/libc.so.6\n"]
    return lines + [f"7f3-7f4 r--p 00000000 08:01 43          {path}\n" for path in libraries for _ in range(3)]


@pytest.mark.parametrize(("lib", "place"), [("lib", "lib/x86_64-linux-gnu"), ("lib", "lib"), ("lib64", "lib64")])
def test_a_libpythons_own_is_found_above_it(tmp_path: Path, lib: str, place: str) -> None:
    own = standard_library(tmp_path / "a prefix", lib)
    libpython = tmp_path / "a prefix" / place / f"lib{NAME}.so.1.0"
    stable_abi = libpython.with_name("libpython3.so")
    assert beside_libpython(maps(libpython, stable_abi)) == str(own)


def test_without_a_libpython_with_two_or_with_none_near_nothing_is_known(tmp_path: Path) -> None:
    first, second = (tmp_path / name / "lib" / f"lib{NAME}.so.1.0" for name in ("first", "second"))
    standard_library(tmp_path / "first")
    assert beside_libpython(maps()) == ""
    assert beside_libpython(maps(first, second)) == ""
    assert beside_libpython(maps(second)) == ""


def test_each_part_of_a_foreign_one_is_replaced_at_its_place(tmp_path: Path) -> None:
    own, foreign = standard_library(tmp_path / "own"), standard_library(tmp_path / "foreign")
    site = str(foreign / "site-packages")
    path = ["", str(foreign.parent / ZIP), str(foreign), str(foreign / "lib-dynload"), site, "/script"]
    assert replace_foreign(path, str(own)) == str(foreign)
    assert path == ["", str(own.parent / ZIP), str(own), str(own / "lib-dynload"), site, "/script"]
    mended = list(path)
    assert replace_foreign(path, str(own)) == ""
    assert path == mended


def test_the_own_one_stays_also_under_another_name(tmp_path: Path) -> None:
    own = standard_library(tmp_path / "own")
    (tmp_path / "link").symlink_to(tmp_path / "own")
    path = [str(tmp_path / "link" / "lib" / NAME)]
    assert replace_foreign(path, str(own)) == ""
    assert path == [str(tmp_path / "link" / "lib" / NAME)]


def test_other_folders_of_that_name_are_no_standard_library(tmp_path: Path) -> None:
    own = standard_library(tmp_path / "own")
    packages = tmp_path / "share" / NAME
    packages.mkdir(parents=True)
    path = [str(packages)]
    assert replace_foreign(path, str(own)) == ""
    assert path == [str(packages)]
