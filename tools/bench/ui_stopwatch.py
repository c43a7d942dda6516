"""An OBS script of the bench: times what the panel does on OBS's UI thread, seen from outside the panel.

Loaded after the script itself, and behind it in the list, which OBS sorts by name. Writes one line for each call to
``stopwatch.txt`` in the folder that OBS runs in.
"""

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from clawcraft.obs.script_ui import ScriptUi
from clawcraft.panel.panel import Panel

STEPS: Final = (
    (Panel, "build", "build"),
    (Panel, "changed", "changed"),
    (Panel, "save", "save"),
    (ScriptUi, "_guarded", "press"),  # a press is two: what it does, and the panel drawn anew
)


def script_load(_settings: Any) -> None:
    for owner, name, step in STEPS:
        setattr(owner, name, _timed(step, getattr(owner, name)))


def _timed(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def run(*arguments: Any) -> Any:
        begun = time.perf_counter()
        try:
            return method(*arguments)
        finally:
            with Path("stopwatch.txt").open("a") as file:
                file.write(f"{name} {(time.perf_counter() - begun) * 1000:.3f}\n")

    return run
