"""Qt's clipboard and as much of its strings as a script needs for it, by their C++ names."""

from collections.abc import Callable
from typing import Any

from obs_mock.loops import Loop
from obs_mock.scenarios import Scenario
from obs_mock.violations import Recorder

# As GCC and Clang make them, and as MSVC does.
CLIPBOARD = ("_ZN15QGuiApplication9clipboardEv", "?clipboard@QGuiApplication@@SAPEAVQClipboard@@XZ")
SET_TEXT = ("_ZN10QClipboard7setTextERK7QStringNS_4ModeE", "?setText@QClipboard@@QEAAXAEBVQString@@W4Mode@1@@Z")
OWNS = ("_ZNK10QClipboard13ownsClipboardEv", "?ownsClipboard@QClipboard@@QEBA_NXZ")
MAKE_STRING = ("_ZN7QStringC1EPK5QCharx", "??0QString@@QEAA@PEBVQChar@@_J@Z")
ASSIGN_STRING = ("_ZN7QStringaSERKS_", "??4QString@@QEAAAEAV0@AEBV0@@Z")
ADDRESS = 1


class Clipboard:
    """``text`` is what somebody would paste, ``strings`` what was made and not given back."""

    def __init__(self, ui: Loop, recorder: Recorder, scenario: Callable[[], Scenario]) -> None:
        self._ui = ui
        self._recorder = recorder
        self._scenario = scenario
        self._made: dict[int, str] = {}
        self.text = ""

    @property
    def strings(self) -> list[str]:
        return [text for text in self._made.values() if text]

    def functions(self) -> dict[str, Callable[..., Any]]:
        if self._scenario().clipboard == "unknown":
            return {}
        return {
            **dict.fromkeys(CLIPBOARD, lambda: ADDRESS),
            **dict.fromkeys(SET_TEXT, self._set_text),
            **dict.fromkeys(OWNS, lambda _clipboard: self._scenario().clipboard == "yes"),
            **dict.fromkeys(MAKE_STRING, self._make),
            **dict.fromkeys(ASSIGN_STRING, self._assign),
        }

    def _make(self, string: Any, characters: bytes, length: int) -> None:
        self._made[id(string)] = characters[: 2 * length].decode("utf-16-le")

    def _assign(self, string: Any, other: Any) -> None:
        self._made[id(string)] = self._made[id(other)]

    def _set_text(self, clipboard: int, string: Any, mode: int) -> None:
        if not self._ui.is_current():
            raise self._recorder.violation("QClipboard::setText from another thread than the UI's: crash")
        if (clipboard, mode) != (ADDRESS, 0):
            raise self._recorder.violation(f"QClipboard::setText of {clipboard} in the mode {mode}")
        if self._scenario().clipboard == "yes":
            self.text = self._made[id(string)]
