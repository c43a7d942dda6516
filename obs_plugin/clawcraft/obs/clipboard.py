"""The system's clipboard, as OBS's own Qt has it; obspython has none.

A program of the system (wl-copy, xclip) is no way: most Linux desktops and every Flatpak lack it, and wl-copy waits for
good where GNOME gives it no focus. Qt 5 and 6 have these functions under the same names on each system, but for the
length of a string. OBS's UI thread calls everything here: Qt's clipboard belongs to it.
"""

import ctypes
import sys
from typing import Final

from clawcraft.obs.libobs import QT, function

# The C++ names that GCC and Clang give these functions, and those of MSVC. Qt 5 counts a string in int.
_CLIPBOARD: Final = ("_ZN15QGuiApplication9clipboardEv", "?clipboard@QGuiApplication@@SAPEAVQClipboard@@XZ")
_SET_TEXT: Final = (
    "_ZN10QClipboard7setTextERK7QStringNS_4ModeE",
    "?setText@QClipboard@@QEAAXAEBVQString@@W4Mode@1@@Z",
)
_OWNS: Final = ("_ZNK10QClipboard13ownsClipboardEv", "?ownsClipboard@QClipboard@@QEBA_NXZ")
_MAKE_STRING: Final = (
    "_ZN7QStringC1EPK5QCharx",
    "_ZN7QStringC1EPK5QChari",
    "??0QString@@QEAA@PEBVQChar@@_J@Z",
)
_ASSIGN_STRING: Final = ("_ZN7QStringaSERKS_", "??4QString@@QEAAAEAV0@AEBV0@@Z")
_STRING_BYTES: Final = 64
"""More than a QString takes: 8 in Qt 5, 24 in Qt 6."""
_CLIPBOARD_MODE: Final = 0


class Clipboard:
    """Raises LookupError where this OBS's Qt lacks a function."""

    def __init__(self) -> None:
        void_p, no = ctypes.c_void_p, None
        self._clipboard = function(QT, _CLIPBOARD, void_p)
        self._set_text = function(QT, _SET_TEXT, no, void_p, void_p, ctypes.c_int)
        self._owns = function(QT, _OWNS, ctypes.c_bool, void_p)
        self._make_string = function(QT, _MAKE_STRING, no, void_p, void_p, ctypes.c_longlong)
        self._assign_string = function(QT, _ASSIGN_STRING, void_p, void_p, void_p)

    def put(self, text: str) -> bool:
        """Whether the clipboard has ``text`` now: the system may refuse it. A copy stays with Qt, none here."""
        clipboard = self._clipboard()
        if not clipboard:
            return False
        string, empty = (ctypes.create_string_buffer(_STRING_BYTES) for _ in range(2))
        encoded = text.encode("utf-16-le")
        self._make_string(string, encoded, len(encoded) // 2)
        self._make_string(empty, b"", 0)
        self._set_text(clipboard, string, _CLIPBOARD_MODE)
        self._assign_string(string, empty)  # a destructor has no name outside Qt: this gives the text's memory back
        # Qt says no to every question of ownership on macOS, where the pasteboard takes what it is given.
        return sys.platform == "darwin" or bool(self._owns(clipboard))


def find_clipboard() -> Clipboard | None:
    """That of this OBS process; None where there is none to be reached."""
    try:
        return Clipboard()
    except LookupError:
        return None
