#!/usr/bin/env python3
"""Installs twitch-clawcraft into OBS: the packages it needs, for the Python that OBS embeds, and the script in the
scene collections. Standard library only; run it with OBS closed. Twice is once; ``--uninstall`` takes it back.
``--from-zip`` unpacks a release first and installs from there.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import _venv

_venv.require_python()

from clawcraft.settings import SETTINGS  # noqa: E402
from installer import (  # noqa: E402
    LIBRARY,
    SCRIPT,
    Problem,
    Status,
    dock,
    embedded,
    homes,
    ini,
    packages,
    running,
    unpacked,
)
from installer.collection import BrokenCollection, Collection  # noqa: E402
from installer.ledger import Ledger  # noqa: E402
from openclaw.print_config import SECRETS_FILE, is_signed, snippet  # noqa: E402

REQUIREMENTS = _venv.ROOT / "requirements.txt"
DEFAULT_COLLECTION = "Untitled"
PORT = next(row for row in SETTINGS if row.name == "PORT")


def main() -> int:
    options = _options()
    found = (
        [homes.given_home(options.obs_config_dir)]
        if options.obs_config_dir
        else homes.homes_of(sys.platform, os.environ, Path.home())
    )
    try:
        port = None if options.uninstall or options.deps_only else _port_given(os.environ)
        if len(found) > 1 and not (options.uninstall or options.deps_only):
            found = _asked_which(found)
        if options.from_zip:
            return _from_zip(options, found)
        LIBRARY.mkdir(exist_ok=True)
        with _venv.locked(LIBRARY / ".lock"):
            return Uninstaller(options).run(found) if options.uninstall else Installer(options, port).run(found)
    except Problem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return problem.status
    except OSError as error:
        print(f"error: cannot write to {LIBRARY}: {error.strerror or error}", file=sys.stderr)
        return Status.FAILED


def _port_given(environment: Mapping[str, str]) -> int | None:
    """What the environment says, which for the service comes before the panel. Raises Problem."""
    text = environment.get(PORT.name, "").strip()
    try:
        return PORT.value(text) if text else None
    except ValueError as error:
        raise Problem(f"{PORT.name}: {error}; nothing was changed") from None


def _asked_which(found: list[homes.ObsHome]) -> list[homes.ObsHome]:
    """The home that the person at the terminal names. Raises Problem where nobody is there to ask."""
    listed = "\n".join(f"  {number}: {home.described()}" for number, home in enumerate(found, 1))
    print(f"There are several OBS:\n{listed}", file=sys.stderr)
    while sys.stdin.isatty():
        answer = input(f"Install into which (1 to {len(found)}, or all)? ").strip()
        if answer == "all":
            return found
        if answer.isdecimal() and 0 < int(answer) <= len(found):
            return [found[int(answer) - 1]]
    raise Problem("say which one with --obs-config-dir DIR; nothing was changed")


def _from_zip(options: argparse.Namespace, found: list[homes.ObsHome]) -> int:
    """Unpack the release, and let its own installer do the rest. Raises Problem."""
    folder: Path = (options.folder or homes.release_folder(sys.platform, os.environ, Path.home())).absolute()
    if not options.deps_only:
        for home in found:
            running.refuse_while_running(home, sys.platform)
    checked = unpacked.unpack(options.from_zip, folder)
    print(f"Unpacked to {folder}, {'as SHA256SUMS has it' if checked else 'not checked: SHA256SUMS is not beside it'}")
    passed_on = [("--collection", options.collection), ("--python", options.python)]
    if options.python_version:
        passed_on.append(("--python-version", "{}.{}".format(*options.python_version)))
    arguments = [word for name, value in passed_on if value for word in (name, str(value))]
    arguments += [name for name, given in (("--dock", options.dock), ("--deps-only", options.deps_only)) if given]
    status = 0
    for home in found:
        command = [sys.executable, str(unpacked.installer_in(folder)), "--obs-config-dir", str(home.folder), *arguments]
        status = subprocess.run(command, check=False).returncode or status
    return status


class Step:
    """What installing and uninstalling share."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._status = Status.DONE

    def _chosen(self, home: homes.ObsHome) -> list[Collection]:
        """The collections to change; broken ones are said and left alone, and the rest goes on. Raises Problem if the
        one asked for is not there."""
        readable: list[Collection] = []
        for path in home.collection_files():
            try:
                readable.append(Collection.read(path))
            except OSError as error:
                self._skip(path, f"it cannot be read ({error.strerror or error})")
            except BrokenCollection as error:
                self._skip(path, f"it is broken ({error}). OBS keeps an older version of it in {path.name}.bak")
        wanted = self._options.collection
        chosen = [one for one in readable if wanted in (None, one.name, one.path.stem)]
        if readable and not chosen:
            there = ", ".join(one.name for one in readable)
            raise Problem(f"there is no scene collection {wanted!r} in {home.scenes_folder}; there are: {there}")
        return chosen

    def _skip(self, path: Path, reason: str) -> None:
        print(f"error: {path} is left alone: {reason}", file=sys.stderr)
        self._status = Status.FAILED


