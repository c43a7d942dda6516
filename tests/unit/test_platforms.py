"""What the service and its tools do on Windows and macOS, where none of this runs: the platform is ``sys.platform``
(for the tools ``_venv.WINDOWS``), and what only Windows has is faked behind it."""

import ctypes
import errno
import fcntl
import functools
import importlib.util
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import _venv
from clawcraft import access_list, dependencies, files
from clawcraft.http import server
from clawcraft.http.server import ListenError, PortInUse
from clawcraft.panel import background, operator
from diagnosis.files import install_advice

LOCKED: list[int] = []


def locking(handle: int, mode: int, count: int) -> None:
    """``msvcrt.locking``, which says that another holds it by PermissionError, and locks bytes from where it stands."""
    assert (mode, count, os.lseek(handle, 0, os.SEEK_CUR)) == (2, 1, 0)
    LOCKED.append(handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PermissionError(errno.EACCES, "Permission denied") from error


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")


@pytest.fixture
def files_of_windows(windows: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``clawcraft.files`` as Windows imports it: there is no ``fcntl``."""
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setitem(sys.modules, "fcntl", None)
    spec = importlib.util.spec_from_file_location("files_of_windows", files.__file__)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    LOCKED.clear()
    return module


def test_a_lock_on_windows_keeps_others_out_until_it_is_let_go(files_of_windows: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with files_of_windows.locked(path, 0), pytest.raises(TimeoutError), files_of_windows.locked(path, 0.02):
        pass
    with files_of_windows.locked(path, 0):
        assert len(LOCKED) > 2


class Windows:
    """Its functions for access lists: what was given to which path. ``refuses`` is the error that the last answers."""

    def __init__(self, patch: pytest.MonkeyPatch, profile: Path, refuses: int = 0) -> None:
        self.given: list[tuple[str, int]] = []
        self._texts: dict[int, str] = {}
        self._refuses = refuses
        functions: dict[str, Callable[..., Any]] = {
            "ConvertStringSecurityDescriptorToSecurityDescriptorW": self._parse,
            "GetSecurityDescriptorDacl": self._list_of,
            "SetNamedSecurityInfoW": self._give,
            "LocalFree": lambda descriptor: self._texts.pop(descriptor.value),
        }
        # Partial ones, since types can be set on them, as on those of a library.
        library = SimpleNamespace(**{name: functools.partial(function) for name, function in functions.items()})
        patch.setattr(ctypes, "CDLL", lambda name: {"advapi32": library, "kernel32": library}[name])
        patch.setattr(Path, "home", lambda: profile)

    def _parse(self, text: str, revision: int, descriptor: Any, size: None) -> int:
        assert (revision, size) == (1, None)
        self._texts[0x7FFF00001000] = text
        descriptor._obj.value = 0x7FFF00001000
        return 1

    def _list_of(self, descriptor: ctypes.c_void_p, present: Any, dacl: Any, _defaulted: Any) -> int:
        assert descriptor.value in self._texts
        present._obj.value, dacl._obj.value = 1, 0x7FFF00001014
        return 1

    def _give(self, path: str, kind: int, what: int, owner: None, group: None, dacl: Any, sacl: None) -> int:
        assert (kind, owner, group, dacl.value, sacl) == (1, None, None, 0x7FFF00001014, None)
        assert list(self._texts.values()) == [access_list.PRIVATE], "and not freed yet"
        self.given.append((path, what))
        return self._refuses

    def nothing_kept(self) -> bool:
        return not self._texts


def test_on_windows_the_profile_keeps_others_out_and_modes_stay(
    files_of_windows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = Windows(monkeypatch, tmp_path)
    (tmp_path / "file").touch(mode=0o644)
    (tmp_path / "file").chmod(0o644)
    files_of_windows.private_folder(tmp_path)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
    assert system.given == []


@pytest.mark.parametrize("refuses", [0, 50], ids=["NTFS", "a disk without access lists"])
def test_the_folder_of_a_portable_obs_on_windows_gets_an_access_list_of_its_own(
    files_of_windows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: int
) -> None:
    system = Windows(monkeypatch, tmp_path / "Users" / "streamer", refuses)
    folder = tmp_path / "portable" / "config" / "obs-studio" / "plugin_config" / "twitch-clawcraft"

    files_of_windows.private_folder(folder)

    protected_list = 0x80000004
    assert system.given == [(str(folder), protected_list)]
    assert folder.is_dir()
    assert system.nothing_kept()


def test_commands_on_windows_are_told_with_its_launcher(windows: None) -> None:
    assert dependencies.install_command().startswith('py "')
    assert install_advice().startswith('Close OBS and run: py "')
    assert "run <b>py tools/install.py --dock</b>" in operator._dock("http://127.0.0.1:3040/operator")


@pytest.mark.parametrize(("failures", "written"), [(files.REPLACE_TRIES - 1, True), (files.REPLACE_TRIES, False)])
def test_a_file_that_somebody_reads_on_windows_is_replaced_once_they_close_it(
    files_of_windows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int, written: bool
) -> None:
    path, replace, left = tmp_path / "a.json", os.replace, [None] * failures
    path.write_bytes(b"old")
    slept: list[float] = []

    def while_read(source: str, target: Path) -> None:
        if left:
            left.pop()
            raise PermissionError(errno.EACCES, "The process cannot access the file")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", while_read)
        patch.setattr(files_of_windows.time, "sleep", slept.append)
        if written:
            files_of_windows.write_atomically(path, b"new")
        else:
            with pytest.raises(PermissionError):
                files_of_windows.write_atomically(path, b"new")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [
        ("a.json", b"new" if written else b"old")
    ]
    assert sum(slept) < 0.05


class FakeSocket:
    """One that Windows refuses to bind."""

    def __init__(self, *_kind: object) -> None:
        self.options: list[int] = []
        FakeSocket.last = self

    def setsockopt(self, _level: int, option: int, _value: int) -> None:
        self.options.append(option)

    def bind(self, _address: object) -> None:
        raise PermissionError(errno.EACCES, "An attempt was made to access a socket in a way forbidden")

    def close(self) -> None:
        self.options.append(-1)

    last: "FakeSocket"


@pytest.mark.parametrize(("platform", "error"), [("win32", PortInUse), ("linux", ListenError)])
def test_a_port_that_another_program_has_alone_is_in_use_on_windows(
    monkeypatch: pytest.MonkeyPatch, platform: str, error: type[Exception]
) -> None:
    exclusive = 0xFFFB
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", exclusive, raising=False)
    monkeypatch.setattr(socket, "socket", FakeSocket)
    with pytest.raises(ListenError) as raised:
        server._listening_socket("127.0.0.1", 80)
    assert type(raised.value) is error
    # With SO_REUSEADDR two programs would share the port there.
    assert FakeSocket.last.options == [exclusive if platform == "win32" else socket.SO_REUSEADDR, -1]


def test_a_program_of_the_panel_is_ended_without_process_groups_on_windows(
    windows: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "killpg")
    killed = []
    background._kill(SimpleNamespace(kill=lambda: killed.append(True)))  # type: ignore[arg-type]
    assert killed == [True]


def test_an_environment_on_windows_has_its_python_elsewhere_and_its_child_decides_the_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_venv, "WINDOWS", True)
    environment = _venv.Environment(tmp_path / "requirements.txt", tmp_path)
    assert environment.python.relative_to(environment.folder) == Path("Scripts/python.exe")
    environment.python.parent.mkdir(parents=True)
    environment.python.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "orig_argv", ["py", "-c", "raise SystemExit(7)"])
    monkeypatch.setattr(os, "execv", None)  # which would return to the shell at once
    with pytest.raises(SystemExit) as ended:
        _venv._run_in(environment)
    assert ended.value.code == 7


def test_no_console_opens_over_the_stream_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    from clawcraft.panel import interpreter

    assert interpreter.no_window() == getattr(subprocess, "CREATE_NO_WINDOW", 0)
    monkeypatch.setattr(subprocess, "CREATE_NO_WINDOW", 0x08000000, raising=False)
    assert interpreter.no_window() == 0x08000000
