"""The panel's slow steps and the tools it runs: found, followed, and gone with the panel."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from clawcraft.panel import interpreter
from clawcraft.panel.background import Background
from tests.support.waiting import wait_until


def output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def fake_python(folder: Path, name: str, version: str) -> Path:
    program = folder / name
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    return program


@pytest.mark.skipif(sys.platform == "win32", reason="the fake programs are shell scripts")
def test_a_python_that_is_too_old_or_no_python_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert interpreter.find_interpreter(output) is None
    fake_python(tmp_path, "python3", "3.9")
    fake_python(tmp_path, "python", "'this is not Python'")
    assert interpreter.find_interpreter(output) is None
    newer = fake_python(tmp_path, "python3.12", "3.12")
    assert interpreter.find_interpreter(output) == newer


@pytest.mark.skipif(sys.platform == "win32", reason="the fake programs are shell scripts")
def test_the_embedded_interpreters_own_program_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, first_on_path = tmp_path / "own" / "bin", tmp_path / "path"
    for folder in (own, first_on_path):
        folder.mkdir(parents=True)
    monkeypatch.setattr(sys, "base_prefix", str(own.parent))
    monkeypatch.setenv("PATH", str(first_on_path))
    fake_python(first_on_path, "python3", "3.13")
    exact = f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert interpreter.find_interpreter(output) == first_on_path / "python3"
    program = fake_python(own, exact, exact.removeprefix("python"))
    assert interpreter.find_interpreter(output) == program


def test_a_tool_is_followed_line_by_line(tmp_path: Path) -> None:
    tool = tmp_path / "tool.py"
    tool.write_text("import sys\nprint('one')\nprint('two', file=sys.stderr)\nsys.exit(3)\n")
    background, seen, ended = Background(lambda line: None), list[str](), threading.Event()
    results: list[tuple[int, list[str]]] = []

    def run() -> None:
        results.append(background.run_tool(str(tool), progress=seen.append))
        ended.set()

    background.submit(run)
    assert ended.wait(30)
    background.close(5)
    assert results == [(3, ["one", "two"])]
    assert seen == ["one", "two"]


def test_closing_ends_a_tool_that_hangs_and_what_it_started(tmp_path: Path) -> None:
    tool = tmp_path / "tool.py"
    child = f"subprocess.Popen([{sys.executable!r}, '-c', 'input()'], stdin=subprocess.PIPE)"
    tool.write_text(f"import subprocess, time\nchild = {child}\nprint(child.pid, flush=True)\ntime.sleep(600)\n")
    begun = threading.Event()
    background = Background(lambda line: None)
    pids: list[int] = []

    def progress(line: str) -> None:
        pids.append(int(line))
        begun.set()

    background.submit(lambda: background.run_tool(str(tool), progress=progress) and None)
    assert begun.wait(30)
    background.close(5)
    assert not [thread for thread in threading.enumerate() if thread.name == "clawcraft-panel"]
    wait_until(lambda: not alive(pids[0]), "the tool's own child is gone")


def test_a_step_that_fails_is_one_line_and_the_next_one_runs() -> None:
    lines: list[str] = []
    background, ran = Background(lines.append), threading.Event()

    def fail() -> None:
        raise ValueError("no luck")

    background.submit(fail)
    background.submit(ran.set)
    assert ran.wait(10)
    background.close(5)
    assert lines == ["panel: ValueError: no luck"]


def alive(pid: int) -> bool:
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip() not in ("", "Z", "Zs")
