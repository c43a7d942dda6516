"""Files that others read or write at the same time: replaced whole, and changed by one process at a time; and a folder
that is its user's alone.

Standard library only. Any thread.
"""

import contextlib
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

RETRY_S: Final = 0.005
REPLACE_TRIES: Final = 8
"""At most 40 ms: this may be the UI thread."""


class LockHeld(TimeoutError):
    """Another process kept the lock for the whole patience."""


def write_atomically(path: Path, data: bytes, *, mode: int = 0o600, durable: bool = True) -> None:
    """Replace ``path`` by ``data``: a reader gets the old file or the new one, never a part. ``durable`` survives a
    power cut. The folder must exist. Raises OSError, and leaves the old file as it was."""
    # mkstemp creates with 0600, so a secret is never readable by others, not even for a moment.
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        if mode != 0o600:
            os.chmod(temporary, mode)  # noqa: PTH101 - mkstemp gives a string
        _replace(temporary, path)
        if durable and sys.platform != "win32":
            _sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108 - mkstemp gives a string
        raise


def _replace(temporary: str, path: Path) -> None:
    """On Windows a file that somebody is reading cannot be replaced until they close it."""
    for _ in range(REPLACE_TRIES - 1 if sys.platform == "win32" else 0):
        with contextlib.suppress(PermissionError):
            os.replace(temporary, path)  # noqa: PTH105 - one call that is atomic on every platform
            return
        time.sleep(RETRY_S)
    os.replace(temporary, path)  # noqa: PTH105


def _sync_folder(folder: Path) -> None:
    """Have the new name survive a power cut as well: until then the folder may still name the old file."""
    with contextlib.suppress(OSError):  # some network file systems refuse it, and the file is there all the same
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def private_folder(folder: Path) -> None:
    """Make ``folder`` if it is not there, and what is in it its user's alone, also where it was not yet. A lock that
    others could open is removed: one of them may hold it for good, and not the file that comes in its place. Raises
    OSError if there is no folder; where the file system knows no modes, they stay. Windows has the access list of the
    user's profile instead; outside it (a portable OBS) the folder gets one like it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if sys.platform == "win32":
        from clawcraft import access_list  # Not at the top: only here, and the tools' environments do without.

        with contextlib.suppress(OSError):  # also a file system without such lists
            if not access_list.is_in(folder, Path.home()):
                access_list.make_private(folder)
        return
    for path in (folder.resolve(), *folder.iterdir()):
        with contextlib.suppress(OSError):  # also a file that is just being replaced
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode) or not mode & 0o077:
                continue
            if path.suffix == ".lock":
                path.unlink()
            else:
                path.chmod(0o700 if stat.S_ISDIR(mode) else 0o600)


@contextlib.contextmanager
def locked(path: Path, patience_s: float) -> Iterator[None]:
    """Hold the lock that the file ``path`` stands for; no other thread or process is inside meanwhile. It ends with
    its holder, however that dies. The folder must exist.

    Raises LockHeld after ``patience_s``; OSError at once where the file cannot be opened or locked at all.
    """
    patient_until_s = time.monotonic() + patience_s
    while True:
        # 0600: whoever may open the file may hold the lock.
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            if _try_lock(file.fileno()) and _is_still(path, file.fileno()):
                yield  # Closing the file lets go of the lock.
                return
        if time.monotonic() >= patient_until_s:
            raise LockHeld(f"another program keeps {path} locked")
        time.sleep(RETRY_S)


def _is_still(path: Path, handle: int) -> bool:
    """Whether ``handle`` is the file at ``path``, and not one that ``private_folder`` has replaced meanwhile."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _try_lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(handle, 0, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # how POSIX and Windows say that another holds it
        return False
    return True
