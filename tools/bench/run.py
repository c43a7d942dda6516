#!/usr/bin/env python3
"""Measures the service in a real OBS on this machine.

    python3 tools/bench/run.py all [--quick] [--fake] [--write-docs]   everything: table, JSON and plot
    python3 tools/bench/run.py compare [--rounds 20] [--json]   against obs-websocket in the same OBS
    python3 tools/bench/run.py crowd [--size 900] [--stops 50]   a stop, while others hold every connection
    python3 tools/bench/run.py frames [--rate 300] [--seconds 30]   the frames that OBS loses under load, and idle
    python3 tools/bench/run.py events [--messages 100000] [--rate 500]   a flood of chat: memory, gaps, frames
    python3 tools/bench/run.py panel   what each step of the panel takes of OBS's UI thread while Twitch hangs

Needs what the tests in a real OBS need (tools/test.py says what to install). Figures tell about this machine; only
those of one run can be compared.
"""

import importlib
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "obs_plugin"), str(ROOT / "tools")]

import _venv  # noqa: E402

NAMES: Final = {"all": "whole", **{name: name for name in ("compare", "crowd", "events", "frames", "panel")}}
"""The module of each part."""


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in NAMES:
        print(__doc__)
        return 2
    _venv.enter("requirements-dev.txt")
    from tests.support.real_obs import obs_missing

    if "--fake" not in sys.argv and (reason := obs_missing()):
        print(reason, file=sys.stderr)
        return 1
    name = sys.argv.pop(1)
    return int(importlib.import_module(f"bench.{NAMES[name]}").main())


if __name__ == "__main__":
    sys.exit(main())
