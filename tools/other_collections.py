#!/usr/bin/env python3
"""Adds the script to the scene collections that lack it, while OBS runs: for the panel's button.

The collection in use is left alone, since OBS would overwrite it; OBS reads the others when it switches to them. The
installer's own record is kept, so that ``install.py --uninstall`` takes this back too. Standard library only.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import _venv

_venv.require_python()

from installer import SCRIPT, Problem, Status, homes  # noqa: E402
from installer.collection import BrokenCollection, Collection  # noqa: E402
from installer.ledger import Ledger  # noqa: E402


def main() -> int:
    options = _options()
    home = homes.given_home(options.obs_config_dir)
    ledger = Ledger(home)
    status = Status.DONE
    for path in home.collection_files():
        try:
            found = Collection.read(path)
            if found.name == options.in_use or not found.add(SCRIPT):
                continue
            if not options.check:
                ledger.replace(path, found.to_bytes())
            print(found.name, flush=True)
        except (BrokenCollection, Problem, OSError) as error:
            print(f"error: {path.name} is left alone: {error}", file=sys.stderr)
            status = Status.FAILED
    return status


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Print the scene collections without the script, and add it to them.")
    parser.add_argument("--obs-config-dir", type=Path, metavar="DIR", required=True, help="OBS's configuration folder")
    parser.add_argument("--in-use", metavar="NAME", required=True, help="the collection OBS has loaded: left alone")
    parser.add_argument("--check", action="store_true", help="only print them")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
