"""A folder that takes the place of an older one."""

import shutil
from pathlib import Path


def take_place(fresh: Path, folder: Path) -> None:
    """Move ``fresh`` to ``folder`` on the same disk, and delete what was there. Raises OSError, with ``folder`` as it
    was, or, where even that fails, with the place in which that is kept."""
    if not folder.exists():
        fresh.rename(folder)
        return
    aside = folder.with_name(f".{folder.name}-before")
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    try:
        fresh.rename(folder)
    except OSError as error:
        try:
            aside.rename(folder)
        except OSError:
            raise OSError(error.errno, f"{error.strerror or error}; what was there before is now {aside}") from error
        raise
    shutil.rmtree(aside, ignore_errors=True)
