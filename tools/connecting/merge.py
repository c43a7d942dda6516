"""A host's file with our entry in it and everything else as it was. Standard library only."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from clawcraft.files import write_atomically
from connecting import Problem
from connecting.hosts import NAME

_TABLE: Final = re.compile(rf'(?m)^\[mcp_servers\.(?:{NAME}|"{NAME}")(?:\.[^\]]*)?\][^\n]*\n(?:(?!\[)[^\n]*(?:\n|\Z))*')
"""Our table in TOML, and what is below it."""


def in_json(text: str, entries: Mapping[str, Any]) -> str:
    """``text`` with ``entries``. Raises Problem if it is not plain JSON, as a file with comments is not."""
    try:
        before = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise Problem(f"it is not plain JSON ({error}): put the entry in by hand") from None
    after = _merged(before, entries)
    if after == before:
        return text
    # Half a surrogate pair, which JSON can hold and UTF-8 cannot, becomes its escape again.
    return json.dumps(after, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace").decode() + "\n"


def in_toml(text: str, entries: Mapping[str, Any]) -> str:
    """``text`` with ``entries``. Raises Problem if that cannot be done by adding or replacing our table."""
    try:
        wanted = _merged(tomllib.loads(text), entries)
        if tomllib.loads(text) == wanted:
            return text
        rest = _TABLE.sub("", text).rstrip("\n")
        after = f"{rest}\n\n{toml(entries)}" if rest else toml(entries)
        if tomllib.loads(after) != wanted:
            raise Problem(f"it has [mcp_servers.{NAME}] in another form: put the entry in by hand")
    except tomllib.TOMLDecodeError as error:
        raise Problem(f"it is not TOML ({error}): put the entry in by hand") from None
    return after


def toml(entries: Mapping[str, Any]) -> str:
    """Our table."""
    ((section, servers),) = entries.items()
    ((name, body),) = servers.items()
    # JSON's strings and lists of strings are TOML's too.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in body.items()]
    return "\n".join([f"[{section}.{name}]", *lines]) + "\n"


def write(path: Path, before: bytes | None, text: str) -> Path | None:
    """Put ``text`` there, and what was there beside it; the backup, None where there was nothing. Raises OSError, and
    UnicodeEncodeError before anything is changed."""
    encoded = text.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path = path.resolve()  # what a link names, not the link
    if before is None:
        write_atomically(path, encoded)
        return None
    backup = _free(path)
    shutil.copy2(path, backup)
    write_atomically(path, encoded, mode=path.stat().st_mode & 0o777)
    return backup


def _free(path: Path) -> Path:
    number = 1
    while (backup := path.with_name(f"{path.name}.bak{number}")).exists():
        number += 1
    return backup


def _merged(before: Any, entries: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(before, dict):
        raise Problem("it holds something else than expected: put the entry in by hand")
    after = dict(before)
    for key, value in entries.items():
        if key == NAME or key not in before:
            after[key] = value
        elif isinstance(value, list):
            after[key] = _without(value, before[key]) + value
        else:
            after[key] = _merged(before[key], value)
    return after


def _without(ours: list[Any], before: Any) -> list[Any]:
    if not isinstance(before, list):
        raise Problem("it holds something else than expected: put the entry in by hand")
    ids = [entry["id"] for entry in ours]
    return [entry for entry in before if not (isinstance(entry, dict) and entry.get("id") in ids)]
