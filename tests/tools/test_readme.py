"""What the README names is there."""

import re
import subprocess
import sys

import pytest

from tests.tools.conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")


def test_every_file_it_names_is_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    named = re.findall(r"(?<![/\w])(?:tools|docs|obs_plugin|\.ci)/[\w./-]+\w", README)

    assert [name for name in links + named if not (ROOT / name).exists() and name != "obs_plugin/lib"] == []
    assert len(named) > 5


@pytest.mark.parametrize("tool", sorted(set(re.findall(r"python3 (tools/\w+\.py)", README))))
def test_every_command_it_names_runs(tool: str) -> None:
    done = subprocess.run([sys.executable, str(ROOT / tool), "--help"], capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_every_option_it_names_is_known() -> None:
    tools = ("install", "run", "test")
    options = {tool: set(re.findall(r"--[a-z-]+", _help(f"tools/{tool}.py"))) for tool in tools}

    assert set(re.findall(r"`(--[a-z-]+)", README)) <= set.union(*options.values())


def _help(tool: str) -> str:
    return subprocess.run(
        [sys.executable, str(ROOT / tool), "--help"], capture_output=True, text=True, timeout=60, check=True
    ).stdout
