#!/usr/bin/env python3
"""Writes the hashes of the pinned packages into the requirements files, as the package index that pip uses tells them.

Run it after a change of a pin; ``--check`` only tells what is stale. Standard library only, and a pip.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import _venv

_venv.require_python()

FILES: Final = (
    _venv.ROOT / "requirements.txt",
    _venv.ROOT / "requirements-dev.txt",
    _venv.ROOT / "tests" / "mcp" / "requirements-mcp.txt",
    _venv.ROOT / "tools" / "proving" / "attack" / "requirements-schemathesis.txt",
)
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
"""Those that an OBS may embed, and that run the tools."""
PIN: Final = re.compile(r"(?P<name>[\w.-]+)==(?P<version>[\w.!]+)(?P<marker> *;[^\\]*)?")
_PLATFORMS: Final = re.compile(r"any|win_(amd64|arm64)|macosx_\w+|(many|musl)linux\w+_(x86_64|aarch64)")
_JSON: Final = "application/vnd.pypi.simple.v1+json"
_TIMEOUT_S: Final = 60.0
_TRIES: Final = 3

Hashes = Callable[[str, str], list[str]]
"""From a package's name and version to the SHA-256 of each of its files that may be installed."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the hashes of the pinned packages.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if something would change")
    check: bool = parser.parse_args().check
    try:
        index = Index(index_url())
        fresh = {path: with_hashes(path.read_text("utf-8"), index.hashes) for path in FILES}
    except IndexProblem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    stale = {path: text for path, text in fresh.items() if path.read_text("utf-8") != text}
    for path, text in stale.items():
        if check:
            print(f"error: {path.name} is stale: run python3 tools/hashes.py", file=sys.stderr)
        else:
            path.write_text(text, "utf-8", newline="\n")
            print(f"wrote {path.name}")
    return 1 if check and stale else 0


class IndexProblem(Exception):
    """The package index does not tell what is needed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A wheel or a source archive."""

    name: str
    sha256: str
    url: str


class Index:
    """The package index, asked in the JSON form of the simple API (PEP 691)."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def hashes(self, name: str, version: str) -> list[str]:
        """Raises IndexProblem."""
        return sorted(file.sha256 for file in self.files(name, version))

    def files(self, name: str, version: str) -> list[PackageFile]:
        """Those that may be installed. Raises IndexProblem."""
        page = f"{self._url}/{canonical(name)}/"
        try:
            listed: list[dict[str, Any]] = json.loads(download(page, _JSON))["files"]
            found = [
                PackageFile(file["filename"], file["hashes"]["sha256"], urllib.parse.urljoin(page, file["url"]))
                for file in listed
                if is_needed(file["filename"], canonical(name), version)
            ]
        except (OSError, ValueError, KeyError) as error:
            raise IndexProblem(f"the package index does not tell about {name} as {_JSON}: {error}") from error
        if not found:
            raise IndexProblem(f"the package index has no {name} {version} that fits: change the pin")
        return found


def download(url: str, accept: str = "*/*") -> bytes:
    """Raises OSError, if each of a few tries fails."""
    request = urllib.request.Request(url, headers={"Accept": accept})
    problem = ""
    for _ in range(_TRIES):
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            with error:  # it is the answer, too, and holds the connection
                problem = str(error)
        except (OSError, http.client.HTTPException) as error:  # the latter: the connection broke off
            problem = str(error)
    raise OSError(f"{problem} ({url})")


def index_url() -> str:
    """The one that pip is set up with. Its help is the only place where pip says it, the default included."""
    environment = {**os.environ, "COLUMNS": "1000"}  # else it breaks the line
    command = [sys.executable, "-m", "pip", "install", "--help"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True).stdout
    found = re.search(r"--index-url\b.*\(default (\S+)\)", said)
    if found is None:
        raise IndexProblem(f"{sys.executable} has no pip that says which package index it uses")
    return found[1]


def canonical(name: str) -> str:
    """``typing_extensions`` and ``Typing.Extensions`` are ``typing-extensions``."""
    return re.sub(r"[-_.]+", "-", name).lower()


def is_needed(filename: str, package: str, version: str) -> bool:
    """Whether it is this version's source, or its wheel for a Python and a machine that we serve."""
    for ending in (".tar.gz", ".zip"):
        if filename.endswith(ending):
            name, _, found = filename.removesuffix(ending).rpartition("-")
            return (canonical(name), found) == (package, version)
    if not filename.endswith(".whl"):
        return False
    name, found, *_build, pythons, abi, platforms = filename.removesuffix(".whl").split("-")
    if (canonical(name), found) != (package, version):
        return False
    return any(map(_PLATFORMS.fullmatch, platforms.split("."))) and any(
        _is_for_ours(python, abi) for python in pythons.split(".")
    )


def _is_for_ours(python: str, abi: str) -> bool:
    ours = ["cp" + version.replace(".", "") for version in PYTHONS]
    if python == "py3" or abi == python:
        return python == "py3" or python in ours
    # One wheel for all Pythons from this one on.
    return abi == "abi3" and int(python.removeprefix("cp3")) <= int(ours[-1].removeprefix("cp3"))


def with_hashes(text: str, hashes: Hashes) -> str:
    """The requirements ``text``, each pin followed by its hashes; those it had are dropped."""
    lines: list[str] = []
    for line in text.splitlines():
        pin = PIN.match(line)
        if pin:
            found = [f"    --hash=sha256:{digest}" for digest in hashes(pin["name"], pin["version"])]
            lines.append(" \\\n".join([pin[0].rstrip(), *found]))
        elif not line.startswith("    --hash="):
            lines.append(line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
