"""The panel's slow steps and the programs they run: found, followed, and gone with the panel."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from clawcraft.panel.background import Background
from clawcraft.panel.interpreter import find_interpreter
from tests.support.waiting import wait_until

shell = pytest.mark.skipif(sys.platform == "win32", reason="the fake programs are shell scripts")


@pytest.fixture
def lines() -> list[str]:
    """What the background logs."""
    return []


@pytest.fixture
def background(lines: list[str]) -> Iterator[Background]:
    background = Background(lines.append)
    yield background
    close(background)
    assert not [thread for thread in threading.enumerate() if thread.name == "clawcraft-panel-tools"]


def close(background: Background) -> None:
    background.stop()
    background.join(5)


def output(command: Sequence[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def fake_python(folder: Path, name: str, *does: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text("\n".join(("#!/bin/sh", *does, "")))
    program.chmod(0o755)
    return program


def done(background: Background, step: Callable[[], object]) -> None:
    """``step`` has been run."""
    ended = threading.Event()
    background.submit(step)
    background.submit(ended.set)
    assert ended.wait(30)


def alive(pid: int) -> bool:
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout.strip() not in ("", "Z", "Zs")


@shell
def test_the_embedded_interpreters_own_program_comes_first_and_an_old_one_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "path"
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    monkeypatch.setenv("PATH", str(path))
    assert find_interpreter(output) is None
    fake_python(path, "python3", "echo 3.9")
    fake_python(path, "python", "echo this is not Python")
    assert find_interpreter(output) is None
    launcher = fake_python(path, "py", "echo 3.13")
    assert find_interpreter(output) == launcher, "python.org's on Windows, which puts nothing else on PATH"
    newer = fake_python(path, "python3.12", "echo 3.12")
    assert find_interpreter(output) == newer
    exact = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = fake_python(tmp_path / "bin", exact, f"echo {exact.removeprefix('python')}")
    assert find_interpreter(output) == own


def test_a_tool_is_followed_line_by_line(background: Background, tmp_path: Path) -> None:
    tool = tmp_path / "tool.py"
    tool.write_text("import sys\nprint('one')\nprint('two', file=sys.stderr)\nsys.exit(3)\n")
    seen: list[str] = []
    results: list[tuple[int, list[str]]] = []
    done(background, lambda: results.append(background.run_tool(str(tool), progress=seen.append)))
    assert results == [(3, ["one", "two"])]
    assert seen == ["one", "two"]


def test_closing_ends_a_tool_that_hangs_and_what_it_started(background: Background, tmp_path: Path) -> None:
    tool, pids, begun = tmp_path / "tool.py", list[int](), threading.Event()
    child = f"subprocess.Popen([{sys.executable!r}, '-c', 'input()'], stdin=subprocess.PIPE)"
    tool.write_text(f"import subprocess, time\nchild = {child}\nprint(child.pid, flush=True)\ntime.sleep(600)\n")

    def progress(line: str) -> None:
        pids.append(int(line))
        begun.set()

    background.submit(lambda: background.run_tool(str(tool), progress=progress))
    assert begun.wait(30)
    close(background)
    wait_until(lambda: not alive(pids[0]), "the tool's own child is gone")


@shell
def test_closing_ends_the_look_for_a_python(
    background: Background, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    begun = tmp_path / "begun"
    fake_python(tmp_path, "python3", f"echo $$ > {begun}.new", f"/bin/mv {begun}.new {begun}", "exec /bin/sleep 600")
    background.submit(lambda: background.run_tool("any.py"))
    wait_until(begun.exists, "the program runs")
    close(background)
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)


def test_closing_drops_the_tools_that_have_not_begun(background: Background) -> None:
    begun, ends, ran = threading.Event(), threading.Event(), list[str]()

    def tool() -> None:
        begun.set()
        assert ends.wait(30)

    background.submit(tool)
    background.submit(lambda: ran.append("the next one"))
    assert begun.wait(30)
    background.stop()
    ends.set()
    background.join(30)
    assert ran == []
