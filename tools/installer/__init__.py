"""The parts of ``tools/install.py``: where OBS keeps its files, which Python it embeds, and the changes to both."""

from enum import IntEnum
from typing import Final

from _venv import PLUGIN

SCRIPT: Final = PLUGIN / "twitch_clawcraft.py"
LIBRARY: Final = PLUGIN / "lib"


class Status(IntEnum):
    """Exit statuses of ``tools/install.py``; 2 is argparse's, for wrong arguments."""

    DONE = 0
    FAILED = 1
    OBS_RUNS = 3
    NO_PYTHON = 4
    NO_PACKAGES = 5


class Problem(Exception):
    """Something that stops the installer; the message says what happened and what to do."""

    def __init__(self, message: str, status: Status = Status.FAILED) -> None:
        super().__init__(message)
        self.status = status
