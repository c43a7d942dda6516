"""Files shared between processes: whole or not at all, one writer at a time."""

import contextlib
import errno
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from clawcraft.files import LockHeld, locked, private_folder, write_atomically
from tests.support.job_rig import together
from tests.support.paths import OBS_PLUGIN
from tests.support.waiting import HANG_S

HOLD = """
import sys
from pathlib import Path
from clawcraft.files import locked
with locked(Path(sys.argv[1]), 0):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(OSError, match="No space"):
            write_atomically(path, b"new")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("a.json", b"old")]


posix = pytest.mark.skipif(os.name == "nt", reason="Windows has access lists of the profile instead of modes")


def modes(folder: Path) -> dict[str, str]:
    return {each.name: oct(each.lstat().st_mode & 0o777) for each in (folder, *folder.iterdir())}


@contextlib.contextmanager
def held_by_another_user(path: Path) -> Iterator[None]:
    """As somebody may do who can only read the file."""
    fcntl = pytest.importorskip("fcntl")
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@posix
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_has_its_mode_whatever_the_old_one_had(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.json"
    path.touch(mode=0o640)
    write_atomically(path, b"new", mode=mode, durable=False)
    assert path.stat().st_mode & 0o777 == mode
    assert path.read_bytes() == b"new"


def test_the_lock_keeps_others_out_until_its_holder_dies(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(OBS_PLUGIN)},
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        with pytest.raises(LockHeld, match=r"a\.lock"), locked(path, 0.02):
            raise AssertionError("two are inside")
        holder.kill()
    with locked(path, 0):
        assert path.stat().st_mode & 0o077 == 0


@posix
def test_a_private_folder_is_its_users_alone_also_where_it_was_not(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch(mode=0o644)
    folder = tmp_path / "new" / "folder"
    private_folder(folder)
    assert modes(folder) == {"folder": "0o700"}
    folder.chmod(0o755)
    for name, mode in (("service.log", 0o644), ("jobs.sqlite3-wal", 0o664), ("own", 0o400)):
        (folder / name).touch()
        (folder / name).chmod(mode)
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    private_folder(folder)
    files = {"service.log": "0o600", "jobs.sqlite3-wal": "0o600", "own": "0o400", "link": "0o777"}
    assert modes(folder) == {"folder": "0o700", **files}
    assert modes(tmp_path)["elsewhere"] == "0o644"


@posix
def test_a_lock_that_others_could_open_keeps_nobody_out_of_a_private_folder(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.touch(mode=0o644)
    with held_by_another_user(path):
        with pytest.raises(LockHeld), locked(path, 0):
            raise AssertionError("two are inside")
        private_folder(tmp_path)
        with locked(path, 0):
            assert modes(tmp_path)["a.lock"] == "0o600"


@posix
def test_who_waits_for_a_lock_that_is_replaced_gets_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.touch(mode=0o644)
    inside = threading.Event()

    def wait() -> None:
        with locked(path, HANG_S):
            inside.set()

    with held_by_another_user(path):
        waiter = threading.Thread(target=wait, name="waiter")
        waiter.start()
        private_folder(tmp_path)
        assert inside.wait(HANG_S)
    waiter.join(HANG_S)


def test_threads_of_one_process_keep_each_other_out(tmp_path: Path) -> None:
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(20):
            with locked(tmp_path / "a.lock", 30):
                inside += 1
                most = max(most, inside)
                inside -= 1

    together([work] * 4)
    assert most == 1


@pytest.mark.skipif(os.name == "nt", reason="flock is POSIX")
def test_a_file_system_without_locks_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", none)
    with pytest.raises(OSError, match="No locks") as raised, locked(tmp_path / "a.lock", 3600):
        raise AssertionError("nobody may be inside")
    assert raised.value.errno == errno.ENOLCK
