#!/usr/bin/env python3
"""Writes every generated file: the configuration reference, and what the OpenClaw plugin knows of the tools.

They are made of the table of actions (``actions/catalogue.py``), the action schemas and the table of settings. Run it
after a change there; ``--check`` only tells what is stale. Standard library only.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import _venv

_venv.require_python()
sys.path.insert(0, str(_venv.ROOT / "obs_plugin"))

from generators import configuration, openclaw  # noqa: E402


def files() -> dict[Path, str]:
    """Each generated file and the text it should have. Raises ValueError that names what an action lacks."""
    return {**configuration.files(), **openclaw.files()}


def stale() -> dict[Path, str]:
    """The files that are not as they should be."""
    return {path: text for path, text in files().items() if not path.exists() or path.read_text("utf-8") != text}


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the generated files.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if something would change")
    check: bool = parser.parse_args().check
    try:
        changed = stale()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path, text in changed.items():
        name = path.relative_to(_venv.ROOT)
        if check:
            print(f"error: {name} is stale: run python3 tools/generate.py", file=sys.stderr)
        else:
            path.write_text(text, "utf-8")
            print(f"wrote {name}")
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
