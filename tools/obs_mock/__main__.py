"""``python -m obs_mock --script FILE``: run a script in the fake OBS until SIGINT or SIGTERM, then unload it cleanly.

Exit status 1 if OBS would not have survived, with each reason.
"""

import argparse
import json
import signal
import sys
from pathlib import Path

from obs_mock.host import MockObs
from obs_mock.scenarios import SCENARIOS


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="obs_mock", description=__doc__)
    parser.add_argument("--script", type=Path, required=True, help="the OBS script to load")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="good")
    parser.add_argument("--settings", type=json.loads, default={}, help="the script's settings, as JSON")
    parser.add_argument("--config-dir", type=Path, help="stands for OBS's obs-studio configuration folder")
    given = parser.parse_args(arguments)
    if not given.script.is_file():
        parser.error(f"no such script: {given.script}")

    mock = MockObs(given.script, given.scenario, given.settings, given.config_dir, echo=sys.stdout)
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: signals.append(received))
    mock.start()
    while not signals:
        mock.wait(0.2)  # a handler must not take the event's lock itself
    report = mock.stop()
    for violation in report.violations:
        print(f"violation: {violation}", file=sys.stderr)
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
