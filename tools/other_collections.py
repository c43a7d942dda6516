#!/usr/bin/env python3
"""Adds the script to the scene collections that lack it, while OBS runs: for the panel's button.

The collection in use is left alone, since OBS would overwrite it; OBS reads the others when it switches to them. The
installer's own record is kept, so that ``install.py --uninstall`` takes this back too. Standard library only.

Exit status: 0 all could be read and changed, 3 some could not, or none, and each line with "error: " says why.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

import _venv

_venv.require_python()

from installer import SCRIPT, Problem, homes  # noqa: E402
from installer.collection import BrokenCollection, Collection  # noqa: E402
from installer.ledger import Ledger  # noqa: E402

SOME_LEFT_ALONE: Final = 3
"""Not 1, with which Python ends where the tool itself is broken: then no line is a collection's name."""


def main() -> int:
    options = _options()
    try:
        home = homes.given_home(options.obs_config_dir)
        ledger = Ledger(home)
        paths = home.collection_files()
    except (Problem, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return SOME_LEFT_ALONE
    status = 0
    for path in paths:
        try:
            found = Collection.read(path)
            if found.name == options.in_use or not found.add(SCRIPT):
                continue
            if not options.check:
                ledger.replace(path, found.to_bytes())
            print(found.name, flush=True)
        except (BrokenCollection, Problem, OSError) as error:
            print(f"error: {path.name} is left alone: {error}", file=sys.stderr)
            status = SOME_LEFT_ALONE
    return status


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Print the scene collections without the script, and add it to them.")
    parser.add_argument("--obs-config-dir", type=Path, metavar="DIR", required=True, help="OBS's configuration folder")
    parser.add_argument("--in-use", metavar="NAME", required=True, help="the collection OBS has loaded: left alone")
    parser.add_argument("--check", action="store_true", help="only print them")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
