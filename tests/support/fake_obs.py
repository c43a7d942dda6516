"""A small OBS for unit tests of the service's OBS side: a UI thread, an output thread, and starts that end as told.

It obeys the rules the real one was measured to have, and notes in ``violations`` where the real one would crash.
"""

import queue
import threading
from collections.abc import Callable
from typing import Any, Self

from clawcraft.obs.libobs import Libobs
from clawcraft.obs.port import FrontendEvent, ObsSnapshot, SignalListener, StreamSnapshot

EVENTS = list(FrontendEvent)


class Loop:
    """A thread with a queue. ``run_nested`` is what a modal box does: the queue goes on inside the current task."""

    def __init__(self, name: str) -> None:
        self._queue: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    def post(self, task: Callable[[], object]) -> None:
        self._queue.put(task)

    def call(self, task: Callable[[], object]) -> None:
        """Run it there and wait."""
        done = threading.Event()

        def run() -> None:
            task()
            done.set()

        self.post(run)
        assert done.wait(10)

    def is_current(self) -> bool:
        return threading.current_thread() is self._thread

    def run_nested(self, until: Callable[[], bool]) -> None:
        while not until():
            task = self._queue.get()
            if task is None:
                self._queue.put(None)
                return
            task()

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join(10)

    def _run(self) -> None:
        while (task := self._queue.get()) is not None:
            task()


class FakeObs:
    """ObsPort and Libobs in one. ``starts`` tells how each start goes, the last one for all that follow: "good",
    "silent" (connects only on ``connect()``), "encoder" (refused, with a box), "question" (a dialog before anything),
    or an output code such as -2."""

    def __init__(self) -> None:
        self.ui = Loop("fake UI")
        self.output = Loop("fake output")
        self.starts: list[str | int] = ["good"]
        self.scenes = ["Main", "BRB"]
        self.scene = "Main"
        self.on_event: Callable[[int], None] = lambda code: None
        self.listener: SignalListener | None = None
        self.hears_signals = True
        self.starts_on_ui_thread = True
        self.said: list[str] = []
        self.violations: list[str] = []
        self.calls: list[str] = []
        self.up = False
        self.reconnecting = False
        self.connecting = False
        self.boxes = 0
        self.total_bytes = 0
        self.delay_s = 0
        self.snapshots = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.ui.close()
        self.output.close()
        assert self.violations == []

    @property
    def libobs(self) -> Libobs:
        def queue_task(callback: Any, param: int) -> None:
            if self.ui.is_current():
                callback(param)
            else:
                self.ui.post(lambda: callback(param))

        return Libobs(queue_task, None, self.start_streaming, self.stop_streaming)

    # --- ObsPort --------------------------------------------------------------------------------------------------

    def log(self, line: str) -> None:
        self.said.append(line)

    def version(self) -> str:
        return "29.0.2"

    def event(self, code: int) -> FrontendEvent | None:
        return EVENTS[code] if code < len(EVENTS) else None

    def streaming_active(self) -> bool:
        return self.up

    def connect_signals(self, listener: SignalListener) -> bool:
        self.listener = listener if self.hears_signals else None
        return self.hears_signals

    def forget_output(self) -> None:
        self.calls.append("forget_output")

    def snapshot(self) -> ObsSnapshot:
        self._on_ui("snapshot")
        self.snapshots += 1
        figures = (self.total_bytes, 30, 1, 0.25)
        stream = StreamSnapshot(self.up, self.reconnecting, *figures, "said by the output", self.delay_s)
        return ObsSnapshot("29.0.2", self.scene, tuple(self.scenes), stream)

    def set_scene(self, name: str) -> bool:
        self._on_ui("set_scene")
        self.calls.append(f"scene {name}")
        if name in self.scenes:
            self.scene = name
        return name in self.scenes

    def start_streaming(self) -> None:
        if self.starts_on_ui_thread != self.ui.is_current():
            self.violations.append("start on the wrong thread")
        self.calls.append("start")
        self.ui.call(self._start) if not self.ui.is_current() else self._start()

    def stop_streaming(self) -> None:
        if self.starts_on_ui_thread != self.ui.is_current():
            self.violations.append("stop on the wrong thread")
        self.calls.append("stop")
        self.ui.post(self._stop)

    # --- what the streamer and the server do ----------------------------------------------------------------------

    def press_start(self) -> None:
        """The streamer's click."""
        self.ui.call(self._start)

    def press_stop(self) -> None:
        self.ui.call(self._stop)

    def connect(self) -> None:
        """The server answers at last."""
        self.output.call(self._connected)

    def emit(self, event: FrontendEvent) -> None:
        if self.ui.is_current():
            self.on_event(EVENTS.index(event))
        else:
            self.ui.call(lambda: self.on_event(EVENTS.index(event)))

    def signal(self, name: str, code: int = 0) -> None:
        if self.listener is not None:
            self.listener(name, code)

    def end(self, code: int) -> None:
        """The output ends by itself."""
        self.output.call(lambda: self._ended(code))

    def close_box(self) -> None:
        self.ui.post(self._close_box)

    # --- OBS's own threads ----------------------------------------------------------------------------------------

    def _start(self) -> None:
        if self.connecting:
            self.violations.append("second start while connecting: OBS crashes")
        if self.up:
            return
        how = self.starts.pop(0) if len(self.starts) > 1 else self.starts[0]
        if how == "question":
            self._show_box()
            return
        self.emit(FrontendEvent.STREAMING_STARTING)
        if how == "encoder":
            self._show_box()
            return
        self.connecting = True
        self.signal("starting")
        if how == "good":
            self.output.post(self._connected)
        elif isinstance(how, int):
            self.output.post(lambda: self._ended(how))

    def _stop(self) -> None:
        if not self.up:
            return
        self.emit(FrontendEvent.STREAMING_STOPPING)
        self.output.post(lambda: self._ended(0))

    def _connected(self) -> None:
        self.connecting, self.up = False, True
        self.signal("start")
        self.ui.post(lambda: self.emit(FrontendEvent.STREAMING_STARTED))

    def _ended(self, code: int) -> None:
        self.connecting = self.up = self.reconnecting = False
        # As the real one does: the frontend's own listener comes first.
        self.ui.post(lambda: self.emit(FrontendEvent.STREAMING_STOPPED))
        self.signal("stop", code)

    def _show_box(self) -> None:
        self.boxes += 1
        depth = self.boxes
        self.ui.run_nested(lambda: self.boxes < depth)

    def _close_box(self) -> None:
        self.boxes -= 1

    def _on_ui(self, what: str) -> None:
        if not self.ui.is_current():
            self.violations.append(f"{what} off the UI thread: OBS freezes")
