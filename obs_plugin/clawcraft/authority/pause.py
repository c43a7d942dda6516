"""The streamer's pause switch: while it is on, agents are refused. Any thread."""

import contextlib
import secrets
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from clawcraft.clock import Clock, rfc3339
from clawcraft.files import private_folder, write_atomically

PROCESS_MARK: Final = "_twitch_clawcraft_process"
"""The name in ``sys``, which outlives the script but not OBS, of what tells this OBS from the next. The number of the
process does not: in a Flatpak it is the same each time."""


class PauseSwitch:
    """Off, or on since some moment, from the first one of the script on: it is there before there is a service to
    pause. A pause is a small file in ``folder``, so that no reload of the script and no change of the scene collection
    ends it. It is the file's being there that counts, so one that is damaged still pauses; only where it names another
    process than this, it was not to outlive that OBS."""

    FILE_NAME: Final = "paused"

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._untold: list[bool] = []
        self._switched: Callable[[bool], None] = self._untold.append
        self._path = folder / self.FILE_NAME
        self._clock = clock
        self._lock = threading.RLock()
        self._since: float | None = None
        self._kept = False
        self._begin()

    def tell(self, switched: Callable[[bool], None]) -> None:
        """From now on ``switched`` hears of it, first of what nobody has heard; on the thread that pauses or resumes,
        right after: it must return at once."""
        with self._lock:
            self._switched = switched
            untold, self._untold = self._untold, []
            for paused in untold:
                switched(paused)

    @property
    def paused(self) -> bool:
        return self._since is not None

    def status(self) -> dict[str, Any]:
        """``{"paused", "since", "survives_restart"}``; ``since`` is None while not paused. Without the lock, which is
        held across a write: OBS's UI thread asks, and whoever is told of a pause does."""
        since = self._since
        shown = None if since is None else rfc3339(since)
        return {"paused": since is not None, "since": shown, "survives_restart": since is not None and self._kept}

    def pause(self, *, survive_restart: bool) -> None:
        """Switch on; at once, whatever the disk says. Raises OSError if the pause cannot be kept for a restart."""
        with self._lock:
            if self._since is None:
                self._since = self._clock.time()
                self._switched(True)
            if survive_restart:
                self._write(repr(self._since))
                self._kept = True
                return
            try:
                self._write(f"{self._since!r} {_this_process()}")
            except OSError:
                self._path.unlink(missing_ok=True)  # then it ends with this life of the script
            self._kept = False

    def keep(self, *, survive_restart: bool) -> None:
        """Whether a pause that is on outlives a restart; does nothing while it is off. Raises OSError as ``pause``."""
        with self._lock:
            if self._since is not None:
                self.pause(survive_restart=survive_restart)

    def resume(self) -> None:
        """Switch off. Raises OSError, and stays on, if a kept pause cannot be removed: it would come back."""
        with self._lock:
            self._path.unlink(missing_ok=True)
            self._kept = False
            if self._since is not None:
                self._since = None
                self._switched(False)

    def toggle(self, *, survive_restart: bool) -> bool:
        """Switch over, as a hotkey does; returns whether it is on now. Raises OSError as ``pause`` and ``resume``."""
        with self._lock:  # Around the look too: of two presses at once, one pauses and the other resumes.
            if self._since is None:
                self.pause(survive_restart=survive_restart)
            else:
                self.resume()
            return self._since is not None

    def _begin(self) -> None:
        """What the file says."""
        try:
            text, _, process = self._path.read_text("ascii").partition(" ")
            since = float(text)
            rfc3339(since)
        except (FileNotFoundError, NotADirectoryError):
            return
        except (OSError, ValueError, OverflowError):
            since, process = self._clock.time(), ""
        if process and process != _this_process():
            with contextlib.suppress(OSError):  # the next life finds it, too
                self._path.unlink()
            return
        self._since, self._kept = since, not process

    def _write(self, text: str) -> None:
        private_folder(self._path.parent)
        write_atomically(self._path, text.encode("ascii"), durable=False)


def _this_process() -> str:
    mark: str = vars(sys).setdefault(PROCESS_MARK, secrets.token_hex(8))
    return mark
