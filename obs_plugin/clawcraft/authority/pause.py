"""The streamer's pause switch: while it is on, agents are refused. Any thread."""

import contextlib
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from clawcraft.clock import Clock, rfc3339
from clawcraft.files import private_folder, write_atomically

PAUSES: Final = "_twitch_clawcraft_pauses"
"""The name in ``sys``, which outlives the script but not OBS, of since when a pause is on, by the path of its file. No
file could tell it: another OBS may have the same folder, and in a Flatpak each has the same process number."""


class PauseSwitch:
    """Off, or on since some moment, from the first one of the script on: it is there before there is a service to
    pause. A pause stands in ``sys`` as well, so that no reload of the script, no change of the scene collection and no
    second OBS with the same ``folder`` ends it. One that is to outlive OBS is also a small file there; it is the file's
    being there that counts, so one that is damaged still pauses."""

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
                self._since = _pauses()[str(self._path)] = self._clock.time()
                self._switched(True)
            if survive_restart:
                private_folder(self._path.parent)
                write_atomically(self._path, repr(self._since).encode("ascii"), durable=False)
            elif self._kept:
                self._remove()
            self._kept = survive_restart

    def keep(self, *, survive_restart: bool) -> None:
        """Whether a pause that is on outlives a restart; does nothing while it is off. Raises OSError as ``pause``."""
        with self._lock:
            if self._since is not None:
                self.pause(survive_restart=survive_restart)

    def resume(self) -> None:
        """Switch off. Raises OSError, and stays on, if a kept pause cannot be removed: it would come back."""
        with self._lock:
            self._remove()
            _pauses().pop(str(self._path), None)
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
        """What the life before and the file say."""
        since = _pauses().get(str(self._path))
        try:
            kept = float(self._path.read_text("ascii"))
            rfc3339(kept)
        except (FileNotFoundError, NotADirectoryError):
            self._since = since
            return
        except (OSError, ValueError, OverflowError):
            kept = self._clock.time()
        self._kept = True
        self._since = _pauses()[str(self._path)] = kept if since is None else since

    def _remove(self) -> None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            self._path.unlink()


def _pauses() -> dict[str, float]:
    pauses: dict[str, float] = vars(sys).setdefault(PAUSES, {})
    return pauses
