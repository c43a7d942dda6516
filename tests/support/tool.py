"""The project's tools, as a user runs them."""

import subprocess
import sys
from collections.abc import Mapping

from tests.support.paths import TOOLS
from tests.support.waiting import HANG_S

Done = subprocess.CompletedProcess[str]


def python(*arguments: str, env: Mapping[str, str] | None = None, said: str = "", within_s: float = HANG_S) -> Done:
    """This Python on ``arguments``, to its end; ``said`` comes in by its stdin."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=env, input=said, capture_output=True, encoding="utf-8", timeout=within_s)


def tool(name: str, *arguments: str, env: Mapping[str, str] | None = None, within_s: float = HANG_S) -> Done:
    """``tools/name``."""
    return python(str(TOOLS / name), *arguments, env=env, within_s=within_s)
