"""Where OBS's own functions are looked for: in this process only, under each platform's names."""

import ctypes
import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from clawcraft.obs.libobs import Libobs, LibobsMissing, find_libobs


class Libraries:
    """Stands for the loader: which names it was asked for, and what each library holds."""

    def __init__(self, patch: pytest.MonkeyPatch, platform: str, **held: tuple[str, ...]) -> None:
        self.asked: list[tuple[str | None, int]] = []
        self.called: list[tuple[Any, ...]] = []
        self._held = held
        patch.setattr(sys, "platform", platform)
        patch.setattr(ctypes, "CDLL", self._open)

    def _open(self, name: str | None, mode: int = 0) -> SimpleNamespace:
        self.asked.append((name, mode))
        key = "process" if name is None else name.partition(".")[0].replace("-", "_")
        if key not in self._held:
            raise OSError(name)
        return SimpleNamespace(**{function: self._function(function) for function in self._held[key]})

    def _function(self, name: str) -> Any:
        class Function(SimpleNamespace):
            def __call__(function, *args: Any) -> None:
                self.called.append((name, *args))

        return Function()


LIBOBS = (
    "obs_queue_task",
    "os_get_config_path",
    "obs_output_get_signal_handler",
    "obs_output_release",
    "obs_output_get_id",
    "obs_output_active",
    "obs_output_force_stop",
    "signal_handler_connect",
    "signal_handler_disconnect",
    "calldata_get_data",
)
FRONTEND = (
    "obs_frontend_streaming_start",
    "obs_frontend_streaming_stop",
    "obs_frontend_add_event_callback",
    "obs_frontend_remove_event_callback",
    "obs_frontend_get_streaming_output",
)
QT = ("_ZN7QThread13currentThreadEv", "_ZNK7QThread9loopLevelEv", "_ZN12QApplication17activeModalWidgetEv")
MSVC_QT = (
    "?currentThread@QThread@@SAPEAV1@XZ",
    "?loopLevel@QThread@@QEBAHXZ",
    "?activeModalWidget@QApplication@@SAPEAVQWidget@@XZ",
)


def test_a_plain_python_process_has_no_libobs() -> None:
    found = find_libobs()
    assert isinstance(found, LibobsMissing)
    assert "libobs was not found in this process" in found.reason


@pytest.mark.skipif(sys.platform == "win32", reason="RTLD_NOLOAD is POSIX")
@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_posix_finds_all_in_the_process_itself(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    libraries = Libraries(monkeypatch, platform, process=(*LIBOBS, *FRONTEND, *QT))
    found = find_libobs()
    assert isinstance(found, Libobs)
    found.queue_task("callback", 7)
    found.start_streaming()
    assert libraries.called == [("obs_queue_task", 0, "callback", 7, False), (FRONTEND[0],)]


@pytest.mark.skipif(sys.platform == "win32", reason="RTLD_NOLOAD is POSIX")
def test_a_named_library_is_only_taken_if_it_is_loaded_already(monkeypatch: pytest.MonkeyPatch) -> None:
    libraries = Libraries(
        monkeypatch, "linux", process=(), libobs=LIBOBS, libobs_frontend_api=FRONTEND, libQt5Widgets=QT
    )
    assert isinstance(find_libobs(), Libobs)
    assert all(mode & os.RTLD_NOLOAD for name, mode in libraries.asked if name is not None)


def test_windows_finds_them_by_their_dll_names(monkeypatch: pytest.MonkeyPatch) -> None:
    libraries = Libraries(
        monkeypatch, "win32", obs=LIBOBS, obs_frontend_api=FRONTEND, Qt6Core=MSVC_QT[:2], Qt6Widgets=MSVC_QT[2:]
    )
    assert isinstance(find_libobs(), Libobs)
    assert {name for name, _mode in libraries.asked} == {
        "obs.dll",
        "obs-frontend-api.dll",
        "Qt6Core.dll",
        "Qt6Widgets.dll",
    }


def test_without_the_frontends_own_functions_the_stream_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    Libraries(monkeypatch, "win32", obs=LIBOBS, obs_frontend_api=FRONTEND[:1])
    found = find_libobs()
    assert isinstance(found, LibobsMissing)
    assert "OBS's frontend API was not found in this process" in found.reason
