"""A release's zip on its way to the folder that stays: looked through, checked against its sums, put there whole."""

import hashlib
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import Final

from installer import Problem
from installer.folders import take_place

TOP: Final = "twitch-clawcraft"
"""The one folder in a release's zip."""
SUMS: Final = "SHA256SUMS"
_SCRIPT: Final = "obs_plugin/twitch_clawcraft.py"
_INSTALLER: Final = "tools/install.py"


def unpack(archive: Path, folder: Path) -> bool:
    """Put the release in ``archive`` at ``folder``, in the place of an older one; the older one stays until the new one
    is whole. Whether it was checked against SHA256SUMS, which lies beside the zip. Raises Problem."""
    if folder.exists() and not _is_release(folder):
        raise Problem(
            f"{folder} is there and is no unpacked release of {TOP}. Name another with --folder; nothing was changed."
        )
    try:
        checked = _check_sum(archive)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{TOP}-", dir=folder.parent) as scratch:
            _extract(archive, Path(scratch))
            take_place(Path(scratch) / TOP, folder)
    except (OSError, zipfile.BadZipFile) as error:
        raise Problem(f"cannot unpack {archive} to {folder}: {error}") from error
    return checked


def installer_in(folder: Path) -> Path:
    return folder / _INSTALLER


def _is_release(folder: Path) -> bool:
    """An unpacked one, not the sources with what somebody works on."""
    return (folder / _SCRIPT).is_file() and (folder / "LICENCES.txt").is_file() and not (folder / ".git").exists()


def _check_sum(archive: Path) -> bool:
    sums = archive.with_name(SUMS)
    if not sums.exists():
        return False
    lines = sums.read_text("utf-8", errors="replace").splitlines()
    wanted = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    if archive.name not in wanted:
        raise Problem(
            f"{sums} does not name {archive.name}. If both are of one release, give the zip the name that it was "
            "downloaded under; if those sums are of something else, move the zip to another folder. Nothing is changed."
        )
    if hashlib.sha256(archive.read_bytes()).hexdigest() != wanted[archive.name]:
        raise Problem(f"{archive} is not the file that {sums} names: download it again")
    return True


def _extract(archive: Path, scratch: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        names = [PurePosixPath(name) for name in file.namelist()]
        inside = all(name.parts[:1] == (TOP,) and ".." not in name.parts for name in names)
        if not inside or not {PurePosixPath(TOP, _SCRIPT), PurePosixPath(TOP, _INSTALLER)} <= set(names):
            raise Problem(f"{archive} is no release of {TOP}")
        file.extractall(scratch)
