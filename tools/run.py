#!/usr/bin/env python3
"""Runs the service without OBS: makes its environment, loads the script into a fake OBS, and says how to call it.

Ends at Ctrl-C or SIGTERM; the exit status is 1 if the script did anything that a real OBS would not survive.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shlex
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import _venv

if TYPE_CHECKING:
    from clawcraft.settings import Settings
    from obs_mock import MockObs
    from twitch_sim import TwitchSim

SCRIPT = _venv.PLUGIN / "twitch_clawcraft.py"
SERVICE_FOLDER = Path("plugin_config", "twitch-clawcraft")
SIM_DATA = _venv.ROOT / "build" / "twitch-sim"
"""Not OBS's own folder: tokens of the local Twitch must never get among the streamer's."""
FOLLOW_S = 0.1


def main() -> int:
    options = _options()
    _venv.enter("requirements.txt")
    from obs_mock import SCENARIOS, MockObs
    from twitch_sim import scenarios as twitch_scenarios

    if options.scenario not in SCENARIOS:
        print(f"error: there is no scenario {options.scenario!r}; there are: {', '.join(SCENARIOS)}", file=sys.stderr)
        return 2
    if options.twitch_scenario not in (None, *twitch_scenarios.SCENARIOS):
        there = ", ".join(twitch_scenarios.SCENARIOS)
        print(f"error: there is no scenario {options.twitch_scenario!r} of Twitch; there are: {there}", file=sys.stderr)
        return 2
    if options.port is not None:
        os.environ["PORT"] = str(options.port)
    data_dir = options.data_dir or (SIM_DATA if options.twitch_sim else None)
    with contextlib.ExitStack() as parts:
        if options.twitch_sim:
            from twitch_sim import TwitchSim

            sim = parts.enter_context(TwitchSim())
            os.environ.update({**sim.environment(), **sim.play(options.twitch_scenario or "prompt")})
            print(f"The local Twitch is at {sim.url} (what happened there: {sim.control_url})")
        host = MockObs(SCRIPT, options.scenario, config_dir=data_dir and data_dir.expanduser().absolute())
        return _run(host, sim if options.twitch_sim else None)


def _run(host: MockObs, twitch: TwitchSim | None) -> int:
    ended: list[int] = []
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if number := getattr(signal, name, None):
            signal.signal(number, lambda received, _frame: ended.append(received))
    terminal = sys.stdout  # The fake OBS takes the standard streams for the script log, as OBS does.
    host.start()
    shown = 0
    url = ""
    while not ended:
        host.wait(FOLLOW_S)
        if twitch is not None:
            twitch.show_live(host.stream.output is not None and host.stream.output.active)
        for line in host.log_lines()[shown:]:
            shown += 1
            print(line, file=terminal)
            match = re.search(r"(?<!not )listening (http://\S+)", line)
            if match and match[1] != url:
                url = match[1]
                print(_how_to_call(url, host.config_dir / SERVICE_FOLDER), file=terminal)
        terminal.flush()
    report = host.stop()
    for violation in report.violations:
        print(f"error: a real OBS would not have survived this: {violation}", file=sys.stderr)
    print("Stopped.")
    return 1 if report.violations else 0


def _how_to_call(url: str, folder: Path) -> str:
    from clawcraft.secrets import SecretStore
    from clawcraft.settings import load_settings

    settings = load_settings(os.environ, SecretStore(folder), {}, folder)
    place, in_shell, in_powershell = _token(settings)
    signed = bool(settings.signature_secret)
    call = _powershell(url, in_powershell, signed) if _venv.WINDOWS else _curl(url, in_shell, signed)
    return f"""
URL:    {url}
Token:  {place}
Call it from another terminal:

{call}

Then ask for the job it names: GET {url}/tools/jobs/<job_id>?wait=30. Ctrl-C ends the service.
"""


def _token(settings: Settings) -> tuple[str, str, str]:
    """Where the token lies: in words, for a POSIX shell, for PowerShell. It is read from there and never shown."""
    origin = settings.origins["TOOL_SERVICE_TOKEN"]
    if origin == "environment":
        words = "what the environment variable TOOL_SERVICE_TOKEN says"
        return words, "$TOOL_SERVICE_TOKEN", "$env:TOOL_SERVICE_TOKEN"
    if origin == "file":
        file = os.environ["TOOL_SERVICE_TOKEN_FILE"]
        return f"in {file}", f"$(cat {shlex.quote(file)})", f"(Get-Content '{_quoted(file)}')"
    from clawcraft.secrets import SecretStore

    store = SecretStore(settings.data_dir).path
    code = f'import json; print(json.load(open({json.dumps(str(store), ensure_ascii=False)}))["TOOL_SERVICE_TOKEN"])'
    return (
        f"in {store}, under TOOL_SERVICE_TOKEN",
        f"$(python3 -c {shlex.quote(code)})",
        f"(Get-Content '{_quoted(str(store))}' | ConvertFrom-Json).TOOL_SERVICE_TOKEN",
    )


def _body() -> str:
    return f'{{"agent_id": "me", "request_id": "first-{int(time.time())}", "action": "twitch.start_stream"}}'


def _curl(url: str, token: str, signed: bool) -> str:
    authorized = f'curl -sS -H "Authorization: Bearer {token}"'
    if signed:  # A POST would have to be signed.
        return f"{authorized} {url}/status"
    return f"{authorized} -H 'Content-Type: application/json' -d '{_body()}' {url}/tools/execute"


def _powershell(url: str, token: str, signed: bool) -> str:
    """The same for Windows PowerShell, whose curl is not curl."""
    authorized = f'Invoke-RestMethod -Headers @{{Authorization = "Bearer $({token})"}}'
    if signed:
        return f"{authorized} {url}/status"
    return f"{authorized} -Method Post -ContentType application/json -Body '{_body()}' {url}/tools/execute"


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError("must be a whole number from 1 to 65535")
    return int(text)


def _twitch_scenarios() -> str:
    """The table for ``--help``; nothing on a Python too old for it, which is told so only when something is run."""
    try:
        from twitch_sim.scenarios import SCENARIOS
    except ImportError:
        return ""
    rows = "\n".join(f"  {scenario.name:<20}{scenario.says}" for scenario in SCENARIOS.values())
    return f"scenarios of the local Twitch:\n{rows}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Run the service in a fake OBS. Settings come from the environment, as in the README.",
        epilog=_twitch_scenarios(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=_port, help="TCP port (default: PORT, else 3040)")
    parser.add_argument("--scenario", default="good", metavar="NAME", help="how streaming goes, such as dead_server")
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="in place of OBS's configuration folder, which has token and jobs",
    )
    parser.add_argument("--twitch-sim", action="store_true", help="with a local Twitch in place of the real one")
    parser.add_argument("--twitch-scenario", metavar="NAME", help="how the local Twitch behaves; see below")
    options = parser.parse_args()
    if options.twitch_scenario and not options.twitch_sim:
        parser.error("--twitch-scenario needs --twitch-sim")
    return options


if __name__ == "__main__":
    sys.exit(main())
