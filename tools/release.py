#!/usr/bin/env python3
"""Makes the release: a zip that needs neither pip nor a terminal, its list of contents (SPDX), and the sums of both.

One commit gives the same bytes everywhere: what git tracks and the pinned wheels, in order, with the commit's time, and
stored as it is, since what a compressor writes differs between versions of zlib. The wheels come from the package index
that pip uses; only those whose hash is pinned count. Standard library only, git, and a pip.
"""

from __future__ import annotations

import argparse
import email
import hashlib
import io
import json
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import _venv

_venv.require_python()

from clawcraft import VERSION, dependencies  # noqa: E402
from hashes import PIN, PYTHONS, Index, IndexProblem, PackageFile, download, index_url  # noqa: E402

NAME: Final = "twitch-clawcraft"
SHIPPED: Final = ("CHANGELOG.md", "README.md", "docs", "obs_plugin", "requirements.txt", "schemas", "tools")
_FOR_DEVELOPERS: Final = re.compile(
    r"tools/(bench/|generators/|obs_matrix/|openclaw/test/|proving/|(generate|hashes|prove|release|test)\.py)"
)
MACHINES: Final = {
    "win-amd64": r"win_amd64",
    "win-arm64": r"win_arm64",
    "macos-x86_64": r"macosx_\d+_\d+_(x86_64|universal2)",
    "macos-arm64": r"macosx_\d+_\d+_(arm64|universal2)",
    "x86_64-linux-gnu": r"manylinux\w+_x86_64",
    "aarch64-linux-gnu": r"manylinux\w+_aarch64",
}
"""``dependencies.machine()`` of those we serve, and the wheels that fit."""
_LICENCES: Final = f"""\
What {NAME} {VERSION} brings along, and under which licence. Each package's own text of it is in its folder, below
obs_plugin/lib/.

"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the release's zip, its SBOM and their SHA-256 sums.")
    parser.add_argument("--output", type=Path, default=_venv.ROOT / "build", metavar="DIR", help="default: build/")
    output: Path = parser.parse_args().output
    try:
        files = Release(_venv.ROOT, WheelCache(output / "wheels")).files()
        output.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (output / name).write_bytes(content)
            print(f"{hashlib.sha256(content).hexdigest()}  {output / name}")
    except (IndexProblem, ReleaseProblem, OSError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


class ReleaseProblem(Exception):
    """The release cannot be made; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel, and the folder of ``obs_plugin/lib/`` it goes into."""

    package: str
    version: str
    file: PackageFile
    folder: str
    content: bytes

    def members(self) -> Iterator[tuple[str, bytes]]:
        """What is imported, with the metadata; no programs (``.data/scripts``)."""
        with zipfile.ZipFile(io.BytesIO(self.content)) as wheel:
            for name in wheel.namelist():
                if ".data/" not in name and not name.endswith("/"):
                    yield f"obs_plugin/lib/{self.folder}/{name}", wheel.read(name)

    def licence(self) -> str:
        """As an SPDX expression."""
        metadata = next(content for name, content in self.members() if name.endswith(".dist-info/METADATA"))
        said = email.message_from_bytes(metadata)
        plain = str(said["License"] or "NOASSERTION").replace(" ", "-")  # "ZPL 2.1"
        return str(said["License-Expression"] or plain)


class WheelCache:
    """A folder that keeps the wheels from one release to the next."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def content(self, file: PackageFile) -> bytes:
        """From the folder, else from the package index. Raises ReleaseProblem and OSError."""
        kept = self._folder / file.name
        content = kept.read_bytes() if kept.exists() else b""
        if not _is(file, content):
            content = download(file.url)
            if not _is(file, content):
                raise ReleaseProblem(f"{file.name} is another than the one that is pinned: do not release it")
            self._folder.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(content)
        return content


def _is(file: PackageFile, content: bytes) -> bool:
    return hashlib.sha256(content).hexdigest() == file.sha256


