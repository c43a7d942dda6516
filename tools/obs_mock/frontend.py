"""OBS's frontend: events, scenes and collections, and the output getters."""

import threading
from collections.abc import Mapping
from typing import ClassVar

from obs_mock.constants import EVENTS
from obs_mock.handles import Handle, Ledger
from obs_mock.loops import Loop
from obs_mock.output import BYTES_PER_S, FRAMES_PER_S, Output
from obs_mock.scripting import Callback, NativeCallback, Scripting
from obs_mock.signals import SignalHandler
from obs_mock.stream import State, Stream
from obs_mock.violations import Recorder

NAMES = {code: name for name, code in EVENTS.items()}


class Source:
    """A scene."""

    c_type: ClassVar[str] = "obs_source_t *"

    def __init__(self, name: str) -> None:
        self.name = name


class Events:
    """Frontend callbacks of the script, called on the UI thread, the newest first."""

    def __init__(self, ui: Loop, deferred: Loop, scripting: Scripting, recorder: Recorder) -> None:
        self._ui = ui
        self._deferred = deferred
        self._scripting = scripting
        self._recorder = recorder
        self._lock = threading.Lock()
        self._callbacks: list[Callback | NativeCallback] = []
        self.muted = False
        """``disableSaving``: while a scene collection is exchanged, OBSStudioAPI::on_event tells nobody of anything but
        CLEANUP and EXIT."""

    def add(self, callback: Callback) -> None:
        """OBS registers it a moment later, from its scripting thread."""
        self._deferred.post(lambda: self._append(callback))

    def _append(self, callback: Callback | NativeCallback) -> None:
        with self._lock:
            self._callbacks.append(callback)

    def add_native(self, callback: NativeCallback) -> None:
        self._append(callback)

    def remove_native(self, callback: NativeCallback) -> None:
        with self._lock:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

    @property
    def native(self) -> list[NativeCallback]:
        with self._lock:
            return [callback for callback in self._callbacks if isinstance(callback, NativeCallback)]

    def emit(self, code: int) -> None:
        assert self._ui.is_current()
        name = NAMES[code]
        if self.muted and name not in ("SCENE_COLLECTION_CLEANUP", "EXIT"):
            self._recorder.note(f"untold {name}")
            return
        self._recorder.note(f"event {name}")
        with self._lock:
            self._callbacks = [
                known for known in self._callbacks if isinstance(known, NativeCallback) or not known.removed
            ]
            callbacks = list(reversed(self._callbacks))
        for callback in callbacks:
            if isinstance(callback, NativeCallback):
                callback(code, callback.data)
            else:
                self._scripting.run(callback, code)


class Scenes:
    """The scenes of the collection, and which one is live."""

    def __init__(
        self, ui: Loop, events: Events, recorder: Recorder, names: tuple[str, ...], transition_s: float
    ) -> None:
        self._ui = ui
        self._events = events
        self._recorder = recorder
        self._transition_s = transition_s
        self.all = [Source(name) for name in names]
        self.current = self.all[0]

    def switch(self, scene: Source) -> None:
        """At once for whoever asks; the events follow, the last ones after the transition."""
        if scene is self.current:
            return
        self.current = scene
        self._recorder.note(f"scene {scene.name}")
        self._events.emit(EVENTS["PREVIEW_SCENE_CHANGED"])
        self._ui.post(self._switched, self._transition_s)

    def _switched(self) -> None:
        self._events.emit(EVENTS["TRANSITION_STOPPED"])
        self._events.emit(EVENTS["SCENE_CHANGED"])


class Collections:
    """Scene collections. ``listing`` says of each whether it lists the script."""

    def __init__(self, listing: Mapping[str, bool]) -> None:
        self.listing = dict(listing)
        self.current = next(iter(self.listing))


