"""OBS started where another Python comes first on PATH, as with pyenv, conda and virtual environments."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from installer import embedded, homes
from tests.support.display import SYSTEM_PATH
from tests.support.show import Show

pytestmark = pytest.mark.real_obs


def another_python(prefix: Path, version: str) -> Path:
    """Another build of OBS's Python, by all that OBS looks at: its ``_ssl`` does not fit. The folder of its program."""
    own, library = Path("/usr/lib") / f"python{version}", prefix / "lib" / f"python{version}"
    for folder in (library, library / "lib-dynload"):
        folder.mkdir(parents=True)
        for each in (own / folder.relative_to(library)).iterdir():
            if each.name != "lib-dynload" and not each.name.startswith("_ssl."):
                (folder / each.name).symlink_to(each)
    (library / "lib-dynload" / "_ssl.so").write_bytes(b"of another build")
    return program_in(prefix)


def virtual_environment(prefix: Path, version: str) -> Path:
    """One of another Python, as ``python -m venv`` makes it."""
    home = another_python(prefix / "base", version)
    (prefix / "lib" / f"python{version}" / "site-packages").mkdir(parents=True)
    (prefix / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
    return program_in(prefix)


def program_in(prefix: Path) -> Path:
    (prefix / "bin").mkdir()
    program = prefix / "bin" / "python3"
    program.write_text("#!/bin/sh\n")  # OBS's Python looks where it is, and never runs it
    program.chmod(0o755)
    return prefix / "bin"


@pytest.mark.parametrize("make", [another_python, virtual_environment])
def test_the_service_uses_the_standard_library_of_obs_own_python(
    tmp_path: Path, make: Callable[[Path, str], Path]
) -> None:
    version = str(embedded.detect(homes.given_home(tmp_path), sys.platform))
    first = make(tmp_path / "other", version)
    with Show(tmp_path / "show", {"PATH": f"{first}{os.pathsep}{SYSTEM_PATH}"}) as show:
        line = show.obs.process.wait_for_line("another one's standard library")
        assert str(tmp_path / "other") in line
        assert line.endswith(f"its own (/usr/lib/python{version})")
        assert show.client.status()["ok"]
        show.obs.exits_clean()
