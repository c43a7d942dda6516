"""Copies of the project: one to install from, and one to which a test adds an action the way a developer does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

NAME = "obs.stream_state"

SCHEMA = """{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Tell the stream's state",
  "description": "Tell whether OBS streams now.",
  "x-agent": {
    "label": "Stream state",
    "description": "Tell whether OBS streams now. Changes nothing."
  },
  "type": "object",
  "properties": {},
  "additionalProperties": false
}
"""
ROW = f"""\
    Action(name="{NAME}", kind=Kind.SYNC, module="state", label="ask for the state", needs=Needs.OBS),
"""
HANDLER = '''\
"""``obs.stream_state``."""

from clawcraft.actions.handlers import ActionContext, Result


def stream_state(context: ActionContext) -> Result:
    return {"status": "done", "state": context.stream.status()["stream"]["state"]}
'''
EXAMPLE = f'    "{NAME}": {{}},\n'
DRIVER = """\
import sys
from pathlib import Path

from tests.support.paths import ROOT

from obs_mock import MockObs

port, folder = int(sys.argv[1]), Path(sys.argv[2])
obs = MockObs(Path("obs_plugin/twitch_clawcraft.py"), "good", {"port": port}, config_dir=folder)
with obs:
    for line in sys.stdin:
        obs.open_panel()
        obs.change(line.strip(), "allow")
"""


def copy_project(target: Path) -> Path:
    """What a streamer has of the project, without the packages."""
    ignored = shutil.ignore_patterns("lib", "__pycache__", "node_modules", ".*")
    for name in ("tools", "obs_plugin", "schemas"):
        shutil.copytree(ROOT / name, target / name, ignore=ignored)
    shutil.copy(ROOT / "requirements.txt", target)
    return target


class ProjectCopy:
    """The parts of the project that the service, its tools and its tests are made of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "obs_plugin", folder / "obs_plugin", ignore=shutil.ignore_patterns("__pycache__", "lib"))
        for name in ("schemas", "tools", "tests", "docs"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
        for path in (*ROOT.glob("*.toml"), *ROOT.glob("requirements*.txt")):
            shutil.copy(path, folder)

    def add_schema(self) -> None:
        (self.folder / "schemas" / "actions" / f"{NAME}.json").write_text(SCHEMA, "utf-8")

    def add_row(self) -> None:
        self._insert("obs_plugin/clawcraft/actions/catalogue.py", "ACTIONS: Final = (\n", ROW)

    def add_handler(self) -> None:
        (self.folder / "obs_plugin" / "clawcraft" / "actions" / "state.py").write_text(HANDLER, "utf-8")

    def add_example(self) -> None:
        self._insert("tests/support/examples.py", "EXAMPLES: Final[Mapping[str, dict[str, Any]]] = {\n", EXAMPLE)

    def generate(self) -> None:
        self.run("tools/generate.py")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python on ``arguments`` in the copy, in this interpreter's environment."""
        return subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=self._environment(), capture_output=True, text=True
        )

    def serve(self, port: int, data: Path) -> subprocess.Popen[str]:
        """The service in the fake OBS; a line on stdin is the key of an action in the panel, to be allowed."""
        return subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(port), str(data)],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.PIPE,
            text=True,
        )

    def _environment(self) -> dict[str, str]:
        paths = (self.folder / "tools", self.folder / "obs_plugin", self.folder)
        return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONDONTWRITEBYTECODE": "1"}

    def _insert(self, name: str, after: str, text: str) -> None:
        path = self.folder / name
        before, found, rest = path.read_text("utf-8").partition(after)
        assert found, f"{name} has no line {after!r}"
        path.write_text(before + found + text + rest, "utf-8")
