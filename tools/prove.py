#!/usr/bin/env python3
"""Proves what the README promises.

    python3 tools/prove.py model [--quick]   who may put the stream on air: every order of events, in SPIN
    python3 tools/prove.py campaign --starts N   what agents are told, against what happened, in a real OBS under faults
    python3 tools/prove.py history --runs N   what each request is told, by a service that is killed as it writes
    python3 tools/prove.py worst-agent [--turns N]   an agent that obeys whatever strangers write to it
    python3 tools/prove.py attack [--cases N]   every attack there is a test for, and random requests by the thousand
    python3 tools/prove.py mutation [--area A]   small faults put into the service: whether a test notices
    python3 tools/prove.py soak [--minutes M] [--fake]   whether anything grows in one OBS under load

Each says with ``--help`` what it takes. ``model`` needs spin and a C compiler (Debian: apt-get install spin gcc), the
others what the tests in a real OBS need, unless they say ``--fake``, ``campaign`` libfiu0 too.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import _venv  # noqa: E402

PARTS: Final = {
    "model": "proving.model.run",
    "campaign": "proving.campaign.run",
    "history": "proving.history.run",
    "worst-agent": "proving.worst_agent.play",
    "attack": "proving.attack.suite",
    "mutation": "proving.mutation.runner",
    "soak": "proving.soak.soak",
}
"""The module of each part: ``arguments`` adds what it takes, ``main`` gives the exit status."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    name = parser.parse_args(sys.argv[1:2]).part
    _venv.enter("requirements-dev.txt")
    part = importlib.import_module(PARTS[name])
    takes = argparse.ArgumentParser(prog=f"prove.py {name}", description=part.__doc__)
    part.arguments(takes)
    return int(part.main(takes.parse_args(sys.argv[2:])))


if __name__ == "__main__":
    sys.exit(main())
