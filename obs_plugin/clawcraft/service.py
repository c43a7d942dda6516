"""The service's life: start, settings changes, stop, each within a deadline.

``Service`` is made, started and stopped on OBS's UI thread and does no work there: a supervisor thread loads the
dependencies and the settings, builds the parts (``assembly.py``), retries a port in use, and applies what the
streamer changes. Standard library only at import, so that the panel works even when the dependencies are missing.
"""

import gc
import importlib
import math
import os
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clawcraft import dependencies
from clawcraft.authority.agent_file import AgentFile
from clawcraft.authority.pause import PauseSwitch
from clawcraft.authority.policy import ChosenPolicies
from clawcraft.clock import SystemClock
from clawcraft.confirmed import Confirmed
from clawcraft.errors import StorageUnavailable
from clawcraft.files import private_folder, write_atomically
from clawcraft.kept_rails import KeptRails
from clawcraft.obs.adapter import ObsAdapter
from clawcraft.obs.observer import Observer
from clawcraft.obs.stream import StreamController
from clawcraft.obs.ui_thread import UiThread
from clawcraft.operator.pairing import PageAccess
from clawcraft.secrets import SecretStore, SecretStoreError
from clawcraft.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from clawcraft.assembly import Assembly

STOP_DEADLINE_S: Final = 2.0
SETTLE_S: Final = 1.0
"""script_update comes at each keystroke; a change counts once typing has paused this long."""
RETRY_S: Final = 3.0
SWEEP_S: Final = 60.0
"""How often the job table is swept, and looked after where the disk refused something."""


