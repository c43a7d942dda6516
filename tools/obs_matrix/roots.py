"""The systems whose OBS the tests run in: made once by debootstrap, kept in the user's cache, entered as chroots.

A folder is made beside its place and moved there when it is whole, so that one half made is never used; it is made anew
when its recipe changes.
"""

import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from _venv import locked, say
from obs_matrix.chroot import inside

PACKAGES: Final = (
    *("obs-studio", "obs-plugins", "libgl1", "libgl1-mesa-dri", "qt6-svg-plugins", "fonts-dejavu-core", "python3"),
)
STAMP: Final = "etc/made-for-obs-matrix"
TRIES: Final = 3
PAUSE_S: Final = 20
PATIENCE_S: Final = 1200
"""No further try once so much time went into one system: it takes 3 minutes, or 8 on a machine that is far too busy."""
BOOTSTRAP_S: Final = 600
INSTALL_S: Final = 900
# No service is to start in a folder: Debian's packages ask this program first.
_NO_SERVICES: Final = "#!/bin/sh\nexit 101\n"
_INSTALL: Final = """
export DEBIAN_FRONTEND=noninteractive
apt-get -q -o Acquire::Retries=3 update &&
apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install --no-install-recommends "$@" &&
apt-get clean
"""


class RootProblem(Exception):
    """A system could not be made or entered; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Release:
    """One of Debian's, by the name that debootstrap knows."""

    suite: str

    def __str__(self) -> str:
        return f"Debian {self.suite}"


RELEASES: Final = (Release("trixie"), Release("testing"))
"""Beside the system that the tests run on: OBS 30.2 and 32."""


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where the systems are kept between runs."""
    base = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "twitch-clawcraft" / "obs-matrix"


def unable() -> str | None:
    """Why this machine and user cannot make or enter such systems, or None."""
    if os.name != "posix" or os.geteuid() != 0:
        return "it makes and enters chroots, which takes Linux and root: run it as root (sudo), or without --obs-matrix"
    if missing := [name for name in ("debootstrap", "unshare", "chroot") if shutil.which(name) is None]:
        return f"not installed: {', '.join(missing)}; apt-get install debootstrap"
    probe = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "true"], capture_output=True, text=True, check=False
    )
    if probe.returncode:
        return (
            f"this machine allows no mount namespace ({probe.stderr.strip()}): a container needs CAP_SYS_ADMIN for it"
        )
    return None


class Roots:
    """The kept systems, in ``folder``, with a log beside each of what making it said."""

    def __init__(
        self, folder: Path, sleep: Callable[[float], None] = time.sleep, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._sleep = sleep
        self._now = now

    def get(self, release: Release) -> Path:
        """The folder of a whole system with OBS in it, made if it is not there. Raises RootProblem."""
        root = self._folder / release.suite
        recipe = _recipe(release)
        self._folder.mkdir(parents=True, exist_ok=True)
        with locked(self._folder / f"{release.suite}.lock"):
            if not _is_whole(root, recipe):
                began = self._now()
                say(f"Making {release} with OBS in {root} (once; needs Debian's mirror, takes some minutes) ...")
                self._make(release, root, recipe)
                say(f"{release} is ready after {self._now() - began:.0f} s.")
        return root

    def _make(self, release: Release, root: Path, recipe: str) -> None:
        fresh = root.with_name(f"{release.suite}.new")
        log = root.with_name(f"{release.suite}.log")
        log.unlink(missing_ok=True)
        give_up_at_s = self._now() + PATIENCE_S
        for attempt in range(1, TRIES + 1):
            try:
                _remove(fresh)
                self._bootstrap(release, fresh, log)
                (fresh / STAMP).write_text(recipe)
                _remove(root)
                fresh.rename(root)
                return
            except RootProblem as problem:
                if attempt == TRIES or self._now() >= give_up_at_s:
                    raise
                say(f"{release}, try {attempt} of {TRIES}: {problem}")
                self._sleep(PAUSE_S * attempt)

    def _bootstrap(self, release: Release, fresh: Path, log: Path) -> None:
        # Its own mounts in the new system are gone with its namespace.
        alone = ["unshare", "--mount", "--propagation", "private"]
        mirror = mirror_of_this_machine()
        command = ["debootstrap", "--variant=minbase", "--include=ca-certificates", release.suite, str(fresh)]
        _run([*alone, *command, *mirror], BOOTSTRAP_S, log)
        (fresh / "etc/apt/apt.conf.d/90as-on-the-host").write_text(_reaching_mirrors())
        services = fresh / "usr/sbin/policy-rc.d"
        services.write_text(_NO_SERVICES)
        services.chmod(0o755)
        certificates = Path("/etc/ssl/certs/ca-certificates.crt")
        if certificates.exists():  # a proxy of this machine may speak with a certificate of its own
            shutil.copy(certificates, fresh / "etc/ssl/certs/ca-certificates.crt")
        _run(inside(fresh, ["sh", "-c", _INSTALL, "install", *PACKAGES]), INSTALL_S, log)


def mirror_of_this_machine() -> list[str]:
    """The address of Debian's mirror that apt is set to here, as debootstrap's argument; empty where there is none, and
    debootstrap takes its own."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL) $(COMPONENT)", "Created-By: Packages"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    found = re.findall(r"^(https?://\S+) Debian main$", listed, re.MULTILINE)
    return found[:1]


def _reaching_mirrors() -> str:
    """How apt reaches mirrors here: proxies, certificates, and whether dates are checked."""
    wanted = re.compile(r"^Acquire::(https?::|Check-).*;$", re.MULTILINE)
    try:
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return "".join(f"{match.group()}\n" for match in wanted.finditer(dump))


def _recipe(release: Release) -> str:
    """What a system is made from; another one is made where this has changed."""
    return hashlib.sha256(repr((release, PACKAGES, _INSTALL)).encode()).hexdigest()


def _is_whole(root: Path, recipe: str) -> bool:
    with contextlib.suppress(OSError):
        return (root / STAMP).read_text() == recipe
    return False


def _remove(root: Path) -> None:
    try:
        if root.exists():
            shutil.rmtree(root)
    except OSError as error:
        raise RootProblem(f"cannot remove {root}: {error}") from error


def _run(command: Sequence[str], within_s: float, log: Path) -> None:
    """Raises RootProblem with the end of what it said."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", start_new_session=True
        )
        try:
            status = process.wait(within_s)
            failure = f"status {status}" if status else ""
        except subprocess.TimeoutExpired:
            failure = f"no end within {within_s:.0f} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # and what it started
            process.wait()
    if failure:
        said = log.read_text(errors="replace").splitlines()[-15:]
        raise RootProblem("\n".join([f"{failure}; {log} ends:", *said]))
