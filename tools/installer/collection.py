"""A scene collection's list of scripts, edited in the file's own text: nothing else in it moves by a byte.

Parsing and writing the whole file anew would lose what OBS wrote: number formats, duplicate keys, layout.
"""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_BLANK: Final = re.compile(r"[ \t\r\n]*")
_BOM: Final = "\ufeff"
MODULES: Final = "modules"
SCRIPTS: Final = "scripts-tool"
"""The key under which OBS's Scripts window keeps its list: ``[{"path": …, "settings": {…}}, …]``."""


class BrokenCollection(ValueError):
    """The file is not a scene collection that OBS could read; the message says why."""


@dataclass(frozen=True, slots=True)
class _Span:
    """A value in the text, and for a member of an object its key."""

    start: int
    end: int
    key: str = ""


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)


def parse(raw: bytes) -> dict[str, Any]:
    """The collection's data. Raises BrokenCollection."""
    try:
        text = raw.decode().removeprefix(_BOM)
        data = _DECODER.decode(text)
    except RecursionError:
        raise BrokenCollection("it is nested too deeply") from None
    except ValueError as error:
        raise BrokenCollection(str(error)) from error
    if not isinstance(data, dict):
        raise BrokenCollection("it does not hold a JSON object")
    modules = data.get(MODULES, {})
    scripts = modules.get(SCRIPTS, []) if isinstance(modules, dict) else None
    if not isinstance(scripts, list) or not all(isinstance(entry, dict) for entry in scripts):
        raise BrokenCollection("its list of scripts has a form that OBS does not write")
    return data


def lists(raw: bytes, script: Path) -> bool:
    """Whether exactly this script is in the list."""
    return any(_same(entry.get("path"), script) for entry in _entries(parse(raw)))


def with_script(raw: bytes, script: Path) -> bytes:
    """The file with ``script`` in its list, once. An entry for another copy of it is pointed here and keeps its
    settings: two copies would fight for the port. Raises BrokenCollection."""
    entries = _entries(parse(raw))
    if lists(raw, script):
        return raw
    text = raw.decode()
    for index, entry in enumerate(entries):
        if re.split(r"[\\/]", str(entry.get("path")))[-1] == script.name:
            path = _members(text, _scripts(text)[index].start)["path"]
            return (text[: path.start] + json.dumps(script.as_posix(), ensure_ascii=False) + text[path.end :]).encode()
    value: Any = {"path": script.as_posix(), "settings": {}}
    root = text.index("{")
    style = _Style.of(text, root)
    modules = _members(text, root).get(MODULES)
    if modules is None:
        return style.add(text, root, 0, {SCRIPTS: [value]}, MODULES).encode()
    scripts = _members(text, modules.start).get(SCRIPTS)
    if scripts is None:
        return style.add(text, modules.start, 1, [value], SCRIPTS).encode()
    return style.add(text, scripts.start, 2, value).encode()


def without_script(raw: bytes, script: Path) -> bytes:
    """The file without ``script`` in its list. Raises BrokenCollection."""
    for index, entry in reversed(list(enumerate(_entries(parse(raw))))):
        if _same(entry.get("path"), script):
            raw = _without_item(raw.decode(), index).encode()
    return raw


def _entries(data: dict[str, Any]) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = data.get(MODULES, {}).get(SCRIPTS, [])
    return entries


def _same(path: object, script: Path) -> bool:
    def normal(text: str) -> str:
        return os.path.normcase(os.path.realpath(text))

    # No file's name has a null character, and realpath would raise.
    return isinstance(path, str) and "\0" not in path and normal(path) == normal(str(script))


def _scripts(text: str) -> list[_Span]:
    root = text.index("{")
    return _items(text, _members(text, _members(text, root)[MODULES].start)[SCRIPTS].start)


def _without_item(text: str, index: int) -> str:
    items = _scripts(text)
    if len(items) == 1:
        # Also the blanks around the only item, so that an empty list looks as OBS writes it.
        start = text.rindex("[", 0, items[0].start) + 1
        return text[:start] + text[text.index("]", items[0].end) :]
    if index < len(items) - 1:
        return text[: items[index].start] + text[items[index + 1].start :]
    return text[: items[index - 1].end] + text[items[index].end :]


def _members(text: str, start: int) -> dict[str, _Span]:
    """The members of the object at ``start``; of duplicate keys the last, as OBS reads it."""

    def member(at: int) -> _Span:
        key, at = _DECODER.raw_decode(text, at)
        at = _after_blank(text, _after_blank(text, at) + 1)
        return _Span(at, _DECODER.raw_decode(text, at)[1], key)

    return {span.key: span for span in _elements(text, start, member)}


def _items(text: str, start: int) -> list[_Span]:
    return _elements(text, start, lambda at: _Span(at, _DECODER.raw_decode(text, at)[1]))


def _elements(text: str, start: int, element: Callable[[int], _Span]) -> list[_Span]:
    found: list[_Span] = []
    at = _after_blank(text, start + 1)
    while text[at] not in "]}":
        found.append(element(at))
        at = _after_blank(text, found[-1].end)
        if text[at] == ",":
            at = _after_blank(text, at + 1)
    return found


def _after_blank(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


@dataclass(frozen=True, slots=True)
class _Style:
    """How the file is laid out: ``unit`` is its indentation, None where it is on one line."""

    unit: str | None
    newline: str
    comma: str
    colon: str

    @classmethod
    def of(cls, text: str, root: int) -> "_Style":
        first = _after_blank(text, root + 1)
        blank = text[root + 1 : first]
        if "\n" in blank:
            newline = "\r\n" if "\r\n" in blank else "\n"
            return cls(blank.rpartition("\n")[2], newline, ",", ": ")
        spaced = re.search(r'"\s*:( ?)', text[first:])
        space = spaced[1] if spaced else " "
        return cls(None, "", "," + space, ":" + space)

    def add(self, text: str, start: int, depth: int, value: object, key: str | None = None) -> str:
        """``text`` with ``value`` as the last element of the container at ``start``, which is ``depth`` levels deep."""
        item = json.dumps(value, ensure_ascii=False, indent=self.unit, separators=(self.comma, self.colon))
        if key is not None:
            item = json.dumps(key) + self.colon + item
        lead = ""
        if self.unit is not None:
            lead = self.newline + self.unit * (depth + 1)
            item = item.replace("\n", lead)
        elements = _members(text, start) if text[start] == "{" else _items(text, start)
        if elements:
            spans = elements.values() if isinstance(elements, dict) else elements
            end = max(span.end for span in spans)
            return text[:end] + (self.comma if self.unit is None else ",") + lead + item + text[end:]
        close = _after_blank(text, start + 1)
        tail = "" if self.unit is None else self.newline + self.unit * depth
        return text[: start + 1] + lead + item + tail + text[close:]
