"""Files that another process may be reading or writing: replaced in one step, and locked while they are changed.

Standard library only; the tools use it too. Safe from any thread.
"""

import contextlib
import os
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

_TRY_AGAIN_S: Final = 0.005


def write_atomically(path: Path, data: bytes, *, mode: int = 0o600, durable: bool = True) -> None:
    """Replace ``path`` by ``data`` in one step: a reader sees all of the old or all of the new. ``durable``: it is on
    the disk when this returns. Raises OSError, and then ``path`` is as it was."""
    # mkstemp creates with 0600: nobody else reads it before it has its mode.
    handle, temporary = tempfile.mkstemp(prefix=".clawcraft-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.chmod(temporary, mode)  # noqa: PTH101 - beside os.replace
        os.replace(temporary, path)  # noqa: PTH105 - one call that is atomic on every platform
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


@contextlib.contextmanager
def locked(path: Path, patience_s: float) -> Iterator[None]:
    """Hold the file ``path`` locked among processes and threads; the system lets go of it when its holder dies.

    Raises TimeoutError if another still has it after ``patience_s``, and any other OSError if it cannot be opened.
    """
    with path.open("a+b") as file:
        patience_until = time.monotonic() + patience_s
        while not _try_lock(file.fileno()):
            if time.monotonic() >= patience_until:
                raise TimeoutError(f"another program keeps {path.name} locked")
            time.sleep(_TRY_AGAIN_S)
        yield


def _try_lock(handle: int) -> bool:
    """Lock an open file until it is closed; False if another has it."""
    try:
        if sys.platform == "win32":
            os.lseek(handle, 0, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # As POSIX and as Windows say it. Any other error would be for ever.
        return False
    return True