class Installer(Step):
    """``install.py``: packages first, since they can fail; then the scene collections. ``port`` is the one that the
    environment names."""

    def __init__(self, options: argparse.Namespace, port: int | None) -> None:
        super().__init__(options)
        self._port = port

    def run(self, found: list[homes.ObsHome]) -> Status:
        pythons = [self._python(home) for home in found]
        if not self._options.deps_only:
            for home in found:
                running.refuse_while_running(home, sys.platform)
        for python in dict.fromkeys(pythons):
            self._fill(python)
        if self._options.deps_only:
            print("Next: in OBS choose Tools, Scripts, and reload the script (or start OBS).")
            return self._status
        ports = [self._add_to(home, python) for home, python in zip(found, pythons, strict=True)]
        if self._status == Status.DONE:
            print("Next: start OBS. Tools, Scripts shows the service, its address and where the token is.")
            for home, port in zip(found, ports, strict=True):
                print(_for_openclaw(home, port))
        return self._status

    def _python(self, home: homes.ObsHome) -> embedded.EmbeddedPython:
        if self._options.python_version:
            return embedded.checked(embedded.EmbeddedPython(self._options.python_version, "named on the command line"))
        if self._options.python:
            return embedded.of_interpreter(self._options.python, sys.platform, home.obs_version())
        return embedded.detect(home, sys.platform)

    def _fill(self, python: embedded.EmbeddedPython) -> None:
        folder = packages.PackageFolder(LIBRARY, python, REQUIREMENTS)
        if not folder.is_current():
            print(f"Getting the packages for Python {python} ({python.origin}) ...", flush=True)
        changed = folder.fill()
        print(f"Packages for Python {python}: {'installed in' if changed else 'already in'} {folder.folder}")

    def _add_to(self, home: homes.ObsHome, python: embedded.EmbeddedPython) -> int:
        """The port that the service will have there."""
        print(f"OBS configuration: {home.described()}")
        ledger = Ledger(home)
        chosen = self._chosen(home)
        if not home.collection_files():
            self._create(home, ledger)
        for one in chosen:
            done = one.add(SCRIPT)
            if not done:
                print(f"  {one.path.name}: already lists the script")
                continue
            ledger.replace(one.path, one.to_bytes())
            print(f"  {one.path.name}: {done}; the file from before is kept in {ledger.folder}")
        if python.set_path and not home.setting("Python", "Path64bit"):
            file = _settings_file(home)
            _set_value(ledger, file, {("Python", "Path64bit"): python.set_path})
            print(f"  {file.name}: OBS will use the Python in {python.set_path}")
        port = self._port or _panel_port(home, chosen) or PORT.default_value()
        if self._options.dock:
            self._add_dock(home, ledger, port)
        return port

    def _add_dock(self, home: homes.ObsHome, ledger: Ledger, port: int) -> None:
        """The operator page among OBS's own browser docks."""
        file = _settings_file(home)
        before = ini.value(ini.read(file), dock.SECTION, dock.KEY)
        after = dock.with_dock(before, port)
        if after == before:
            print(f"  {file.name}: the dock is already there, {dock.url(port)}")
            return
        _set_value(ledger, file, {(dock.SECTION, dock.KEY): after})
        print(f"  {file.name}: a dock was added, {dock.url(port)}. In OBS choose Docks, {dock.TITLE}, to see it.")

    def _create(self, home: homes.ObsHome, ledger: Ledger) -> None:
        """OBS has not run yet, or has no collection: one is made for it, as it would make its own."""
        name = self._options.collection or home.setting("Basic", "SceneCollection") or DEFAULT_COLLECTION
        stem = home.setting("Basic", "SceneCollectionFile") or homes.file_stem(name)
        made = Collection(home.scenes_folder / f"{stem}.json", homes.new_collection(name, sys.platform))
        made.add(SCRIPT)
        ledger.replace(made.path, made.to_bytes())
        print(f"  {made.path.name}: made with the script, since OBS has no scene collection yet")
        # Without this OBS would look for a file whose name depends on its language. Up to OBS 30 global.ini counts,
        # since OBS 31 user.ini.
        for file in (home.global_ini, home.user_ini):
            if not ini.value(ini.read(file), "Basic", "SceneCollection"):
                _set_value(ledger, file, {("Basic", "SceneCollection"): name, ("Basic", "SceneCollectionFile"): stem})


def _panel_port(home: homes.ObsHome, chosen: list[Collection]) -> int | None:
    """The one set in the panel in the collection in use; where that one is not ``chosen``, in the first that has one.
    None where it is not set."""
    in_use = home.setting("Basic", "SceneCollection")
    for one in [one for one in chosen if one.name == in_use] or chosen:
        settings = (one.entry(SCRIPT) or {}).get("settings")
        port = settings.get("port") if isinstance(settings, dict) else None
        if isinstance(port, int):
            return port
    return None


