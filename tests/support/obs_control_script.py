"""An OBS script for tests: the service's OBS side alone. The real OBS loads this file, and the fake one.

In the real one it is driven over a loopback socket: one JSON line in, one out; connections run side by side. In the
fake one the test takes ``driver`` itself. Settings: ``plugin_dir`` (where the package is), ``port`` (where to
listen), ``tasks_at_unload`` (how many UI tasks to leave in OBS's queue when the script is unloaded).
"""

import base64
import contextlib
import functools
import gc
import json
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import obspython as obs

ProgressSink = Callable[[int, str], None]


class Server(socketserver.ThreadingTCPServer):
    """The next life listens on the same port, while a thread of this one may not have closed its connection yet."""

    allow_reuse_address = True
    daemon_threads = True


class SkippingClock:
    """The service's clock, and what a test skips of it: nothing here runs out because a machine is slow."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.skipped_s = 0.0

    def time(self) -> float:
        return float(self._clock.time())

    def monotonic(self) -> float:
        return float(self._clock.monotonic()) + self.skipped_s


class Driver:
    """The OBS side of the service, and what OBS told it."""

    def __init__(self, settings: Mapping[str, Any], observer: Any) -> None:
        from clawcraft.clock import SystemClock
        from clawcraft.obs.adapter import ObsAdapter
        from clawcraft.obs.stream import StreamController
        from clawcraft.obs.ui_thread import UiThread

        self.settings = settings
        self.born_s = time.monotonic()
        self.clock = SkippingClock(SystemClock())
        self.percents: list[int] = []
        self._released = threading.Event()
        self.configure()
        self.obs = ObsAdapter(obs, lambda callback: callback)
        self.ui_calls: list[str] = []
        self.ui = UiThread(self.obs.libobs, lambda outcome, _duration_s: self.ui_calls.append(outcome))
        self.stream = StreamController(self.obs, self.ui, self.obs.libobs, self.clock, lambda: self.in_force, observer)
        self._starts, self._stops = threading.Lock(), threading.Lock()  # one at a time, as in the service
        self.events: list[str] = []
        self.server = Server(("127.0.0.1", settings["port"]), self._handler())
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), name="control", daemon=True)

    def on_event(self, code: int) -> None:
        from clawcraft.obs.port import FrontendEvent

        if code in list(FrontendEvent):
            self.events.append(FrontendEvent(code).name)

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        driver = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for line in self.rfile:
                    self.wfile.write(json.dumps(driver.answer(json.loads(line))).encode() + b"\n")

        return Handler

    def answer(self, call: dict[str, Any]) -> dict[str, Any]:
        from clawcraft.errors import ClawcraftError

        began = time.monotonic()
        try:
            value = getattr(self, "do_" + call.pop("do"))(**call)
        except ClawcraftError as error:
            return {"error": error.to_json(), "began": began, "ended": time.monotonic()}
        except Exception as error:  # noqa: BLE001 - the test shall see it
            return {"defect": repr(error)}
        return {"value": value, "began": began, "ended": time.monotonic()}

    def configure(self, **changes: Any) -> None:
        """The service's settings: no retry, and what differs from the defaults."""
        from tests.support.settings import make_settings

        self.in_force = make_settings(**{"obs_retries": 0, **changes})

    do_configure = configure

    def do_start(self, scene: str | None = None, progress: ProgressSink | None = None) -> Any:
        with self._starts:
            return self.stream.start(scene, progress or self._note)

    def do_stop(self, progress: ProgressSink | None = None) -> Any:
        with self._stops:
            return self.stream.stop(progress or self._note)

    def _note(self, percent: int, _message: str) -> None:
        self.percents.append(percent)

    def do_forget_progress(self) -> None:
        self.percents.clear()

    def do_progress(self) -> list[int]:
        """The percents that starts and stops have told since."""
        return self.percents

    def do_skip(self, seconds: float) -> None:
        """So much time has gone by, for the service."""
        self.clock.skipped_s += seconds
        self.stream._state.wake()

    def do_supersede(self) -> None:
        from clawcraft.errors import Superseded

        self.stream.end_start(Superseded("a stop was accepted"))

    def do_status(self) -> Mapping[str, Any]:
        return self.stream.status()

    def do_life(self) -> float:
        """Another value in each life."""
        return self.born_s

    def do_events(self) -> list[str]:
        return self.events

    def do_switch_scenes(self, names: list[str], times: int) -> int:
        switched = 0
        for number in range(times):
            switched += self.ui.call(functools.partial(self.obs.set_scene, names[number % len(names)]), 5.0)
        return switched

    def do_pictures(self, times: int) -> list[tuple[int, int, str]]:
        """So many pictures, one after the other: width, height, and the JPEG in base64."""
        taken = [self.stream.take_picture() for _ in range(times)]
        return [(picture.width, picture.height, base64.b64encode(picture.jpeg).decode("ascii")) for picture in taken]

    def do_pass_ui_queue(self) -> None:
        """Returns once all that was queued before has had its turn."""
        self.ui.call(lambda: None, 5.0)

    def do_block_ui_thread(self) -> None:
        """Until it is released."""
        self.ui.call(lambda: self._released.wait(60), 70)

    def do_release_ui_thread(self) -> None:
        self._released.set()

    def do_start_at_the_same_time(self) -> Any:
        """The streamer's own start is ahead of ours in OBS's queue."""
        obs.obs_frontend_streaming_start()
        return self.do_start()

    def do_restart(self, times: int) -> list[str]:
        """Stop and start again at once, so often; what each start came to."""
        found = []
        for _ in range(times):
            self.do_stop()
            found.append(str(self.do_start()["status"]))
        return found

    def do_press_stop(self) -> None:
        obs.obs_frontend_streaming_stop()

    def do_use_profile(self, name: str) -> None:
        self.ui.call(lambda: obs.obs_frontend_set_current_profile(name), 10.0)

    def close(self) -> Any:
        """What goes on hearing OBS, for the next life."""
        self._leave_tasks(self.settings.get("tasks_at_unload", 0))
        self.server.shutdown()
        self.server.server_close()
        self.stream.close()
        self.ui.close()
        self.thread.join()
        with self._starts, self._stops:
            return self.stream.observer

    def _leave_tasks(self, count: int) -> None:
        """UI tasks that OBS still has in its queue when the script is gone; their callers have given up."""
        for _ in range(count):
            threading.Thread(target=self._leave_task, daemon=True).start()
        while self.ui._in_flight < count:
            time.sleep(0.001)

    def _leave_task(self) -> None:
        from clawcraft.errors import ObsUnresponsive

        with contextlib.suppress(ObsUnresponsive):
            self.ui.call(lambda: self.obs.log("a task ran after unload"), 0.0)


driver: Driver | None = None
observer = globals().get("observer")  # "Reload scripts" runs this file again in the same module


def on_event(code: int) -> None:
    if driver is not None:
        driver.on_event(code)


def script_load(settings: object) -> None:
    global driver
    values = json.loads(obs.obs_data_get_json(settings))
    sys.path[:0] = [values["plugin_dir"], str(Path(__file__).resolve().parents[2])]
    driver = Driver(values, observer)
    obs.obs_frontend_add_event_callback(on_event)
    driver.thread.start()


def script_unload() -> None:
    global driver, observer
    if driver is not None:
        observer = driver.close()
    driver = None
    gc.collect()
