"""The script's life inside the fake OBS, from load to unload, and its panel. Everything here runs on the UI thread."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from obs_mock.constants import EVENTS
from obs_mock.data import Data
from obs_mock.frontend import Collections, Events
from obs_mock.handles import Handle, Ledger
from obs_mock.loops import Loop
from obs_mock.properties import Properties, Property
from obs_mock.scripting import Scripting
from obs_mock.violations import Recorder
from obs_mock.watch import Threads

THREAD_GRACE_S = 0.2


class Script:
    """One script, loaded, reloaded, saved and unloaded as OBS does it."""

    def __init__(
        self,
        path: Path,
        settings: Data,
        collections: Collections,
        events: Events,
        scripting: Scripting,
        deferred: Loop,
        ledger: Ledger,
        threads: Threads,
        recorder: Recorder,
        watch_streams: Callable[[], None],
        run_posted: Callable[[], None],
    ) -> None:
        self._run_posted = run_posted
        self.path = path
        self.settings = settings
        self.left_threads: list[str] = []
        self._collections = collections
        self._events = events
        self._scripting = scripting
        self._deferred = deferred
        self._ledger = ledger
        self._threads = threads
        self._recorder = recorder
        self._watch_streams = watch_streams
        self._module: ModuleType | None = None
        self._panel: Handle | None = None

    def finish_loading(self) -> None:
        if self._collections.listing[self._collections.current]:
            self._load()
        for name in ("SCENE_CHANGED", "PREVIEW_SCENE_CHANGED", "FINISHED_LOADING"):
            self._events.emit(EVENTS[name])

    def _load(self, reload: bool = False) -> None:
        self._watch_streams()
        self._scripting.alive = True
        folder = str(self.path.parent)
        if folder not in sys.path:
            sys.path.append(folder)
        try:
            if reload and self._module is not None:
                self._module = importlib.reload(self._module)
            else:  # a new scene collection finds the module of before, as in OBS
                self._module = importlib.import_module(self.path.stem)
        except Exception:  # OBS prints it, and the script stays unloaded
            self._scripting.alive = False
            raise
        module, settings = self._module, self._ledger.borrow(self.settings)
        vars(module).update(obspython=sys.modules["obspython"], script_path=lambda: folder + "/")
        if hasattr(module, "script_tick"):
            self._recorder.violation("script_tick: Python on the graphics thread, rendering waits for it")
        self._scripting.hook(module, "script_defaults", settings)
        self._scripting.hook(module, "script_description")
        self._scripting.hook(module, "script_load", settings)
        self._scripting.hook(module, "script_update", settings)
        self._deferred.call(lambda: None)  # so that callbacks are registered before the next event

    def _unload(self) -> None:
        if not self._scripting.alive or self._module is None:
            return
        self._watch_streams()
        self._scripting.remove_all()
        self._scripting.hook(self._module, "script_unload")
        left = self._threads.left(THREAD_GRACE_S)
        self.left_threads += left
        for name in left:
            self._recorder.violation(f"thread {name!r} left after unload: OBS may not exit")
        self.close_panel()
        self._scripting.alive = False

    def reload(self) -> None:
        self._unload()
        self._load(reload=True)

    def switch_collection(self, name: str) -> None:
        self._events.emit(EVENTS["SCENE_COLLECTION_CHANGING"])
        self.save()
        self._events.muted = True
        self._events.emit(EVENTS["SCENE_COLLECTION_CLEANUP"])
        self._unload()
        self._run_posted()  # OBSBasic::ClearSceneData: sendPostedEvents
        self._collections.current = name
        if self._collections.listing[name]:
            self._load()
        self._events.muted = False
        for event in ("SCENE_CHANGED", "PREVIEW_SCENE_CHANGED", "SCENE_COLLECTION_CHANGED"):
            self._events.emit(EVENTS[event])

    def exit(self) -> None:
        self.save()
        self._events.emit(EVENTS["SCRIPTING_SHUTDOWN"])
        self._events.muted = True
        self._events.emit(EVENTS["SCENE_COLLECTION_CLEANUP"])
        self._unload()
        self._events.emit(EVENTS["EXIT"])

    def save(self) -> None:
        self._watch_streams()
        if self._scripting.alive and self._module is not None:
            self._scripting.hook(self._module, "script_save", self._ledger.borrow(self.settings))

    def open_panel(self) -> dict[str, Property]:
        self.close_panel()
        assert self._module is not None
        handle = self._scripting.hook(self._module, "script_properties")
        if handle is None:
            return {}
        panel = self._ledger.get(handle, Properties)
        self._ledger.release(handle, Properties)  # it is OBS's now
        self._panel = self._ledger.borrow(panel)
        return {prop.name: prop for prop in panel}

    def close_panel(self) -> None:
        if self._panel is not None:
            self._panel.released = True
            self._panel = None

    def _property(self, name: str) -> tuple[Handle, Property]:
        if self._panel is None:
            raise LookupError("no panel is open")
        found = self._ledger.get(self._panel, Properties).find(name)
        if found is None or not found.visible:
            raise LookupError(f"the panel shows no usable {name!r}")
        return self._panel, found

    def click(self, name: str) -> bool:
        panel, prop = self._property(name)
        if prop.clicked is None:
            raise LookupError(f"{name!r} is no button")
        return self._scripting.run(prop.clicked, panel, self._ledger.borrow(prop)) is True

    def change(self, name: str, value: Any) -> None:
        panel, prop = self._property(name)
        self.settings.apply({name: value})
        settings = self._ledger.borrow(self.settings)
        assert self._module is not None
        self._scripting.hook(self._module, "script_update", settings)
        if prop.modified is not None:
            self._scripting.run(prop.modified, panel, self._ledger.borrow(prop), settings)
