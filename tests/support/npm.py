"""Packages from npm, installed once into a cache folder outside the repository, with a Node.js that runs them."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from clawcraft.files import locked

NODE: Final = "26"
NODE_NEEDS: Final = 22
INSTALL_S: Final = 600


def npm_missing() -> str | None:
    """Why nothing can be installed, or None."""
    return None if shutil.which("npm") else "npm is not installed"


def installed(name: str, packages: Sequence[str]) -> Path:
    """The folder with ``packages`` (pinned, as npm takes them), named for what they are for."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "twitch-clawcraft" / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock"), INSTALL_S):
        if not folder.exists():
            fresh = Path(tempfile.mkdtemp(dir=folder.parent))
            try:
                (fresh / "package.json").write_text('{"private": true}\n')
                more = [] if _node_version() >= NODE_NEEDS else [f"node@{NODE}"]
                _install(fresh, [*packages, *more])
                fresh.rename(folder)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    return folder


def node(folder: Path) -> str:
    """The Node.js for what is installed in ``folder``."""
    own = folder / "node_modules" / ".bin" / "node"
    return str(own) if own.exists() else "node"


def _install(folder: Path, packages: Sequence[str]) -> None:
    npm = shutil.which("npm")
    assert npm is not None
    command = ["nice", npm, "install", "--no-audit", "--no-fund", "--save-exact", *packages]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S)
    assert done.returncode == 0, done.stderr[-4000:]


def _node_version() -> int:
    found = shutil.which("node")
    said = subprocess.run([found, "--version"], capture_output=True, text=True).stdout if found else ""
    match = re.match(r"v(\d+)\.", said)
    return int(match[1]) if match else 0
