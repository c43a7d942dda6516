"""Hotkeys, timers, logs and the small rest of obspython."""

from pathlib import Path
from typing import TextIO

from obs_mock.constants import LOG_ERROR, LOG_INFO, LOG_WARNING
from obs_mock.data import Data, DataArray
from obs_mock.handles import Handle, Ledger
from obs_mock.loops import Loop
from obs_mock.scripting import Callback, Scripting
from obs_mock.violations import Recorder


class Hotkeys:
    """Registered hotkeys. OBS calls them on its scripting thread, never on the UI thread."""

    def __init__(self, deferred: Loop, scripting: Scripting) -> None:
        self._deferred = deferred
        self._scripting = scripting
        self._next_id = 19
        self.callbacks: dict[int, tuple[str, Callback]] = {}
        self.bindings: dict[int, list[Data]] = {}

    def register(self, name: str, callback: Callback) -> int:
        number, self._next_id = self._next_id, self._next_id + 1
        self.callbacks[number] = name, callback
        self.bindings[number] = []
        return number

    def trigger(self, number: int, pressed: bool) -> None:
        if number in self.callbacks:
            callback = self.callbacks[number][1]
            self._deferred.post(lambda: self._scripting.run(callback, pressed))

    def number(self, name: str) -> int:
        return next(n for n, (known, held) in self.callbacks.items() if known == name and not held.removed)


class ScriptLog:
    """Tools, Scripts, Script Log. A line at WARNING or above opens it over the streamer's screen."""

    def __init__(self, recorder: Recorder, echo: TextIO | None) -> None:
        self._recorder = recorder
        self._echo = echo
        self.lines: list[tuple[int, str]] = []

    def add(self, level: int, text: str) -> None:
        """A line of the script itself."""
        self._write(level, text)
        if level <= LOG_WARNING:
            raise self._recorder.violation(f"script_log at level {level} opens a window: {text}")

    def error(self, violation: str, text: str) -> None:
        """What Python or OBS prints to stderr in the script's name: nobody could catch it."""
        self._write(LOG_ERROR, text)
        self._recorder.violation(violation)

    def info(self, text: str) -> None:
        self._write(LOG_INFO, text)

    def _write(self, level: int, text: str) -> None:
        self.lines.append((level, text))
        if self._echo is not None:
            self._echo.write(text + "\n")
            self._echo.flush()


class SystemApi:
    """What belongs to none of the other groups."""

    def __init__(
        self,
        ledger: Ledger,
        recorder: Recorder,
        scripting: Scripting,
        hotkeys: Hotkeys,
        log: ScriptLog,
        config_dir: Path,
        version: str,
    ) -> None:
        self._version = version
        self._ledger = ledger
        self._recorder = recorder
        self._scripting = scripting
        self._hotkeys = hotkeys
        self._log = log
        self._config_dir = config_dir

    def script_log(self, level: int, message: str, /) -> None:
        self._log.add(level, message)

    def obs_get_version_string(self) -> str:
        return self._version

    def os_get_config_path_ptr(self, name: str) -> str:
        """SWIG gives the text and forgets the memory: each call leaks it."""
        self._ledger.lose("os_get_config_path_ptr: a string that Python cannot free")
        return config_path(self._config_dir, name)

    def timer_add(self, callback: object, milliseconds: int, /) -> None:
        self._scripting.require_context("timer_add")
        raise self._recorder.violation("timer_add: its callback runs on the graphics thread, rendering waits for it")

    def obs_hotkey_register_frontend(self, name: str, description: str, callback: object, /) -> int:
        held = self._scripting.add(callback, "hotkey", "obs_hotkey_register_frontend")
        return self._hotkeys.register(name, held)

    def obs_hotkey_save(self, id: int) -> Handle | None:  # noqa: A002 - OBS's name
        bindings = self._hotkeys.bindings.get(id)
        return None if bindings is None else self._ledger.take(DataArray(bindings))

    def obs_hotkey_load(self, id: int, data: Handle | None) -> None:  # noqa: A002 - OBS's name
        items = [] if data is None else self._ledger.get(data, DataArray).items
        if id in self._hotkeys.bindings:
            self._hotkeys.bindings[id] = list(items)

    def obs_hotkey_trigger_routed_callback(self, id: int, pressed: bool) -> None:  # noqa: A002 - OBS's name
        self._hotkeys.trigger(id, pressed)


def config_path(config_dir: Path, name: str) -> str:
    """``name`` below the folder that holds OBS's ``obs-studio``."""
    return str(config_dir / Path(name).relative_to("obs-studio"))