class FrontendApi:
    """``obs_frontend_*``."""

    def __init__(
        self,
        ui: Loop,
        ledger: Ledger,
        recorder: Recorder,
        scripting: Scripting,
        events: Events,
        scenes: Scenes,
        stream: Stream,
        collections: Collections,
    ) -> None:
        self._ui = ui
        self._ledger = ledger
        self._recorder = recorder
        self._scripting = scripting
        self._events = events
        self._scenes = scenes
        self._stream = stream
        self._collections = collections

    def obs_frontend_add_event_callback(self, callback: object, /) -> None:
        self._events.add(self._scripting.add(callback, "event callback", "obs_frontend_add_event_callback"))

    def obs_frontend_streaming_start(self) -> None:
        if self._ui.is_current():
            raise self._recorder.violation(
                "obs_frontend_streaming_start of obspython on the UI thread: an error box would freeze Python"
            )
        self._stream.request_start()

    def obs_frontend_streaming_stop(self) -> None:
        self._stream.request_stop()

    def obs_frontend_streaming_active(self) -> bool:
        return self._stream.streaming

    def obs_frontend_get_streaming_output(self) -> Handle | None:
        if self._ui.is_current():
            self._ui.hang(self._stream.scenario.look_s)
        output = self._stream.output
        return None if output is None else self._ledger.take(output)

    def obs_frontend_get_scenes(self) -> list[Handle]:
        self._on_ui("obs_frontend_get_scenes")
        return [self._ledger.take(scene) for scene in self._scenes.all]

    def obs_frontend_get_scene_names(self) -> list[str]:
        self._on_ui("obs_frontend_get_scene_names")
        return [scene.name for scene in self._scenes.all]

    def obs_frontend_get_current_scene(self) -> Handle:
        self._on_ui("obs_frontend_get_current_scene")
        return self._ledger.take(self._scenes.current)

    def obs_frontend_set_current_scene(self, scene: Handle, /) -> None:
        self._on_ui("obs_frontend_set_current_scene")
        self._scenes.switch(self._ledger.get(scene, Source))

    def obs_frontend_get_current_scene_collection(self) -> str:
        return self._collections.current

    def obs_source_get_name(self, source: Handle) -> str:
        return self._ledger.get(source, Source).name

    def obs_source_release(self, source: Handle | None) -> None:
        self._ledger.release(source, Source)

    def source_list_release(self, sources: list[Handle], /) -> None:
        for source in sources:
            self._ledger.release(source, Source)

    def _on_ui(self, function: str) -> None:
        if not self._ui.is_current():
            raise self._recorder.violation(
                f"{function} on thread {threading.current_thread().name!r}: OBS freezes off the UI thread"
            )


class WeakOutput:
    """A reference that does not keep the output alive; the output here lives as long as OBS."""

    c_type: ClassVar[str] = "obs_weak_output_t *"

    def __init__(self, output: Output) -> None:
        self.output = output


class OutputApi:
    """``obs_output_*``. Any thread."""

    def __init__(self, ledger: Ledger, recorder: Recorder, stream: Stream) -> None:
        self._ledger = ledger
        self._recorder = recorder
        self._stream = stream

    def obs_output_release(self, output: Handle | None) -> None:
        self._ledger.release(output, Output)

    def obs_output_active(self, output: Handle) -> bool:
        return self._output(output).active

    def obs_output_reconnecting(self, output: Handle) -> bool:
        self._output(output)
        return self._stream.state is State.RECONNECTING

    def obs_output_get_total_bytes(self, output: Handle) -> int:
        return int(self._output(output).sent_s * BYTES_PER_S)

    def obs_output_get_total_frames(self, output: Handle) -> int:
        return int(self._output(output).sent_s * FRAMES_PER_S)

    def obs_output_get_frames_dropped(self, output: Handle) -> int:
        return self._output(output).dropped_frames

    def obs_output_get_congestion(self, output: Handle) -> float:
        return self._output(output).congestion

    def obs_output_get_delay(self, output: Handle) -> int:
        self._output(output)
        return self._stream.scenario.delay_s

    def obs_output_get_last_error(self, output: Handle) -> str | None:
        return self._output(output).last_error

    def obs_output_get_signal_handler(self, output: Handle) -> Handle:
        found: SignalHandler = self._output(output).signals
        return self._ledger.borrow(found)

    def obs_output_get_weak_output(self, output: Handle) -> Handle:
        return self._ledger.take(WeakOutput(self._output(output)))

    def obs_weak_output_get_output(self, weak: Handle) -> Handle:
        return self._ledger.take(self._ledger.get(weak, WeakOutput).output)

    def obs_weak_output_references_output(self, weak: Handle, output: Handle) -> bool:
        return self._ledger.get(weak, WeakOutput).output is self._output(output)

    def obs_weak_output_release(self, weak: Handle | None) -> None:
        self._ledger.release(weak, WeakOutput)

    def obs_output_start(self, output: Handle) -> bool:
        self._output(output)
        raise self._recorder.violation("obs_output_start goes past OBS's frontend, which then shows a wrong state")

    def obs_output_force_stop(self, output: Handle) -> None:
        self._output(output)
        raise self._recorder.violation("obs_output_force_stop hangs with the GIL while connecting")

    def _output(self, handle: Handle) -> Output:
        return self._ledger.get(handle, Output)
