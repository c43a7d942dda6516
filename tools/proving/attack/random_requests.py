"""The service in a fake OBS, random requests to it from another process, and a witness of what they came to. Called on
the main thread; the witness answers on a thread of its own.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

import _venv
from clawcraft.actions.catalogue import ACTIONS
from clawcraft.secrets import new_token
from obs_mock import MockObs, Timings
from tests.support.paths import ROOT, SCRIPT
from tests.support.ports import free_port
from tests.support.tool_client import wait_for_service
from twitch_sim import TwitchSim

FOLDER: Final = Path(__file__).resolve().parent
EFFECTS: Final = ("start by script", "stop by script", "scene ")


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """``statuses`` by path; ``findings`` in words, of all that was ``found`` the first few."""

    cases: int
    statuses: dict[str, int]
    findings: list[str]
    found: int
    violations: tuple[str, ...]

    def report(self) -> str:
        lines = [
            f"{self.cases} random requests, {self.found} findings, {len(self.violations)} that OBS would not survive"
        ]
        lines += [f"  {name:<40} {count:>7,}" for name, count in sorted(self.statuses.items())]
        return "\n".join([*lines, *self.findings, *self.violations])


def fuzz(cases: int, seed: int, said: TextIO | None = None) -> Fuzzed:
    """Raises RuntimeError where the other process fails."""
    environment = _venv.Environment(FOLDER / "requirements-schemathesis.txt", ROOT / ".venv")
    environment.make()
    token, port = new_token().reveal(), free_port()
    with tempfile.TemporaryDirectory() as folder, TwitchSim() as twitch:
        twitch.world.clip_delay_s = 0.0
        settings = {
            **twitch.environment(),
            "PORT": str(port),
            "TOOL_SERVICE_TOKEN": token,
            "TOOL_ACTION_RATE_LIMIT_PER_MIN": "100000",
            "TOOL_ACTION_RATE_LIMITS": ",".join(f"{action.name}=100000" for action in ACTIONS),
            "TOOL_ACTION_POLICY": ",".join(f"{action.name}=allow" for action in ACTIONS),
            "TOOL_ALLOWED_SCENES": "Main;BRB",
            "TWITCH_EVENTS": "chat",
        }
        obs = MockObs(SCRIPT, config_dir=Path(folder), timings=Timings().scaled(0.02))
        with _environment(settings), obs:
            wait_for_service(port)
            with _witness(obs, twitch) as witness:
                told = _play(environment.python, port, token, witness, cases, seed, said)
        return Fuzzed(**told, violations=obs.stop().violations)


def _play(python: Path, port: int, token: str, witness: str, cases: int, seed: int, said: TextIO | None) -> Any:
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            [str(python), str(FOLDER / "fuzz.py"), str(cases), str(seed)],
            env={**os.environ, "FUZZ_URL": f"http://127.0.0.1:{port}", "FUZZ_TOKEN": token, "FUZZ_WITNESS": witness},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tempfile.gettempdir(),  # hypothesis and schemathesis look for their files here
        )
        assert child.stderr is not None
        errors = []
        with child:
            for line in child.stderr:
                errors.append(line)
                if said is not None:
                    print(line, end="", file=said, flush=True)
        output.seek(0)
        if child.returncode:
            raise RuntimeError("".join(errors[-40:]))
        return json.loads(output.read())


@contextlib.contextmanager
def _witness(obs: MockObs, twitch: TwitchSim) -> Iterator[str]:
    """The address that tells how much OBS and Twitch were made to do so far."""

    class Witness(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with twitch.world.lock:
                twitch.world.points_used = 0  # Twitch's own limit is not what is looked for
                wrote = sum(call.method != "GET" and call.status < 300 for call in twitch.world.calls)
            did = sum(line.startswith(EFFECTS) for line in obs.timeline())
            body = f"{wrote} {did}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            pass

    over = threading.Event()

    def follow() -> None:
        while not over.wait(0.02):
            twitch.show_live(obs.stream.streaming)

    follower = threading.Thread(target=follow, name="fuzz-on-air")
    follower.start()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Witness)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="fuzz-witness")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        over.set()
        follower.join()


@contextlib.contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def terminal() -> TextIO:
    """Where progress goes while the fake OBS has the standard streams."""
    return sys.stderr