class Release:
    """What the release of the project in ``root`` is made of."""

    def __init__(self, root: Path, cache: WheelCache) -> None:
        self._root = root
        self._cache = cache

    def files(self) -> dict[str, bytes]:
        """Name and content of each file of the release. Raises ReleaseProblem, IndexProblem, OSError and
        CalledProcessError."""
        if changed := self._git("status", "--porcelain", "--untracked-files=no", "--", *SHIPPED):
            raise ReleaseProblem(f"a release is made of a commit, and none has these changes:\n{changed.rstrip()}")
        made_at = int(self._git("log", "-1", "--format=%ct"))
        wheels = sorted(self._wheels(), key=lambda wheel: (wheel.package, wheel.folder))
        archive = _zip(self._members(wheels), time.gmtime(made_at))
        name = f"{NAME}-{VERSION}"
        files = {f"{name}.zip": archive, f"{name}.spdx.json": _sbom(wheels, archive, time.gmtime(made_at))}
        sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
        return {**files, "SHA256SUMS": sums.encode()}

    def _git(self, *arguments: str) -> str:
        git = ["git", "-C", str(self._root), "-c", "core.fileMode=false", *arguments]  # the zip has modes of its own
        return subprocess.run(git, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout

    def _members(self, wheels: list[Wheel]) -> dict[str, bytes]:
        tracked = self._git("ls-files", "-z", "--", *SHIPPED).split("\0")[:-1]
        ours = [name for name in tracked if not _FOR_DEVELOPERS.match(name)]
        members = {name: (self._root / name).read_bytes() for name in ours}
        members["LICENCES.txt"] = _licences(wheels).encode()
        for wheel in wheels:
            for name, content in wheel.members():
                if members.setdefault(name, content) != content:
                    raise ReleaseProblem(f"two files are {name}: one is of {wheel.file.name}")
        return members

    def _wheels(self) -> Iterator[Wheel]:
        index = Index(index_url())
        pinned = (self._root / "requirements.txt").read_text("utf-8").replace("\\\n", "")
        for line in pinned.splitlines():
            if pin := PIN.match(line):
                name, version = pin["name"], pin["version"]
                hashes = set(re.findall(r"--hash=sha256:(\w+)", line))
                files = [file for file in index.files(name, version) if file.sha256 in hashes]
                for folder, file in _chosen(files, f"{name} {version}"):
                    yield Wheel(name, version, file, folder, self._cache.content(file))


def _chosen(files: list[PackageFile], package: str) -> Iterator[tuple[str, PackageFile]]:
    """The folders below ``lib/`` and the wheel for each: one for all if there is a wheel without compiled code, else
    one for each Python and kind of machine. Raises ReleaseProblem."""
    if pure := [file for file in files if file.name.endswith("-none-any.whl")]:
        yield dependencies.SHARED, pure[0]
        return
    for python in PYTHONS:
        tag = dependencies.python_tag(python)
        for machine, platforms in MACHINES.items():
            fitting = [file for file in files if re.search(rf"-{tag}-{tag}-([^-]+\.)?{platforms}[.]", file.name)]
            if len(fitting) != 1:
                raise ReleaseProblem(f"{package} has {len(fitting)} wheels for Python {python} on {machine}, not one")
            yield f"{tag}-{machine}", fitting[0]


def _zip(members: dict[str, bytes], made_at: time.struct_time) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(members):
            # The commit's time, not a fixed one: Python takes a .pyc of an older release for that of a file with the
            # same time and size.
            info = zipfile.ZipInfo(f"{NAME}/{name}", made_at[:6])
            info.create_system = 3  # Unix, also where it is made on Windows
            info.external_attr = 0o100644 << 16
            file.writestr(info, members[name])
    return archive.getvalue()


def _licences(wheels: list[Wheel]) -> str:
    packages = {wheel.package: wheel for wheel in wheels}.values()
    return _LICENCES + "".join(f"{wheel.package} {wheel.version}: {wheel.licence()}\n" for wheel in packages)


def _sbom(wheels: list[Wheel], archive: bytes, made_at: time.struct_time) -> bytes:
    """SPDX 2.3: the zip and each wheel in it."""
    digest = hashlib.sha256(archive).hexdigest()
    itself = {
        "SPDXID": "SPDXRef-release",
        "name": NAME,
        "versionInfo": VERSION,
        "packageFileName": f"{NAME}-{VERSION}.zip",
        "checksums": [_checksum(digest)],
        **_common("NOASSERTION"),
    }
    parts = [
        {
            "SPDXID": f"SPDXRef-wheel-{number}",
            "name": wheel.package,
            "versionInfo": wheel.version,
            "packageFileName": wheel.file.name,
            "checksums": [_checksum(wheel.file.sha256)],
            "externalRefs": [
                {
                    "referenceCategory": "PACKAGE-MANAGER",
                    "referenceType": "purl",
                    "referenceLocator": f"pkg:pypi/{wheel.package}@{wheel.version}",
                }
            ],
            **_common(wheel.licence()),
        }
        for number, wheel in enumerate(wheels, 1)
    ]
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-release")]
    relations += [("SPDXRef-release", "CONTAINS", str(part["SPDXID"])) for part in parts]
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{NAME}-{VERSION}",
        "documentNamespace": f"urn:sha256:{digest}",
        "creationInfo": {
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", made_at),
            "creators": [f"Tool: {NAME}-{VERSION}"],
        },
        "packages": [itself, *parts],
        "relationships": [
            {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
            for one, kind, other in relations
        ],
    }
    return (json.dumps(document, indent=2) + "\n").encode()


def _checksum(digest: str) -> dict[str, str]:
    return {"algorithm": "SHA256", "checksumValue": digest}


def _common(licence: str) -> dict[str, str | bool]:
    return {
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
    }


if __name__ == "__main__":
    sys.exit(main())
