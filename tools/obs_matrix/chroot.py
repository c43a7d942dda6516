"""Programs of another system in a folder, run as if it were this one. No state.

Each runs in a mount namespace of its own, so that what is bound into the folder is gone with the program, whatever ends
it: nothing outside ever sees a mount there.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

KERNEL: Final = (Path("/proc"), Path("/dev"))
_ENTER: Final = """
set -e
root=$1; shift
while [ "$1" != -- ]; do mkdir -p "$root$1"; mount --rbind "$1" "$root$1"; shift; done
shift
exec chroot "$root" env --chdir="$PWD" "$@"
"""


def inside(root: Path, command: Sequence[str], folders: Sequence[Path] = ()) -> list[str]:
    """The command that runs ``command`` in ``root``, with /proc, /dev and ``folders`` of this system at their own
    paths, and in the folder it is started in, which has to be one of them or "/". Every step is an exec: the process
    that is started becomes the program."""
    bound = [str(folder) for folder in (*KERNEL, *folders)]
    enter = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _ENTER, "enter", str(root)]
    return [*enter, *bound, "--", *command]
