"""The standard library that belongs to the Python inside OBS, in the place of another Python's.

On Linux the embedded Python takes its standard library from the first ``python3`` on PATH. With pyenv, conda or a
virtual environment there, that is another build's, whose compiled modules do not fit (``_ssl``: undefined symbol). Its
own lies beside libpython, so that can be mended as long as little has been imported: this imports nothing that Python's
own start has not, and stays readable for old Pythons. UI thread, while OBS loads the script.
"""

import os
import sys

_NAME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
_ZIP = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
_COMPILED = "lib-dynload"


def use_own() -> str:
    """Put the own standard library on ``sys.path`` where another stands; a sentence that says so, empty if there was
    nothing to do. Never raises."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            own = beside_libpython(list(maps))
        foreign = replace_foreign(sys.path, own) if own else ""
    except OSError:  # not Linux, where OBS does not look on PATH
        return ""
    if not foreign:
        return ""
    return f"the Python inside OBS came up with another one's standard library ({foreign}) and now uses its own ({own})"


def beside_libpython(maps: "list[str]") -> str:
    """The folder of the standard library that belongs to the libpython in ``maps``, lines of ``/proc/self/maps``; empty
    if it is not found, or there are several libpythons."""
    found = {line.split(None, 5)[5].strip() for line in maps if f"/lib{_NAME}." in line}
    folder = found.pop() if len(found) == 1 else ""
    while len(folder) > 1:
        folder = os.path.dirname(folder)
        # /usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0 → /usr/lib/python3.11
        library = os.path.join(folder, _NAME)
        if _is_standard_library(library):
            return library
    return ""


def replace_foreign(path: "list[str]", own: str) -> str:
    """Put ``own`` on ``path`` in the place of another standard library, each part at its place; what else is there,
    site-packages too, stays. Returns the folder that stood there, or an empty string."""
    libraries = [entry for entry in path if os.path.basename(entry) == _NAME and _is_standard_library(entry)]
    foreign = next((library for library in libraries if not os.path.samefile(library, own)), "")
    if foreign:
        instead = dict(zip(_parts(foreign), _parts(own)))
        path[:] = [instead.get(entry, entry) for entry in path]
    return foreign


def _parts(library: str) -> "tuple[str, ...]":
    """What stands on ``sys.path`` for a standard library."""
    return os.path.join(os.path.dirname(library), _ZIP), library, os.path.join(library, _COMPILED)


def _is_standard_library(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, "os.py")) and os.path.isdir(os.path.join(folder, _COMPILED))
