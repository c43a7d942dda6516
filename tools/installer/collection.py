"""A scene collection: the JSON file in which OBS keeps scenes, sources and the list of scripts of its Scripts window.

It is written as OBS writes it, indented by four in UTF-8, and what OBS would refuse to read is refused here too: to
write such a file anew would lose a part of it. OBS skips a byte order mark when it reads, and never writes one.
"""

import json
import os
import re
from pathlib import Path
from typing import Any, Final, cast

_MODULES: Final = "modules"
_SCRIPTS: Final = "scripts-tool"
"""The key under which OBS's Scripts window keeps its list: ``[{"path": …, "settings": {…}}, …]``."""

Entry = dict[str, Any]


class BrokenCollection(ValueError):
    """The file is not a scene collection that OBS could read; the message says why."""


class Collection:
    """One scene collection in memory: what its file holds, changed by ``add`` and ``remove``, written by the caller."""

    def __init__(self, path: Path, data: dict[str, Any]) -> None:
        self.path = path
        self._data = data

    @classmethod
    def read(cls, path: Path) -> "Collection":
        """Raises BrokenCollection, or OSError where the file cannot be read."""
        raw = path.read_bytes()
        try:
            data = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_object)
            _dump(data)
        except RecursionError:
            raise BrokenCollection("it is nested too deeply") from None
        except ValueError as error:
            raise BrokenCollection(str(error)) from error
        if not isinstance(data, dict):
            raise BrokenCollection("it does not hold a JSON object")
        modules = data.get(_MODULES, {})
        scripts = modules.get(_SCRIPTS, []) if isinstance(modules, dict) else None
        if not isinstance(scripts, list) or not all(isinstance(entry, dict) for entry in scripts):
            raise BrokenCollection("its list of scripts has a form that OBS does not write")
        return cls(path, data)

    @property
    def name(self) -> str:
        """What OBS calls it in its menu."""
        name = self._data.get("name")
        return name if isinstance(name, str) and name else self.path.stem

    def entry(self, script: Path) -> Entry | None:
        """The entry for exactly this script, None if it is not in the list."""
        return next((entry for entry in self._entries() if _same(entry.get("path"), script)), None)

    def add(self, script: Path) -> str:
        """Put ``script`` into the list, once; what was done in words, empty if nothing. An entry for another copy of it
        is pointed here, since two copies would fight for the port. It keeps its settings where that copy is a file on
        this machine; else who shared the file chose them, and they go."""
        if self.entry(script) is not None:
            return ""
        for entry in self._entries():
            path = str(entry.get("path"))
            if re.split(r"[\\/]", path)[-1] == script.name:
                known = _is_file(path)
                kept = entry.get("settings") if known else None
                entry |= {"path": script.as_posix(), "settings": kept if isinstance(kept, dict) else {}}
                return f"pointed here from {path}, its settings {'kept' if known else 'dropped'}"
        scripts = self._data.setdefault(_MODULES, {}).setdefault(_SCRIPTS, [])
        scripts.append({"path": script.as_posix(), "settings": {}})
        return "script added"

    def remove(self, script: Path) -> bool:
        """Take ``script`` out of the list; whether it was there."""
        entries = self._entries()
        others = [entry for entry in entries if not _same(entry.get("path"), script)]
        removed = len(others) < len(entries)
        entries[:] = others
        return removed

    def to_bytes(self) -> bytes:
        return _dump(self._data)

    def _entries(self) -> list[Entry]:
        return cast(list[Entry], self._data.get(_MODULES, {}).get(_SCRIPTS, []))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise ValueError("it names a key twice in one object")
    return data


def _dump(data: object) -> bytes:
    """Raises ValueError for NaN, numbers beyond a float and halves of surrogate pairs: OBS does not read them."""
    return json.dumps(data, indent=4, ensure_ascii=False, allow_nan=False).encode()


def _same(path: object, script: Path) -> bool:
    def normal(text: str) -> str:
        return os.path.normcase(os.path.realpath(text))

    # No file's name has a null character, and realpath would raise.
    return isinstance(path, str) and "\0" not in path and normal(path) == normal(str(script))


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_absolute() and Path(path).is_file()
    except OSError:  # such as a name that is too long for any file
        return False
