"""Who may open a folder on Windows, where modes say nothing. Any thread; some milliseconds at most.

Called through ctypes: the program that sets it (``icacls``) would take too long for OBS's UI thread.
"""

import ctypes
from pathlib import Path
from typing import Any, Final

PRIVATE: Final = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)"
"""Nothing from the folder above; all rights to the system, the administrators and each file's owner, also below. Python
makes a folder with mode 0700 so, from 3.11.10 and 3.12.4 on."""
_REVISION: Final = 1
_FILE_OBJECT: Final = 1
_DACL: Final = 0x00000004
_PROTECTED_DACL: Final = 0x80000000


def is_in(folder: Path, profile: Path) -> bool:
    """Whether the access list of the user's profile is over ``folder``; both as they are on the disk."""
    return folder.resolve().is_relative_to(profile.resolve())


def make_private(folder: Path) -> None:
    """Give ``folder`` and what is in it the list PRIVATE. Raises OSError, also where the file system has no such lists
    (FAT, exFAT)."""
    security, memory = ctypes.CDLL("advapi32"), ctypes.CDLL("kernel32")
    parse = _function(
        security.ConvertStringSecurityDescriptorToSecurityDescriptorW,
        *(ctypes.c_int, ctypes.c_wchar_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p),
    )
    list_of = _function(
        security.GetSecurityDescriptorDacl,
        *(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p),
    )
    # The call that also gives it to the files and folders below.
    give = _function(
        security.SetNamedSecurityInfoW,
        *(ctypes.c_uint32, ctypes.c_wchar_p, ctypes.c_int, ctypes.c_uint32, *[ctypes.c_void_p] * 4),
    )
    free = _function(memory.LocalFree, ctypes.c_void_p, ctypes.c_void_p)
    descriptor, dacl = ctypes.c_void_p(), ctypes.c_void_p()
    present, defaulted = ctypes.c_int(), ctypes.c_int()
    if not parse(PRIVATE, _REVISION, ctypes.byref(descriptor), None):
        raise OSError(f"Windows does not understand the access list {PRIVATE}")
    try:
        found = list_of(descriptor, ctypes.byref(present), ctypes.byref(dacl), ctypes.byref(defaulted))
        if not found or not dacl.value:  # without a list everybody would get all rights
            raise OSError(f"Windows finds no list in {PRIVATE}")
        error = give(str(folder), _FILE_OBJECT, _DACL | _PROTECTED_DACL, None, None, dacl, None)
    finally:
        free(descriptor)
    if error:
        raise OSError(f"Windows keeps the access list of {folder}: error {error}")


def _function(found: Any, result: Any, *arguments: Any) -> Any:
    """Pointers would be cut to 32 bits without their types."""
    found.restype, found.argtypes = result, arguments
    return found
