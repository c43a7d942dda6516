"""``tools/run.py`` from a copy of the project: the printed call works as printed, and it ends cleanly."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.real_obs import obs_required
from tests.support.tool_client import ToolClient, stored_token
from tests.support.waiting import HANG_S

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the printed call is for a POSIX shell")

# In the environment of the tests, so that none is made: test_venv.py is about that.
START = "import sys, runpy, _venv; _venv.enter = lambda _: None; runpy.run_path({run!r}, run_name='__main__')"


class Run:
    """A running ``tools/run.py``, and the shell of the person who reads its output."""

    def __init__(self, data_dir: Path, *arguments: str, **environment: str) -> None:
        self.port = free_port()
        self.data_dir = data_dir
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools"), **environment}
        command = [sys.executable, "-c", START.format(run=str(ROOT / "tools/run.py"))]
        self.process = Process([*command, "--port", str(self.port), *arguments], self.environment)

    def line(self, pattern: str) -> str:
        return self.process.wait_for_line(pattern)

    def call(self) -> dict[str, object]:
        """Paste the printed line into a shell."""
        if shutil.which("curl") is None:
            (pytest.fail if obs_required() else pytest.skip)("curl is not installed")
        shell = ["sh", "-c", self.line("^curl ")]
        done = subprocess.run(shell, env=self.environment, capture_output=True, text=True, timeout=HANG_S)
        answer: dict[str, object] = json.loads(done.stdout)
        return answer

    def end(self, number: int = signal.SIGTERM) -> int:
        os.kill(self.process.pid, number)
        return self.process.wait()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "the data's folder"


@pytest.fixture
def start(data_dir: Path) -> Iterator[Callable[..., Run]]:
    """Starts ``run.py`` with arguments and settings; it is gone after the test."""
    with contextlib.ExitStack() as started:

        def start(*arguments: str, **environment: str) -> Run:
            run = Run(data_dir, "--data-dir", str(data_dir), *arguments, **environment)
            started.callback(run.process.kill)
            return run

        yield start


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_printed_call_goes_live_and_a_signal_ends_it_cleanly(start: Callable[..., Run], number: int) -> None:
    run = start()
    place = run.line("^Token: ")
    answer = run.call()
    run.line("job done")

    assert answer["ok"] is True
    assert answer["action"] == "twitch.start_stream"
    assert run.end(number) == 0
    assert run.process.lines()[-1] == "Stopped."
    path = re.search(r"in (.*), under (\w+)", place)
    assert path is not None, place
    assert Path(path[1]).is_relative_to(run.data_dir)
    token = json.loads(Path(path[1]).read_text())[path[2]]
    assert token not in "\n".join(run.process.lines()), "it is never shown"


@pytest.mark.parametrize("name", ["TOOL_SERVICE_TOKEN", "TOOL_SERVICE_TOKEN_FILE", "TOOL_SERVICE_SIGNATURE_SECRET"])
def test_the_call_fits_a_token_of_ones_own_and_a_signing_secret(
    start: Callable[..., Run], tmp_path: Path, name: str
) -> None:
    file = tmp_path / "a token.txt"
    file.write_text("a-secret-of-my-own-1234\n")
    run = start(**{name: str(file) if name.endswith("_FILE") else file.read_text().strip()})

    assert run.call()["ok"] is True
    assert run.end() == 0
    assert "a-secret-of-my-own" not in "\n".join(run.process.lines())


def test_scenario_and_local_twitch_decide_what_the_actions_meet(start: Callable[..., Run]) -> None:
    run = start("--scenario", "refused_key", "--twitch-sim", "--twitch-scenario", "banned_title")
    run.line("^Call it")
    client = ToolClient(run.port, stored_token(run.data_dir))

    answer = client.post("twitch.set_title", title="From the command line")
    refused = client.post("twitch.set_title", title="This is banned")
    client.accept("twitch.start_stream", "refused")
    client.close()

    assert answer.json()["ok"] is True, answer.text
    assert refused.json()["error"]["code"] == "twitch_rejected"
    run.line("job failed stream_key_refused")
    assert run.end() == 0


def test_a_port_in_use_is_said_and_waited_for(start: Callable[..., Run]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        run = start("--port", str(port))

        run.line(f"not listening.*{port}")

    run.line(f"^URL: .*{port}")
    assert run.end() == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scenario", "typo"), "no scenario 'typo'; there are: good"),
        (("--twitch-sim", "--twitch-scenario", "typo"), "no scenario 'typo' of Twitch; there are: prompt"),
        (("--twitch-scenario", "prompt"), "needs --twitch-sim"),
        (("--port", "0"), "whole number from 1 to 65535"),
    ],
)
def test_a_wrong_argument_is_said(start: Callable[..., Run], arguments: tuple[str, ...], said: str) -> None:
    run = start(*arguments)

    assert run.process.wait(HANG_S) == 2
    assert said in "\n".join(run.process.lines())


def test_the_powershell_call_quotes_what_powershell_would_read(tmp_path: Path) -> None:
    import run as tool
    from clawcraft.secrets import SecretStore
    from clawcraft.settings import load_settings

    folder = tmp_path / "streamer's"
    settings = load_settings({}, SecretStore(folder), {}, folder)

    line = tool._powershell("http://127.0.0.1:3040", tool._token(settings)[2], signed=False)

    assert "streamer''s" in line
    assert settings.service_token.reveal() not in line
    assert re.search(r"-Body '(\{.*\})' ", line), line
    assert line.endswith(" http://127.0.0.1:3040/tools/execute")
