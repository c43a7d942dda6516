"""The fake OBS itself: loads a script, drives it as OBS does, and ends with a report.

Everything here is called from the test's thread (or the command line's); the script's hooks run on the UI thread.
"""

import contextlib
import inspect
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self, TextIO

from obs_mock import obspython
from obs_mock.budget import UiBudget
from obs_mock.clipboard import Clipboard
from obs_mock.constants import EVENTS
from obs_mock.data import Data, DataApi
from obs_mock.frontend import Collections, Events, FrontendApi, OutputApi, Scenes
from obs_mock.handles import Ledger
from obs_mock.libobs import Native, patched
from obs_mock.lifecycle import Script
from obs_mock.loops import Loop
from obs_mock.output import Boxes
from obs_mock.pictures import Pictures
from obs_mock.properties import PropertiesApi, Property
from obs_mock.scenarios import SCENARIOS, Scenario, Timings
from obs_mock.scripting import Scripting
from obs_mock.signals import SignalHandler, SignalsApi
from obs_mock.stream import Stream
from obs_mock.system import Hotkeys, ScriptLog, SystemApi
from obs_mock.violations import Recorder, Violation
from obs_mock.watch import Threads, hooks, modules_of, script_streams


def default_config_dir() -> Path:
    """OBS's configuration folder on this platform."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", home / "AppData" / "Roaming")) / "obs-studio"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "obs-studio"
    return Path(os.environ.get("XDG_CONFIG_HOME", home / ".config")) / "obs-studio"


@dataclass(frozen=True, slots=True)
class Report:
    """What a run left behind. ``memory_leaks`` is the number OBS would print last; ``hook_s`` the longest run of
    each hook in seconds; ``log`` the script log as (level, line)."""

    violations: tuple[str, ...]
    memory_leaks: int
    leftover_threads: tuple[str, ...]
    timeline: tuple[str, ...]
    log: tuple[tuple[int, str], ...]
    hook_s: Mapping[str, float]

    @property
    def ok(self) -> bool:
        return not self.violations

    def check(self) -> Self:
        """AssertionError with every violation, else the report."""
        if self.violations:
            raise AssertionError("OBS would not have survived this:\n" + "\n".join(f"- {v}" for v in self.violations))
        return self


class MockObs:
    """One fake OBS with one script. As a context manager it starts, stops, and fails if anything was violated.

    Parameters:
        script: the script's file.
        scenario: a name of ``SCENARIOS`` or a ``Scenario``; may be set again at any time.
        settings: the script's saved settings.
        config_dir: stands for OBS's ``obs-studio`` configuration folder.
        timings: how long OBS takes; ``Timings().scaled(0.05)`` for fast tests.
        collections: scene collections, and whether each lists the script. The first one is loaded.
        echo: gets each line of the script log at once.
        version: OBS's own. Asynchronous preparation needs 30.2 or later.
    """

    def __init__(
        self,
        script: Path | str,
        scenario: Scenario | str = "good",
        settings: Mapping[str, Any] | None = None,
        config_dir: Path | None = None,
        timings: Timings | None = None,
        scenes: tuple[str, ...] = ("Main", "BRB"),
        collections: Mapping[str, bool] | None = None,
        echo: TextIO | None = None,
        version: str = "29.0.2",
    ) -> None:
        self.script = Path(script).resolve()
        self.config_dir = config_dir or default_config_dir()
        self.recorder = Recorder()
        timings = timings or Timings()
        self.budget = UiBudget(self.recorder, lambda: self._ui.is_current())
        self._ui = Loop("fake OBS UI", self._record_error, self.budget.suspended)
        self._outputs, self._deferred = (
            Loop(f"fake OBS {name}", self._record_error) for name in ("output", "scripting")
        )
        loops = [self._ui, self._outputs, self._deferred]
        self._ledger = Ledger(self.recorder)
        self._log = ScriptLog(self.recorder, echo)
        self._streams = script_streams(self._log)
        self._threads = Threads(lambda: any(loop.is_current() for loop in loops))
        self._scripting = Scripting(self.recorder, self._log.error, self.budget)
        self._events = Events(self._ui, self._deferred, self._scripting, self.recorder)
        self._scenes = Scenes(self._ui, self._events, self.recorder, scenes, timings.transition_s)
        self._boxes = Boxes(self._ui, self.recorder)
        self._hotkeys = Hotkeys(self._deferred, self._scripting)
        self._collections = Collections(collections or {"Untitled": True, "Other": False})
        self._life = Script(
            self.script,
            Data(dict(settings or {})),
            self._collections,
            self._events,
            self._scripting,
            self._deferred,
            self._ledger,
            self._threads,
            self.recorder,
            self._watch_streams,
            self._ui.run_posted,
        )
        self.stream = Stream(
            self._ui,
            self._outputs,
            self.recorder,
            self._boxes,
            timings,
            self._new_signals,
            self._events.emit,
            self._life.save,
            numbers=_numbers(version),
        )
        self.version = version
        self.clipboard = Clipboard(self._ui, self.recorder, lambda: self.stream.scenario)
        self.scenario = scenario
        self._obspython = self._build_obspython()
        self._process = contextlib.ExitStack()
        self._started = False
        self._stopping = threading.Event()
        self._report: Report | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        report = self.stop()
        if kind is None:
            report.check()

    # Life

    def start(self) -> Self:
        """Start OBS and load the script; returns when OBS has finished loading. One at a time in a process."""
        if "obspython" in sys.modules:
            raise RuntimeError("there is an obspython in this process already: one fake OBS at a time")
        native = Native(
            self._ui,
            self.stream,
            self.recorder,
            self.config_dir,
            self.switch_collection,
            self._events,
            self._boxes,
            self.budget,
            Pictures(self._outputs, self._ledger, self.recorder, lambda: self.stream.scenario),
            self.clipboard,
        )
        self._native = native
        self._started = True
        for loop in (self._ui, self._outputs, self._deferred):
            loop.start()
        self._process.enter_context(modules_of(self.script.parent))
        self._process.enter_context(patched(native, lambda: self.stream.scenario.libobs))
        self._process.enter_context(hooks(self.recorder.violation))
        self._process.enter_context(self._threads.watched())
        self._process.enter_context(self.budget.watched())
        sys.modules["obspython"] = self._obspython
        self._process.callback(sys.modules.pop, "obspython", None)
        for stream in self._streams:
            self._process.callback(stream.restore)
        try:
            self._ui.call(self._life.finish_loading)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> Report:
        """The clean exit: save, unload, and count what is left. A second call gives the same report."""
        self._stopping.set()
        if self._report is not None:
            return self._report
        with self._process:
            if self._started:
                self._end_obs()
        leaks = self._ledger.leaks()
        for leak in leaks:
            self.recorder.violation(f"memory leak: {leak}")
        self._report = Report(
            self.recorder.violations(),
            len(leaks),
            tuple(self._life.left_threads),
            self.recorder.timeline(),
            tuple(self._log.lines),
            dict(self._scripting.hook_s),
        )
        return self._report

    def _end_obs(self) -> None:
        try:
            self._ui.hurry()
            self._boxes.click_all()
            self._ui.call(self._life.exit)
            for what in self._native.left_callbacks():
                self.recorder.violation(f"{what}: a callback is left when Python ends, the next call crashes")
        finally:
            for loop in (self._outputs, self._deferred, self._ui):
                loop.stop()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until somebody calls ``stop`` or ``end``; False after the timeout."""
        return self._stopping.wait(timeout_s)

    def end(self) -> None:
        """Wake ``wait``."""
        self._stopping.set()

    # What the user does

    def reload(self) -> None:
        """The "Reload Scripts" button."""
        self._ui.call(self._life.reload)

    def switch_collection(self, name: str) -> None:
        self._ui.call(lambda: self._life.switch_collection(name))

    def save(self) -> None:
        """OBS writes the scene collection: script_save."""
        self._ui.call(self._life.save)

    def press_stream_button(self) -> None:
        """Start or Stop Streaming, by the user. Returns at once: a box may keep the UI thread."""
        self._ui.post(self.stream.press_button)

    def press_hotkey(self, name: str) -> None:
        """Down and up; the script is called on OBS's scripting thread."""
        number = self._hotkeys.number(name)
        for pressed in (True, False):
            self._hotkeys.trigger(number, pressed)
        self._deferred.call(lambda: None)

    def bind_hotkey(self, name: str, keys: list[dict[str, Any]]) -> None:
        """Settings, Hotkeys, OK: OBS saves the collection then, and with it the scripts."""
        self._hotkeys.bindings[self._hotkeys.number(name)] = [Data(combination) for combination in keys]
        self.save()

    def hotkey_keys(self, name: str) -> list[dict[str, Any]]:
        """The keys that a hotkey has now."""
        return [combination.to_dict() for combination in self._hotkeys.bindings[self._hotkeys.number(name)]]

    def open_panel(self) -> dict[str, Property]:
        """Select the script in Tools, Scripts: its properties by name, in order."""
        return self._ui.call(self._life.open_panel)

    def close_panel(self) -> None:
        self._ui.call(self._life.close_panel)

    def click(self, name: str) -> bool:
        """A button of the open panel; True if the script asks for a refresh."""
        return self._ui.call(lambda: self._life.click(name))

    def change(self, name: str, value: Any) -> None:
        """A value of the open panel: script_update, then the property's modified callback."""
        self._ui.call(lambda: self._life.change(name, value))

    def type_text(self, name: str, text: str) -> None:
        """Key by key, as OBS updates."""
        for end in range(1, len(text) + 1):
            self.change(name, text[:end])

    def click_box(self, yes: bool = False) -> None:
        """OK in the topmost error box; the answer to a question."""
        self._boxes.click(yes)

    # What happens to OBS

    @property
    def scenario(self) -> Scenario:
        return self.stream.scenario

    @scenario.setter
    def scenario(self, scenario: Scenario | str) -> None:
        self.stream.next_scenarios.clear()
        self.stream.scenario = _scenario(scenario)

    def meet(self, *scenarios: Scenario | str) -> None:
        """The next starts meet these, one each; the last one stays."""
        self.stream.next_scenarios.extend(map(_scenario, scenarios))

    def answer(self) -> None:
        """The server that was silent answers at last."""
        self.stream.answer()

    def disconnect(self) -> None:
        """The server goes away."""
        self.stream.disconnect()

    def ui_blocked(self) -> contextlib.AbstractContextManager[None]:
        """The UI thread does nothing while the ``with`` lasts."""
        return self._ui.blocked()

    def emit(self, event: str) -> None:
        """A frontend event by name, of something that the fake has no part for: a profile, the shutdown."""
        self._ui.call(lambda: self._events.emit(EVENTS[event]))

    def pass_queues(self) -> None:
        """Returns once all that was due has had its turn, and what that brought with it."""
        for loop in (self._ui, self._outputs, self._ui, self._outputs, self._ui, self._outputs, self._ui):
            loop.call(lambda: None)

    # What can be seen

    def wait_for(self, happened: str, timeout_s: float = 10, after: int = 0) -> None:
        """Until the timeline has this entry: ``event STREAMING_STARTED``, ``signal stop -2``, ``box …``."""
        self.recorder.wait_for(happened, timeout_s, after)

    def timeline(self) -> tuple[str, ...]:
        """Events, signals, hooks and boxes so far, in order."""
        return self.recorder.timeline()

    def boxes(self) -> tuple[str, ...]:
        """The open error boxes, the oldest first."""
        return self._boxes.open

    def hang_ui(self, seconds: float) -> None:
        """The UI thread is busy with something else for so long, from its next turn on. Returns at once."""
        self.post(lambda: self._ui.hang(seconds))

    def post(self, fn: Callable[[], object]) -> None:
        """``fn()`` on the UI thread, behind all that waits there. Returns at once."""
        self._ui.post(fn)

    def ui_hangs(self) -> bool:
        """Now, as a scenario or ``hang_ui`` says."""
        return self._ui.hangs

    def scene(self) -> str:
        return self._ui.call(lambda: self._scenes.current.name)

    def settings(self) -> dict[str, Any]:
        """The script's settings, as the scene collection's file has them after ``save`` or ``stop``."""
        return self._life.settings.to_dict()

    def api(self) -> dict[str, Any]:
        """Every public name of the fake obspython: its parameters, or a constant's value."""
        return {
            name: list(inspect.signature(value).parameters) if callable(value) else value
            for name, value in vars(self._obspython).items()
            if not name.startswith("_")
        }

    def log_lines(self) -> list[str]:
        return [line for _level, line in self._log.lines]

    # Parts

    def _new_signals(self, names: tuple[str, ...]) -> SignalHandler:
        return SignalHandler(names, self._scripting, self._ledger, self.recorder)

    def _build_obspython(self) -> ModuleType:
        frontend = FrontendApi(
            self._ui,
            self._ledger,
            self.recorder,
            self._scripting,
            self._events,
            self._scenes,
            self.stream,
            self._collections,
        )
        apis = (
            DataApi(self._ledger),
            PropertiesApi(self._ledger, self.recorder, self._scripting),
            SignalsApi(self._ledger),
            frontend,
            OutputApi(self._ledger, self.recorder, self.stream),
            SystemApi(
                self._ledger,
                self.recorder,
                self._scripting,
                self._hotkeys,
                self._log,
                self.config_dir,
                self.version,
            ),
        )
        return obspython.build(apis, self._scripting, self._watch_streams)

    def _record_error(self, error: BaseException) -> None:
        if not isinstance(error, Violation):  # a violation is recorded where it is made
            self.recorder.violation(f"defect in the fake OBS: {type(error).__name__}: {error}")

    def _watch_streams(self) -> None:
        for stream in self._streams:
            stream.ensure()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _scenario(scenario: Scenario | str) -> Scenario:
    return SCENARIOS[scenario] if isinstance(scenario, str) else scenario
