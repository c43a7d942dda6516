"""OBS's ini files (``global.ini``, and since OBS 31 ``user.ini``): values read and set, the rest untouched."""

import re
from pathlib import Path

from installer import Problem

_SECTION = re.compile(r"\s*\[(?P<name>[^\]]*)\]")


def read(path: Path) -> str:
    """The text of an ini file, empty if there is none. Raises Problem."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"cannot read {path}: {error}") from error


def value(text: str, section: str, key: str) -> str:
    """The value of ``key``, empty if it is not set."""
    for name, line in _lines(text):
        found, separator, rest = line.partition("=")
        if name == section and separator and found.strip() == key:
            return rest.strip().replace("\\\\", "\\")
    return ""


def with_value(text: str, section: str, key: str, new: str) -> str:
    """``text`` with ``key`` set; everything else stays as it is. OBS doubles backslashes."""
    line = f"{key}=" + new.replace("\\", "\\\\")
    lines = text.splitlines(keepends=True)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    for index, (name, old) in enumerate(_lines(text)):
        if name == section and old.partition("=")[0].strip() == key:
            lines[index] = line + newline
            return "".join(lines)
    for index, old in enumerate(lines):
        if (match := _SECTION.match(old)) and match["name"] == section:
            lines.insert(index + 1, line + newline)
            return "".join(lines)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += newline
    return "".join([*lines, f"[{section}]{newline}", line + newline])


def _lines(text: str) -> list[tuple[str, str]]:
    """Each line with the name of its section."""
    section = ""
    lines = []
    for line in text.splitlines():
        if match := _SECTION.match(line):
            section = match["name"]
        lines.append((section, line))
    return lines
