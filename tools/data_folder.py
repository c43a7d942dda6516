"""Where the service keeps its files on this machine, for the tools that change them beside a running OBS."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path


def add_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", default="", help="the service's folder (plugin_config/twitch-clawcraft of OBS)")


def find(given: str) -> Path:
    """The folder ``given``, else that of the OBS on this machine; a note on stderr names those of others."""
    if given:
        return Path(given).expanduser().absolute()
    from installer import homes

    found = homes.homes_of(sys.platform, os.environ, Path.home())
    for other in found[1:]:
        print(f"note: there is another OBS ({other.kind}); for it: --data-dir {other.own_folder}", file=sys.stderr)
    return found[0].own_folder