class Phase(StrEnum):
    """Where the service is in its life."""

    STARTING = "starting"
    LISTENING = "listening"
    NOT_LISTENING = "not listening"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class View:
    """What a person is told of the service. ``problems`` are sentences that say what to do."""

    phase: Phase
    url: str = ""
    problems: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class Service:
    """One life of the service, from script_load to script_unload."""

    def __init__(self, obs: ObsAdapter, panel: Mapping[str, object], observer: Observer | None = None) -> None:
        self.obs = obs
        self._clock = SystemClock()
        self._ui = UiThread(self.obs.libobs, self._count_ui_call)
        self._stream = StreamController(
            self.obs, self._ui, self.obs.libobs, self._clock, self._settings_in_force, observer
        )
        self.settings: Settings | None = None
        """Those in force, None until they could be loaded."""
        self._panel = dict(panel)
        self._good_panel: Mapping[str, object] | None = None
        """The last one in which nothing was wrong."""
        self.assembly: Assembly | None = None
        """The running parts, None while there are none."""
        self.view = View(Phase.STARTING)
        self._changed = threading.Condition()
        self._panel_version = 0
        self._stopping = False
        self._reloaded = observer is not None
        self._supervisor = threading.Thread(target=self._supervise, name="clawcraft-supervisor", daemon=True)
        self.data_dir = Path(self.obs.data_dir())
        self.secrets = SecretStore(self.data_dir)
        self.confirmed = Confirmed(self.data_dir)
        self.pause = PauseSwitch(self.data_dir, self._clock)
        self.policies = ChosenPolicies(self.data_dir)
        self.agents = AgentFile(self.data_dir)
        self.rails = KeptRails(self.data_dir)
        self.page_access = PageAccess(self.secrets, self._clock)
        self.unconfirmed: Mapping[str, str] = {}
        """What the scene collection says and nobody confirmed on this machine, by the name of the setting."""

    # --- UI thread: each of these returns at once -----------------------------------------------------------------

    def start(self) -> None:
        self._supervisor.start()

    def panel_changed(self, panel: Mapping[str, object]) -> None:
        """Take the panel's values; they are applied once typing stops."""
        with self._changed:
            if dict(panel) != self._panel:
                self._panel = dict(panel)
                self.secrets_changed()

    def secrets_changed(self) -> None:
        """Any thread: the secret store, or something else outside the scene collection, changed; read it all again."""
        with self._changed:
            self._panel_version += 1
            self._changed.notify_all()

    def stop(self) -> Observer | None:
        """End everything within STOP_DEADLINE_S; returns what goes on hearing OBS, for the next life."""
        deadline = self._clock.monotonic() + STOP_DEADLINE_S
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        assembly = self.assembly
        if assembly is not None:
            assembly.begin_stop()
        self._stream.close()
        self._ui.close()
        if self._supervisor.ident is not None:
            self._supervisor.join(max(0.0, deadline - self._clock.monotonic()))
        self.view = View(Phase.STOPPED)
        return self._stream.observer

    # --- any thread -----------------------------------------------------------------------------------------------

    def note(self, what: str, **details: str) -> None:
        """What the streamer did, for the audit trail. Returns at once."""
        if self.assembly is not None:
            self.assembly.audit.operator(what, **details)

    # --- supervisor thread ----------------------------------------------------------------------------------------

    def _supervise(self) -> None:
        try:
            self._run()
        finally:
            assembly, self.assembly = self.assembly, None
            if assembly is not None:
                assembly.stop(STOP_DEADLINE_S)

    def _run(self) -> None:
        if self._reloaded:
            gc.collect()  # The life before is one big cycle, which Python would find much later.
        while not self._stopping:
            version = self._panel_version
            try:
                wait_s = self._bring_up()
            except Exception as error:  # noqa: BLE001 - what serves goes on; a traceback would open a window in OBS
                self._tell_crash(f"internal error: {type(error).__name__}: {error}")
                wait_s = RETRY_S
            self._wait_for_change(version, self._or_sooner(wait_s))

    def _bring_up(self) -> float | None:
        """One try to be where the settings want the service; returns the seconds to the next, None for 'a change'."""
        if self.assembly is None and not self._has_packages():
            return RETRY_S
        # Imported here: only now are the packages known to be there, and the UI thread never pays for it.
        try:
            for module in dependencies.modules():  # one by one: an unload must not wait for all of them
                if self._stopping:
                    return None
                importlib.import_module(module)
            from clawcraft.assembly import Assembly
            from clawcraft.http.server import ListenError
        except ImportError as error:
            self._tell(
                Phase.NOT_LISTENING,
                f"Python cannot load a package ({error}). OBS uses the Python in {sys.prefix}: if that is not the one "
                "OBS was made for (a virtual environment, pyenv or conda first on PATH), start OBS without it; else "
                f"run: {dependencies.install_command()}",
            )
            return None

        try:
            settings, problems = self._load()
        except (SettingsError, SecretStoreError) as error:
            problems = tuple(error.problems) if isinstance(error, SettingsError) else (str(error),)
            if self.assembly is None:
                self._tell(Phase.NOT_LISTENING, *problems)
            else:  # What is wrong must not take a working service down in mid-show.
                self._tell(self.view.phase, *problems, url=self.view.url, missing=self.view.missing)
                self.assembly.tend()
            if isinstance(error, SecretStoreError):
                return RETRY_S
            return None if self.assembly is None else SWEEP_S
        self.settings = settings
        if self._stopping:
            return None
        if self.assembly is None:
            try:
                self.assembly = Assembly(
                    settings,
                    self.obs.log,
                    self._stream,
                    self.secrets,
                    self.pause,
                    self.policies,
                    self.agents,
                    self.page_access,
                    self._clock,
                )
            except StorageUnavailable as error:
                self._tell(Phase.NOT_LISTENING, f"{error.message}. {error.hint}")
                return RETRY_S
        if self._stopping:
            return None
        try:
            url = self.assembly.apply(settings)
        except ListenError as error:
            self._tell(Phase.NOT_LISTENING, str(error), *problems)
            return RETRY_S
        trouble = self.assembly.trouble
        self._tell(Phase.LISTENING, *problems, *filter(None, [trouble]), url=url)
        return RETRY_S if trouble else SWEEP_S

    def _load(self) -> tuple[Settings, tuple[str, ...]]:
        """The settings; and what is wrong in the panel, whose last good values count then: a half-typed one must
        neither take a working service down nor keep the token alive that the streamer ends. Raises SettingsError,
        SecretStoreError."""
        panel = self._panel
        self._tell_unconfirmed(self.confirmed.sift(panel)[1])
        if self.rails.problem:
            raise SettingsError([self.rails.problem])
        try:
            settings = self._load_with(panel)
        except SettingsError as error:
            if self._good_panel is None:
                raise
            return self._load_with(self._good_panel), tuple(error.problems)
        self._good_panel = panel
        return settings, ()

    def _load_with(self, panel: Mapping[str, object]) -> Settings:
        rails = {name.lower(): text for name, text in self.rails.values().items()}
        return load_settings(os.environ, self.secrets, {**self.confirmed.sift(panel)[0], **rails}, self.data_dir)

    def _or_sooner(self, wait_s: float | None) -> float | None:
        """``wait_s``, unless the longest stream has to be looked after before. A stream that begins meanwhile is met at
        the next sweep, which comes before any limit."""
        assembly = self.assembly
        if assembly is None:
            return wait_s
        try:
            next_s = assembly.longest_stream.enforce()
        except Exception as error:  # noqa: BLE001 - see _run
            self._tell_crash(f"internal error: {type(error).__name__}: {error}")
            next_s = RETRY_S
        return min(each for each in (wait_s, next_s, SWEEP_S) if each is not None)

    def _has_packages(self) -> bool:
        dependencies.activate()
        unfit = dependencies.unfit()
        if loaded := [str(package) for package in unfit if package.loaded]:
            self._tell(
                Phase.NOT_LISTENING,
                f"Another script has loaded {'; '.join(loaded)}. In one OBS there can be only one version: place "
                "twitch-clawcraft above that script in Tools, Scripts, or remove that script; then restart OBS",
            )
        elif unfit:
            names = tuple(map(str, unfit))
            self._tell(
                Phase.NOT_LISTENING,
                f"Python packages are missing: {', '.join(names)}. Run: {dependencies.install_command()}",
                missing=names,
            )
        return not unfit

    def _wait_for_change(self, seen_version: int, wait_s: float | None) -> None:
        """Until the service stops, ``wait_s`` has passed, the panel changed and typing has paused, or the disk begins
        to refuse what is written: until that is over, what was told is not stored."""
        until_s = math.inf if wait_s is None else self._clock.monotonic() + wait_s
        with self._changed:
            while not self._stopping and self._panel_version == seen_version:
                left_s = until_s - self._clock.monotonic()
                if left_s <= 0 or (left_s > RETRY_S and self.assembly is not None and self.assembly.trouble):
                    return
                self._changed.wait(min(left_s, RETRY_S))
            while not self._stopping and self._panel_version != seen_version:
                seen_version = self._panel_version
                self._changed.wait_for(lambda: self._stopping or self._panel_version != seen_version, SETTLE_S)  # noqa: B023

    def _count_ui_call(self, outcome: str, duration_s: float) -> None:
        """The calling thread's; there are no metrics before the parts are built."""
        assembly = self.assembly
        if assembly is not None:
            assembly.metrics.ui_call(outcome=outcome, duration_s=duration_s)

    def _settings_in_force(self) -> Settings:
        assert self.settings is not None  # nothing asks before they are loaded: the stream worker comes with the parts
        return self.settings

    def _tell(self, phase: Phase, *problems: str, url: str = "", missing: tuple[str, ...] = ()) -> None:
        view = View(phase, url, problems, missing)
        if view != self.view:
            self.view = view
            if phase is Phase.LISTENING and not problems:
                return  # the service's own log has said so, with more detail
            self.obs.log(f"{phase} {url}".rstrip() + "".join(f"; {problem}" for problem in problems))

    def _tell_unconfirmed(self, unconfirmed: Mapping[str, str]) -> None:
        if unconfirmed != self.unconfirmed:
            self.unconfirmed = unconfirmed
            if asked := ", ".join(f"{name}={text}" for name, text in unconfirmed.items()):
                self.obs.log(f"the scene collection asks for {asked}: not confirmed on this machine, and not in force")

    def _tell_crash(self, problem: str) -> None:
        """The traceback of a defect goes to a file: OBS's log gets one line, and stderr nothing."""
        phase = Phase.NOT_LISTENING if self.assembly is None else self.view.phase
        self._tell(phase, problem, url=self.view.url)
        try:
            private_folder(self.data_dir)
            write_atomically(self.data_dir / "crash.log", traceback.format_exc().encode(), durable=False)
        except OSError:
            self.obs.log("the crash could not be written to crash.log")
