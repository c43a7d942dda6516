#!/usr/bin/env python3
"""Checks everything a start needs, from the files of OBS to Twitch's scopes, and says what to fix. Changes nothing.

Looks at OBS's configuration on this machine, then asks the running service as an agent would. Standard library only,
so that it works when everything else is missing. Exit status: 0 nothing failed, 1 something failed, 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import _venv

_venv.require_python()

from clawcraft.checks import Check, Outcome  # noqa: E402
from diagnosis import answers, files  # noqa: E402

_MARKS = {Outcome.OK: "ok     ", Outcome.WARNING: "warning", Outcome.FAILED: "FAILED "}


def main() -> int:
    options = _options()
    found = files.look(options.obs_config_dir)
    checks = [*found.checks, *answers.ask(found, options.url)]
    if options.json:
        healthy = not any(check.outcome is Outcome.FAILED for check in checks)
        print(json.dumps({"ok": healthy, "checks": [check.to_json() for check in checks]}, indent=2))
    else:
        for check in checks:
            _print(check)
    return int(any(check.outcome is Outcome.FAILED for check in checks))


def _print(check: Check) -> None:
    print(f"{_MARKS[check.outcome]}  {check.name}: {check.message}")
    if check.fix:
        print(f"         → {check.fix}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Check everything a start of twitch-clawcraft needs.")
    parser.add_argument("--obs-config-dir", type=Path, metavar="DIR", help="OBS's configuration folder")
    parser.add_argument(
        "--url", metavar="URL", default=os.environ.get("CLAWCRAFT_URL", ""), help="where to ask the service"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
