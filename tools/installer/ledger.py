"""What the installer changed in one OBS home, with the bytes from before, so that uninstalling can give them back.

Every change is one atomic replacement of a file; its backup is on disk before that.
"""

import contextlib
import hashlib
import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any, Final

from clawcraft.files import private_folder, write_atomically
from installer import Problem
from installer.homes import ObsHome

_INDEX: Final = "index.json"


class Ledger:
    """The record and the backups of one home, in a folder of their own."""

    def __init__(self, home: ObsHome) -> None:
        self.folder = home.own_folder / "install"
        self._entries = self._load()

    def files(self) -> list[Path]:
        """The files changed since the last uninstall, in order."""
        return [Path(name) for name in self._entries]

    def replace(self, path: Path, new: bytes) -> None:
        """Give ``path`` the content ``new``; what it was before is kept. Raises Problem."""
        try:
            old = path.read_bytes() if path.exists() else None
            entry: dict[str, Any] = dict(self._entries.get(str(path), {"after": None, "backup": None}))
            private_folder(self.folder.parent)
            private_folder(self.folder)
            # A second change of ours on top of the first keeps the backup from before both.
            if old is not None and _digest(old) != entry["after"]:
                entry["backup"] = f"{_digest(str(path).encode())[:8]}-{path.name}"
                write_atomically(self.folder / entry["backup"], old)
            entry["after"] = _digest(new)
            # The record first: a crash in between leaves a record whose digest fits nothing, and nothing is lost.
            self._entries[str(path)] = entry
            self._save()
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, new)
        except OSError as error:
            raise Problem(f"cannot write {path}: {error.strerror or error}. Nothing was changed in it.") from error

    def restore(self, path: Path) -> bool:
        """Give ``path`` back every byte it had before; False if it was changed since, and then it is left alone. Raises
        Problem."""
        entry = self._entries.get(str(path))
        if entry is None:
            return False
        try:
            if not path.exists() or _digest(path.read_bytes()) != entry["after"]:
                return False
            if entry["backup"] is None:
                path.unlink()
            else:
                _write(path, (self.folder / entry["backup"]).read_bytes())
            self.forget(path)
        except OSError as error:
            raise Problem(f"cannot restore {path}: {error.strerror or error}") from error
        return True

    def forget(self, path: Path) -> None:
        """Drop the record and the backup of ``path``; with the last one the folder goes too."""
        entry = self._entries.pop(str(path), None)
        if entry and entry["backup"]:
            (self.folder / entry["backup"]).unlink(missing_ok=True)
        if self._entries:
            self._save()
        elif self.folder.exists():
            shutil.rmtree(self.folder)
            # OBS and the service make these again when they need them.
            for parent in (self.folder.parent, self.folder.parent.parent):
                with contextlib.suppress(OSError):
                    parent.rmdir()

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            entries: dict[str, dict[str, Any]] = json.loads((self.folder / _INDEX).read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise Problem(
                f"cannot read the record of earlier changes in {self.folder} ({error}); move that folder away"
            ) from error
        return entries

    def _save(self) -> None:
        write_atomically(self.folder / _INDEX, json.dumps(self._entries, indent=2).encode())


def _write(path: Path, content: bytes) -> None:
    """A file that is there keeps its permissions, and a link stays a link; a new file is the user's alone."""
    target = Path(os.path.realpath(path))
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o600
    write_atomically(target, content, mode=mode)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
