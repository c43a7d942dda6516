"""What the files on this machine say: OBS's configuration, the scene collections, the packages, the settings."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import _venv
from clawcraft.checks import Check, failed, ok, warning
from clawcraft.confirmed import Confirmed
from clawcraft.dependencies import launcher
from clawcraft.kept_rails import KeptRails
from clawcraft.panel.fields import service_values
from clawcraft.panel.interpreter import child_environment, interpreter_of
from clawcraft.secrets import Secret, SecretStore, SecretStoreError
from clawcraft.settings import Settings, SettingsError, load_settings
from installer import LIBRARY, SCRIPT, Problem, embedded, homes, packages
from installer.collection import BrokenCollection, Collection

_LOOK: Final = """\
import sys
sys.path.insert(0, sys.argv[1])
from clawcraft import dependencies
dependencies.activate()
if unfit := dependencies.unfit():
    sys.exit("not there: " + "; ".join(map(str, unfit)))
import bottle, jsonschema, prometheus_client, requests, waitress
"""


@dataclass(frozen=True, slots=True)
class Found:
    """``settings`` as the service would load them, with this shell's environment; None if it could not."""

    checks: list[Check]
    settings: Settings | None
    token_given: bool


class _ReadOnlyStore(SecretStore):
    """The streamer's secrets, to look at: the token that the loader makes up where there is none is not stored."""

    def update(self, changes: Mapping[str, Secret | None]) -> None:
        pass


def install_advice() -> str:
    return f'Close OBS and run: {launcher()} "{_venv.ROOT / "tools" / "install.py"}"'


def look(obs_config_dir: Path | None) -> Found:
    """Everything that can be told without the service."""
    known = homes.homes_of(sys.platform, os.environ, Path.home())
    home = homes.given_home(obs_config_dir) if obs_config_dir else known[0]
    checks = [_obs(home, [] if obs_config_dir else known[1:])]
    panel: dict[str, Any] = {}
    if home.folder.is_dir():
        listed, panel = listing(home)
        checks.append(listed)
    checks += _packages(home)
    store = _ReadOnlyStore(home.own_folder)
    kept = KeptRails(home.own_folder)
    rails = {name.lower(): text for name, text in kept.values().items()}
    try:
        if kept.problem:
            raise SettingsError([kept.problem])
        values, unconfirmed = Confirmed(home.own_folder).sift(service_values(panel))
        settings = load_settings(os.environ, store, {**values, **rails}, home.own_folder)
    except (SettingsError, SecretStoreError) as error:
        checks.append(failed("settings", str(error), "Correct it in the panel or in the environment."))
        return Found(checks, None, False)
    if unconfirmed:
        asked = ", ".join(f"{name}={text}" for name, text in unconfirmed.items())
        message = f"the scene collection asks for {asked}, which nobody confirmed on this machine"
        checks.append(warning("confirmed", message, "If you want it: Tools, Scripts, Scene collection, Confirm."))
    checks.append(ok("settings", f"the service is to listen on {settings.bind}, port {settings.port}"))
    given = settings.origins["TOOL_SERVICE_TOKEN"] != "secret store" or store.get("TOOL_SERVICE_TOKEN") is not None
    return Found(checks, settings, given)


def _obs(home: homes.ObsHome, others: list[homes.ObsHome]) -> Check:
    if home.folder.is_dir():
        more = [f"; for that of the other OBS ({other.kind}): --obs-config-dir {other.folder}" for other in others]
        return ok("obs_found", f"OBS's configuration is in {home.folder} ({home.kind}){''.join(more)}")
    return failed(
        "obs_found", f"no OBS configuration in {home.folder}", "Install and start OBS once, or use --obs-config-dir."
    )


def listing(home: homes.ObsHome) -> tuple[Check, dict[str, Any]]:
    """Whether the scene collections list the script; and the panel's settings in the one in use, else in another that
    lists it."""
    try:
        paths, in_use = home.collection_files(), home.setting("Basic", "SceneCollection")
    except Problem as problem:
        return failed("script_listed", str(problem), "Correct that file, or restore it, while OBS is closed."), {}
    panel: dict[str, Any] | None = None
    lacking: list[str] = []
    having: list[str] = []
    broken: list[str] = []
    for path in paths:
        try:
            found = Collection.read(path)
        except (OSError, BrokenCollection) as error:
            broken.append(f"{path} cannot be read: {error}")
            continue
        entry = found.entry(SCRIPT)
        if entry is None:
            lacking.append(found.name)
            continue
        having.append(found.name)
        if panel is None or found.name == in_use:
            panel = entry.get("settings") or {}
    return _script_listed(having, lacking, broken), panel or {}


def _script_listed(having: list[str], lacking: list[str], broken: list[str]) -> Check:
    if broken:
        return failed("script_listed", broken[0], "Restore it from the .bak beside it.")
    if not having:
        return failed("script_listed", f"no scene collection lists {SCRIPT}", install_advice())
    if lacking:
        names = ", ".join(lacking)
        message = f"{names} does not list the script: OBS ends the service when it switches there"
        return warning("script_listed", message, f"{install_advice()} (or press the panel's button)")
    return ok("script_listed", f"every scene collection lists the script ({len(having)})")


def _packages(home: homes.ObsHome) -> Iterator[Check]:
    try:
        python = embedded.detect(home, sys.platform)
    except Problem as problem:
        yield failed("python", str(problem), "Install a Python that fits, and choose it in OBS.")
        return
    yield ok("python", f"OBS uses Python {python} ({python.origin})")
    folder = packages.folder_of(LIBRARY, python)
    interpreter = interpreter_of(python.version)
    if interpreter is None:
        if folder.is_dir():
            yield ok("packages", f"{folder} is there")
        else:
            yield failed("packages", f"{folder} is not there", install_advice())
        return
    done = subprocess.run(
        [str(interpreter), "-c", _LOOK, str(_venv.PLUGIN)],
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode == 0:
        yield ok("packages", f"the packages are there in their versions and import in Python {python}")
    else:
        said = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        yield failed("packages", f"the packages do not serve Python {python}: {said[0]}", install_advice())
