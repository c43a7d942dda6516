"""The guard rails that the streamer set in the panel, kept on this machine and outside every scene collection.

A scene collection is a file that people share, and each has its own settings of the script: with the rails in it,
loading another one would drop them. So none says anything about them. The environment comes before what is kept here.
"""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from clawcraft.files import private_folder, write_atomically
from clawcraft.settings import RAIL_NAMES

SAVE_PATIENCE_S: Final = 0.5


class KeptRails:
    """A small file in ``folder``, read once. Any thread."""

    FILE_NAME: Final = "guard_rails.json"

    def __init__(self, folder: Path) -> None:
        self.path = folder / self.FILE_NAME
        self._saving = threading.Lock()
        self.problem = ""
        """Why the file cannot be read: nobody may conclude from that that there are no rails."""
        self._values: Mapping[str, str] = {}
        try:
            self._values = self._read()
        except (OSError, ValueError) as error:
            self.problem = (
                f"{self.path} cannot be read ({type(error).__name__}), so the guard rails are not known: set them in "
                "the panel again, or remove the file if you want none"
            )
        self._saved = self._values

    def values(self) -> Mapping[str, str]:
        """By the name of the setting; what is missing was never set."""
        return self._values

    def take(self, values: Mapping[str, str]) -> None:
        """These count from now on; they are on the disk after ``save``."""
        self._values = dict(values)
        self.problem = ""

    def save(self) -> None:
        """Raises OSError, also where a disk that hangs keeps another thread in here."""
        if not self._saving.acquire(timeout=SAVE_PATIENCE_S):
            raise OSError("the disk does not answer")
        try:
            values = self._values
            if values != self._saved:
                private_folder(self.path.parent)
                write_atomically(self.path, json.dumps(dict(values)).encode(), durable=False)
                self._saved = values
        finally:
            self._saving.release()

    def _read(self) -> Mapping[str, str]:
        try:
            kept = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        if not isinstance(kept, dict):
            raise ValueError("not an object")
        return {name: str(kept[name]) for name in RAIL_NAMES if name in kept}
