"""Every order of events: no state may break a promise, and each old fault, put back, has to be found."""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

MODEL: Final = Path(__file__).with_name("authority.pml")
DEPTH: Final = 1_000_000
LIMIT_S: Final = 1_800.0
WHOLE: Final = {"STARTS": 2, "CLICKS": 1, "PAUSES": 1}
"""What is looked at: starts of the agent (and one stop), clicks and pauses of the streamer; more adds nothing new and
takes ten times as long for each."""
QUICK: Final = {**WHOLE, "STARTS": 1}
FAULTS: Final = {
    1: "a pause counts on arrival only",
    2: "an armed stop is bound to nothing",
    3: "what was not heard is taken for offline",
    4: "a job that waited goes on after a restart",
    5: "done is said when OBS was asked",
    6: "a failed start leaves nothing behind",
    7: "STREAMING_STOPPED alone ends a start",
    8: "a stop armed right before STREAMING_STARTED is forgotten",
    9: "STREAMING_STARTED alone is taken for up",
    10: "a pause that is over again has forbidden nothing",
}
"""By the model's FAULT."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="one start of the agent's instead of two")


def main(options: argparse.Namespace) -> int:
    missing = [name for name in ("spin", "gcc") if shutil.which(name) is None]
    if missing:
        print(f"error: not installed: {', '.join(missing)}; apt-get install spin gcc", file=sys.stderr)
        return 2
    return prove_model(QUICK if options.quick else WHOLE)


def prove_model(bounds: dict[str, int]) -> int:
    """0 if no state breaks a promise, and every old fault does."""
    states, error, took_s = explore(bounds, fault=0)
    print(f"{'as it is':55} {states:>10,} states {took_s:7.1f} s  {error or 'nothing broken'}", flush=True)
    bad = bool(error)
    for fault, name in FAULTS.items():
        states, error, took_s = explore(bounds, fault)
        if not error and bounds != WHOLE:  # some need two starts to show
            states, error, took_s = explore(WHOLE, fault)
        print(f"{name:55} {states:>10,} states {took_s:7.1f} s  {error or 'NOT FOUND'}", flush=True)
        bad |= not error
    return int(bad)


def explore(bounds: dict[str, int], fault: int) -> tuple[int, str, float]:
    """The states seen, what is broken ("" for nothing), and the seconds it took. Raises RuntimeError where the search
    did not see everything."""
    began_s = time.monotonic()
    defines = [f"-D{name}={value}" for name, value in {**bounds, "FAULT": fault}.items()]
    with tempfile.TemporaryDirectory() as folder:

        def run(*command: str) -> str:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
            return done.stdout

        run("spin", *defines, "-a", str(MODEL))
        run("gcc", "-O2", "-DCOLLAPSE", "-DNFAIR=10", "-o", "pan", "pan.c")
        told = run("./pan", "-a", "-f", f"-m{DEPTH}", "-w26")
    states = int(float(re.findall(r"([\d.e+]+) states, stored", told)[0]))
    broken = re.search(r"pan:1: (.*?) \(at depth", told)
    if broken is None and ("max search depth too small" in told or "errors: 0" not in told):
        raise RuntimeError(f"the search ended early: {told}")
    return states, "" if broken is None else broken[1], time.monotonic() - began_s
