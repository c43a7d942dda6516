"""A folder that takes the place of an older one."""

from pathlib import Path


def take_place(fresh: Path, folder: Path, aside: Path) -> None:
    """Move ``fresh`` to ``folder``, and what was there to ``aside``; all are on one disk. Raises OSError, with
    ``folder`` as it was."""
    replaces = folder.exists()
    if replaces:
        folder.rename(aside)
    try:
        fresh.rename(folder)
    except OSError:
        if replaces:
            aside.rename(folder)
        raise
