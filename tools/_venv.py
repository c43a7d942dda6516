"""The project's own virtual environments, below ``.venv/``: made when first needed, made anew when the pinned
requirements change, repaired when half-made. Standard library only; the tools call ``enter`` before anything else,
and find the service's package on the path once they have imported this. The syntax stays readable for older Pythons,
so that one can be told that it is too old.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PLUGIN: Final = ROOT / "obs_plugin"
sys.path.insert(0, str(PLUGIN))
PIP_ENVIRONMENT: Final = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
"""What a person's pip configuration may say otherwise, and would fail here."""
RUNTIME: Final = "requirements.txt"
NEEDS: Final = (3, 11)
WINDOWS: Final = os.name == "nt"


class EnvironmentProblem(Exception):
    """The environment could not be made; the message says what to do."""


def enter(requirements: str) -> None:
    """Return if this process already runs in the environment of ``requirements`` (a file at the top of the project);
    else make it and run this same command there, not to return. Ends the process with a message if it cannot. What a
    release brought along for this Python needs no environment."""
    require_python()
    from clawcraft import dependencies  # Not at the top: see ``locked``.

    if requirements == RUNTIME and dependencies.brought_along():
        dependencies.activate()
        return
    environment = Environment(ROOT / requirements, ROOT / ".venv")
    try:
        environment.make()
    except EnvironmentProblem as problem:
        sys.exit(f"error: {problem}")
    if not environment.is_current():
        _run_in(environment)


def require_python() -> None:
    """End the process with a clear message if this Python is too old. What the output cannot hold is then printed as
    its number: on Windows one that goes to a file or a pipe takes 256 letters only."""
    if sys.version_info >= NEEDS:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        return
    newer = next((name for name in ("python3.12", "python3.13", "python3.14", "python3.11") if shutil.which(name)), "")
    advice = f"Run it with {newer}, which is installed here." if newer else "Install a newer one from python.org."
    sys.exit(
        f"error: this needs Python {NEEDS[0]}.{NEEDS[1]} or newer; "
        f"this is {sys.version_info[0]}.{sys.version_info[1]} ({sys.executable}). {advice}"
    )


class Environment:
    """One environment: this Python version, one requirements file. Its stamp, written last, tells that it is whole."""

    def __init__(self, requirements: Path, home: Path) -> None:
        self.requirements = requirements
        self.home = home
        tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
        self.folder = home / f"{tag}-{requirements.stem}"
        self.python = self.folder / ("Scripts/python.exe" if WINDOWS else "bin/python")
        self._stamp = self.folder / "made-from.sha256"

    def is_current(self) -> bool:
        """Whether this process runs in it."""
        return Path(sys.prefix).resolve() == self.folder.resolve()

    def is_whole(self) -> bool:
        try:
            return self.python.exists() and self._stamp.read_text("utf-8") == self.digest()
        except OSError:
            return False

    def make(self) -> None:
        """Make it unless it is whole; of several processes one does it and the others wait. Raises
        EnvironmentProblem."""
        if self.is_whole():
            return
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            with locked(self.home / f"{self.folder.name}.lock"):
                if not self.is_whole():
                    self._build()
        except OSError as error:
            raise EnvironmentProblem(f"cannot write to {self.home}: {error.strerror or error}") from error

    def _build(self) -> None:
        say(f"Making the environment {self.folder} from {self.requirements.name} (once; needs the package index) ...")
        if self.folder.exists():
            shutil.rmtree(self.folder)
        pip = self._create()
        install = [*pip, "install", "-qq", "--no-input", "--require-hashes", "-r", str(self.requirements)]
        _run(install, "pip could not install everything")
        self._stamp.write_text(self.digest(), "utf-8")
        say("The environment is ready.")

    def _create(self) -> list[str]:
        """Create the bare environment; returns the command that is its pip."""
        plain = captured([sys.executable, "-m", "venv", str(self.folder)])
        if plain.returncode == 0:
            return [str(self.python), "-m", "pip"]
        shutil.rmtree(self.folder, ignore_errors=True)
        # Debian and Ubuntu ship venv without pip unless python3-venv is installed. A pip of this Python will do.
        bare = captured([sys.executable, "-m", "venv", "--without-pip", str(self.folder)])
        pip = [sys.executable, "-m", "pip", "--python", str(self.python)]
        if bare.returncode == 0 and captured([*pip, "--version"]).returncode == 0:
            return pip
        shutil.rmtree(self.folder, ignore_errors=True)
        if captured([sys.executable, "-m", "virtualenv", "--version"]).returncode == 0:
            _run([sys.executable, "-m", "virtualenv", str(self.folder)], "virtualenv failed")
            return [str(self.python), "-m", "pip"]
        raise EnvironmentProblem(
            f"{sys.executable} cannot make a virtual environment. On Debian or Ubuntu: sudo apt install python3-venv. "
            f"It said:\n{(plain.stdout + plain.stderr).strip()}"
        )

    def digest(self) -> str:
        """What it is made from: the requirements and the files they name with ``-r``."""
        digest = hashlib.sha256()
        pending = [self.requirements]
        while pending:
            file = pending.pop()
            text = file.read_text("utf-8")
            digest.update(text.encode())
            pending += [file.parent / line[3:].strip() for line in text.splitlines() if line.startswith("-r ")]
        return digest.hexdigest()


def say(line: str) -> None:
    """One line of progress, on stderr, so that a tool's own output stays clean."""
    print(line, file=sys.stderr, flush=True)


def _run_in(environment: Environment) -> None:
    command = [str(environment.python), *sys.orig_argv[1:]]
    if not WINDOWS:
        os.execv(command[0], command)
    # execv on Windows returns to the shell at once, so the child is waited for. Ctrl-C reaches both; it decides.
    with subprocess.Popen(command) as child:
        while True:
            with contextlib.suppress(KeyboardInterrupt):
                sys.exit(child.wait())


def captured(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command (venv or pip) to its end; asks nothing, and keeps what it says."""
    return subprocess.run(
        command,
        env={**os.environ, **PIP_ENVIRONMENT},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )


def _run(command: list[str], failure: str) -> None:
    done = captured(command)
    if done.returncode != 0:
        raise EnvironmentProblem(f"{failure}:\n{(done.stdout + done.stderr).strip()}")


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file ``path`` locked among processes, waiting as long as another has it."""
    from clawcraft import files  # Not at the top: an old Python has to get as far as being told that it is too old.

    with contextlib.ExitStack() as held:
        try:
            held.enter_context(files.locked(path, patience_s=0))
        except TimeoutError:
            say(f"Another process holds {path.name}; waiting for it ...")
            held.enter_context(files.locked(path, patience_s=math.inf))
        yield
