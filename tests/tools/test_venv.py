"""The tools' own environment: made once, anew when its requirements change, whole whatever went wrong before."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from _venv import Environment
from tests.support.paths import ROOT
from tests.support.tool import python, tool
from tests.support.waiting import HANG_S
from tests.tools.conftest import OWN_TAG, hide, make_wheel

# The environments of these tests are made as on a Debian without python3-venv, which is quicker than ensurepip. The
# plain way is the one of whoever runs tools/test.py.
TOOL = """
import sys
import _venv
_venv.enter("requirements.txt")
print(sys.prefix, *sys.argv[1:])
sys.exit(7)
"""

DEBIAN_VENV = """
import runpy, sys
if "--without-pip" not in sys.argv:
    sys.exit("The virtual environment was not created successfully because ensurepip is not available.")
sys.path.remove(next(path for path in sys.path if path.endswith("shadow")))
del sys.modules["venv"]
runpy.run_module("venv", run_name="__main__")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one tool and no requirements, so that no package index is needed."""
    parts = ("__init__.py", "dependencies.py", "files.py")
    for name in ("tools/_venv.py", *(f"obs_plugin/clawcraft/{part}" for part in parts)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "tools/tool.py").write_text(TOOL)
    (tmp_path / "requirements.txt").write_text("")
    return tmp_path


def start(project: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(project / "tools/tool.py"), *arguments]
    return subprocess.Popen(command, env=environment or None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(project: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    process = start(project, *arguments, **environment)
    out, err = process.communicate(timeout=HANG_S)
    return process.returncode, out, err


@pytest.fixture
def debian(tmp_path: Path) -> dict[str, str]:
    """The environment of a Debian with python3-pip and without python3-venv, whose venv fails for want of ensurepip."""
    if importlib.util.find_spec("pip") is None:
        pytest.skip("the Python that runs the tests has no pip")
    shadow = tmp_path / "shadow/venv"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("")
    (shadow / "__main__.py").write_text(DEBIAN_VENV)
    return {"PYTHONPATH": str(shadow.parent), "PATH": "/usr/bin:/bin"}


def test_two_at_once_make_a_half_made_environment_whole_and_run_in_it(project: Path, debian: dict[str, str]) -> None:
    folder = project / ".venv" / f"{OWN_TAG}-requirements"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to("/nowhere")

    both = [start(project, "--port", "1 2", **debian) for _ in range(2)]
    results = [(*process.communicate(timeout=HANG_S), process.returncode) for process in both]

    assert [(out, status) for out, _err, status in results] == [(f"{folder} --port 1 2\n", 7)] * 2
    assert sum(err.count("Making the environment") for _out, err, _status in results) == 1
    assert list(folder.rglob("pip*")) == [], "the pip of the Python that made it serves"
    assert run(project, **debian)[2] == "", "made once"

    (project / "requirements.txt").write_text("# changed\n")
    assert not Environment(project / "requirements.txt", project / ".venv").is_whole()


def test_a_change_in_a_nested_requirements_file_counts(project: Path) -> None:
    nested = project / "requirements-dev.txt"
    nested.write_text("-r requirements.txt\n")
    environment = Environment(nested, project / ".venv")
    before = environment.digest()

    (project / "requirements.txt").write_text("# changed\n")

    assert environment.digest() != before


def test_what_a_redirected_output_cannot_hold_is_told_by_its_number(tmp_path: Path) -> None:
    done = tool("doctor.py", "--obs-config-dir", str(tmp_path), env={**os.environ, "PYTHONIOENCODING": "ascii"})

    assert (done.returncode, done.stderr) == (1, "")
    assert "\\u2192" in done.stdout


def test_what_to_install_is_said_where_no_environment_can_be_made(project: Path, tmp_path: Path) -> None:
    status, _out, err = run(project, **hide(tmp_path / "shadow", "venv", "virtualenv", "pip"))

    assert status == 1
    assert "sudo apt install python3-venv" in err
    assert "No module named venv" in err
    assert "Traceback" not in err


def test_an_unreachable_package_index_is_said(project: Path, debian: dict[str, str]) -> None:
    (project / "requirements.txt").write_text(f"no-such-package==1 --hash=sha256:{'0' * 64}\n")

    status, _out, err = run(project, PIP_NO_INDEX="1", **debian)

    assert status == 1
    assert "pip could not install" in err
    assert "No matching distribution found for no-such-package==1" in err


def test_a_package_that_is_pinned_by_its_version_alone_is_refused(
    project: Path, debian: dict[str, str], tmp_path: Path
) -> None:
    make_wheel(tmp_path, "first")
    (project / "requirements.txt").write_text("first==1.0\n")

    status, _out, err = run(project, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path), **debian)

    assert status == 1
    assert "Hashes are required" in err


def test_an_old_python_is_told_what_is_needed() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'tools')!r}); sys.version_info = (3, 9, 2)\n"
    code += "import _venv; _venv.require_python()"

    done = python("-c", code)

    assert done.returncode == 1
    assert "needs Python 3.11 or newer; this is 3.9" in done.stderr
