"""Qt's clipboard by the names it has on each system, and what becomes of the memory."""

import ctypes
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from clawcraft.obs.clipboard import Clipboard, find_clipboard

QT_5 = (
    "_ZN15QGuiApplication9clipboardEv",
    "_ZN10QClipboard7setTextERK7QStringNS_4ModeE",
    "_ZNK10QClipboard13ownsClipboardEv",
    "_ZN7QStringC1EPK5QChari",
    "_ZN7QStringaSERKS_",
)
QT_6 = (*QT_5[:3], "_ZN7QStringC1EPK5QCharx", *QT_5[4:])
MSVC = (
    "?clipboard@QGuiApplication@@SAPEAVQClipboard@@XZ",
    "?setText@QClipboard@@QEAAXAEBVQString@@W4Mode@1@@Z",
    "?ownsClipboard@QClipboard@@QEBA_NXZ",
    "??0QString@@QEAA@PEBVQChar@@_J@Z",
    "??4QString@@QEAAAEAV0@AEBV0@@Z",
)
TEXT = "url and 🔑"


class Qt:
    """A loader whose libraries have ``names``; ``answers`` is what functions return, by a part of their name."""

    def __init__(self, patch: pytest.MonkeyPatch, names: tuple[str, ...], **answers: object) -> None:
        self.called: list[tuple[str, tuple[Any, ...]]] = []
        self._answers = {"9clipboard": 7, "?clipboard": 7, "owns": True, **answers}
        library = SimpleNamespace(**{name: self._function(name) for name in names})
        patch.setattr(ctypes, "CDLL", lambda *_args, **_mode: library)

    def _function(self, name: str) -> Any:
        class Function(SimpleNamespace):
            def __call__(function, *args: Any) -> object:
                self.called.append((name, args))
                return next((answer for part, answer in self._answers.items() if part in name), None)

        return Function()


@pytest.mark.parametrize(("platform", "names"), [("linux", QT_5), ("linux", QT_6), ("darwin", QT_6), ("win32", MSVC)])
def test_each_system_and_qt_has_it_by_its_own_names(
    monkeypatch: pytest.MonkeyPatch, platform: str, names: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    qt = Qt(monkeypatch, names, owns=platform != "darwin")  # as Qt's own part for macOS answers
    assert Clipboard().put(TEXT)
    clipboard, set_text, owns, make, assign = names
    called = [clipboard, make, make, set_text, assign, *([] if platform == "darwin" else [owns])]
    assert [name for name, _args in qt.called] == called
    (_, made), (_, emptied), (_, put), (_, given_back) = qt.called[1:5]
    assert made[1].decode("utf-16-le") == TEXT
    assert made[2] == len(TEXT) + 1, "in units of UTF-16"
    assert put == (7, made[0], 0)
    assert given_back == (made[0], emptied[0])


def test_a_clipboard_that_another_program_keeps_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    Qt(monkeypatch, MSVC, owns=False)
    assert not Clipboard().put(TEXT)


def test_without_an_application_nothing_is_put(monkeypatch: pytest.MonkeyPatch) -> None:
    qt = Qt(monkeypatch, QT_6, **{"9clipboard": None})
    assert not Clipboard().put(TEXT)
    assert [name for name, _args in qt.called] == [QT_6[0]]


@pytest.mark.parametrize("missing", range(5))
def test_where_qt_lacks_a_function_there_is_no_clipboard(monkeypatch: pytest.MonkeyPatch, missing: int) -> None:
    Qt(monkeypatch, (*QT_6[:missing], *QT_6[missing + 1 :]))
    assert find_clipboard() is None