def _for_openclaw(home: homes.ObsHome, port: int) -> str:
    """The configuration that connects an OpenClaw on this machine, ready to paste; it holds no secret."""
    store = home.own_folder / SECRETS_FILE
    config = snippet(store, port, signed=is_signed(store))
    plugin = _venv.ROOT / "tools" / "openclaw"
    return f"""
For an OpenClaw agent on this machine:

    openclaw plugins install {shlex.quote(str(plugin))} --force --accept-capabilities

and into openclaw.json (or pipe it to: openclaw config patch --stdin):

{json.dumps(config, indent=2)}
"""


class Uninstaller(Step):
    """``install.py --uninstall``: each file gets back its bytes from before, or loses our entry only."""

    def run(self, found: list[homes.ObsHome]) -> Status:
        if not self._options.deps_only:
            for home in found:
                running.refuse_while_running(home, sys.platform)
            for home in found:
                self._take_from(home)
        if any(self._lists(path) for home in found for path in home.collection_files()):
            print(f"The packages in {LIBRARY} stay: a scene collection still lists the script.")
            return self._status
        for folder in packages.installed(LIBRARY):
            packages.remove(folder)
            print(f"Removed {folder}")
        return self._status

    def _take_from(self, home: homes.ObsHome) -> None:
        print(f"OBS configuration: {home.described()}")
        ledger = Ledger(home)
        for one in self._chosen(home):
            if self._restored(ledger, one.path):
                continue
            if one.remove(SCRIPT):
                ledger.replace(one.path, one.to_bytes())
                print(f"  {one.path.name}: changed since the installer wrote it; the script alone is removed from it")
            ledger.forget(one.path)
        if not self._options.collection:
            for path in ledger.files():
                self._restored(ledger, path)
                ledger.forget(path)
            self._remove_dock(home, ledger)
        if home.own_folder.exists():
            print(f"  Secrets and jobs stay in {home.own_folder}; delete that folder to forget them.")

    def _remove_dock(self, home: homes.ObsHome, ledger: Ledger) -> None:
        """OBS writes the file whenever it exits, so mostly it is not the one that the installer wrote any more."""
        file = _settings_file(home)
        before = ini.value(ini.read(file), dock.SECTION, dock.KEY)
        after = dock.without_dock(before)
        if after != before:
            _set_value(ledger, file, {(dock.SECTION, dock.KEY): after})
            ledger.forget(file)
            print(f"  {file.name}: the dock is removed")

    def _restored(self, ledger: Ledger, path: Path) -> bool:
        restored = ledger.restore(path)
        if restored:
            print(f"  {path.name}: every byte is as it was before")
        return restored

    def _lists(self, path: Path) -> bool:
        try:
            return Collection.read(path).entry(SCRIPT) is not None
        except (OSError, BrokenCollection):
            return False


def _settings_file(home: homes.ObsHome) -> Path:
    """OBS 31 and later read user.ini, those before global.ini."""
    return home.user_ini if home.user_ini.exists() else home.global_ini


def _set_value(ledger: Ledger, file: Path, values: dict[tuple[str, str], str]) -> None:
    raw = file.read_bytes() if file.exists() else b""
    text = raw.decode("utf-8-sig")
    for (section, key), new in values.items():
        text = ini.with_value(text, section, key, new)
    mark = b"\xef\xbb\xbf" if raw.startswith(b"\xef\xbb\xbf") else b""
    ledger.replace(file, mark + text.encode())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Install twitch-clawcraft into OBS: its packages, and the script in the scene collections.",
        epilog="Exit status: 0 done, 1 could not change a file, 2 wrong arguments, 3 OBS is running, "
        "4 no Python that fits OBS, 5 the packages could not be installed.",
    )
    parser.add_argument("--obs-config-dir", type=Path, metavar="DIR", help="OBS's configuration folder")
    parser.add_argument("--collection", metavar="NAME", help="only this scene collection (default: all)")
    parser.add_argument("--dock", action="store_true", help="also add the operator page to OBS's docks")
    parser.add_argument("--deps-only", action="store_true", help="only the packages; works while OBS runs")
    parser.add_argument("--from-zip", type=Path, metavar="FILE", help="unpack this release, and install it from there")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="with --from-zip: the folder that stays")
    parser.add_argument("--uninstall", action="store_true", help="take everything back")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--python-version", type=_version, metavar="X.Y", help="the Python that OBS embeds")
    which.add_argument("--python", type=Path, metavar="PATH", help="the same by its program or folder")
    options = parser.parse_args()
    if options.from_zip and options.uninstall:
        parser.error(
            "--uninstall takes no --from-zip: run tools/install.py --uninstall in the folder it was unpacked to"
        )
    return options


def _version(text: str) -> tuple[int, int]:
    try:
        return embedded.parse_version(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
