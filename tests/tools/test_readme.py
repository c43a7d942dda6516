"""What the README names is there."""

import re

from tests.support.paths import ROOT
from tests.support.tool import python

README = (ROOT / "README.md").read_text("utf-8")


def test_every_file_it_names_is_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    named = re.findall(r"(?<![/\w])(?:tools|docs|obs_plugin|\.ci)/[\w./-]+\w", README)

    assert [name for name in links + named if not (ROOT / name).exists() and name != "obs_plugin/lib"] == []
    assert len(named) > 5


def test_every_command_it_names_runs_and_every_option_is_known() -> None:
    tools = {"tools/install.py", "tools/run.py", "tools/test.py", *re.findall(r"python3 (tools/\w+\.py)", README)}
    known: set[str] = set()
    for tool in tools:
        done = python(str(ROOT / tool), "--help")
        assert done.returncode == 0, done.stderr
        assert "usage:" in done.stdout
        known |= set(re.findall(r"--[a-z-]+", done.stdout))

    assert set(re.findall(r"`(--[a-z-]+)", README)) <= known
