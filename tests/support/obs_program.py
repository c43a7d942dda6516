"""Which OBS the tests start: the one installed here, or that of another system, kept as a folder and entered as a
chroot (``tools/test.py --obs-matrix`` sets CLAWCRAFT_OBS_ROOT). All else of a test runs outside, and drives either."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from installer import embedded
from obs_matrix.chroot import inside
from tests.support.paths import ROOT


@dataclass(frozen=True)
class InstalledObs:
    """The OBS on PATH. ``for_installer`` is what ``tools/install.py`` has to be told of it."""

    for_installer: tuple[str, ...] = ()

    def is_there(self) -> bool:
        return shutil.which("obs") is not None

    def command(self, arguments: Sequence[str]) -> list[str]:
        return ["obs", *arguments]


@dataclass(frozen=True)
class ChrootObs:
    """The OBS of the system in ``root``."""

    root: Path

    @property
    def for_installer(self) -> tuple[str, ...]:
        """The Python that it embeds, and for which the packages have to be."""
        return ("--python-version", str(embedded.linked_in([self.root / "usr"])))

    def is_there(self) -> bool:
        return (self.root / "usr/bin/obs").exists()

    def command(self, arguments: Sequence[str]) -> list[str]:
        # The tests' folders, and with them every home; the display's socket; the script and its packages.
        folders = dict.fromkeys((Path(tempfile.gettempdir()).resolve(), Path("/tmp/.X11-unix"), ROOT))
        return inside(self.root, ["obs", *arguments], list(folders))


def obs_program() -> InstalledObs | ChrootObs:
    root = os.environ.get("CLAWCRAFT_OBS_ROOT")
    return ChrootObs(Path(root)) if root else InstalledObs()
