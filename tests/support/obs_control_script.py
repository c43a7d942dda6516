"""An OBS script for tests: the service's OBS side alone, driven over a loopback socket. OBS loads this file.

Settings: ``plugin_dir`` (where the package is), ``port`` (where to listen), ``tasks_at_unload`` (how many UI tasks
to leave in OBS's queue when the script is unloaded). One JSON line in, one out; connections run side by side.
"""

import contextlib
import functools
import gc
import json
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import obspython as obs


class Driver:
    """The OBS side of the service, and what OBS told it."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        from clawcraft.clock import SystemClock
        from clawcraft.obs.adapter import ObsAdapter
        from clawcraft.obs.stream import StreamConfig, StreamController
        from clawcraft.obs.ui_thread import UiThread

        self._make_config = StreamConfig
        self.settings = settings
        self.config = StreamConfig(20.0, 0, "")
        self.obs = ObsAdapter(obs, lambda callback: callback)
        self.ui = UiThread(self.obs.libobs)
        self.stream = StreamController(self.obs, self.ui, SystemClock(), lambda: self.config)
        self.events: list[tuple[str, float]] = []
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", settings["port"]), self._handler())
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), name="control", daemon=True)

    def on_event(self, code: int) -> None:
        event = self.obs.event(code)
        if event is not None:
            self.events.append((event.value, time.monotonic()))
        self.stream.on_frontend_event(code)

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

    def do_configure(
        self,
        operation_timeout_s: float = 20.0,
        retries: int = 0,
        default_scene: str = "",
        retry_delay_s: float = 1.0,
    ) -> None:
        self.config = self._make_config(operation_timeout_s, retries, default_scene, retry_delay_s)

    def do_start(self, scene: str | None = None) -> Mapping[str, Any]:
        return self.stream.start(scene, lambda percent, message: None)

    def do_stop(self) -> Mapping[str, Any]:
        return self.stream.stop(lambda percent, message: None)

    def do_supersede(self) -> None:
        self.stream.supersede()

    def do_status(self) -> Mapping[str, Any]:
        return self.stream.status()

    def do_events(self) -> list[tuple[str, float]]:
        return self.events

    def do_switch_scenes(self, names: list[str], times: int) -> int:
        switched = 0
        for number in range(times):
            switched += self.ui.call(functools.partial(self.obs.set_scene, names[number % len(names)]), 5.0)
        return switched

    def do_round_trips(self, times: int) -> list[float]:
        took = []
        for _ in range(times):
            began = time.perf_counter()
            self.ui.call(lambda: None, 5.0)
            took.append(time.perf_counter() - began)
        return took

    def do_block_ui_thread(self, seconds: float) -> None:
        self.ui.call(lambda: time.sleep(seconds), seconds + 5)

    def do_start_at_the_same_time(self) -> Mapping[str, Any]:
        """The streamer's own start is ahead of ours in OBS's queue."""
        obs.obs_frontend_streaming_start()
        return self.stream.start(None, lambda percent, message: None)

    def do_press_stop(self) -> None:
        obs.obs_frontend_streaming_stop()

    def do_use_profile(self, name: str) -> None:
        self.ui.call(lambda: obs.obs_frontend_set_current_profile(name), 10.0)

    def do_log(self, line: str) -> None:
        self.obs.log(line)

    def do_data_dir(self) -> str:
        return str(self.obs.data_dir())

    def close(self) -> None:
        self._leave_tasks(self.settings.get("tasks_at_unload", 0))
        began = time.monotonic()
        self.server.shutdown()
        self.server.server_close()
        self.stream.close()
        self.ui.close()
        self.thread.join()
        self.obs.log(f"closed in {time.monotonic() - began:.3f} s")

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


def on_event(code: int) -> None:
    if driver is not None:
        driver.on_event(code)


def script_load(settings: object) -> None:
    global driver
    values = json.loads(obs.obs_data_get_json(settings))
    sys.path.insert(0, values["plugin_dir"])
    driver = Driver(values)
    obs.obs_frontend_add_event_callback(on_event)
    driver.thread.start()


def script_unload() -> None:
    global driver
    if driver is not None:
        driver.close()
    driver = None
    for name in [name for name in sys.modules if name.partition(".")[0] == "clawcraft"]:
        del sys.modules[name]
    gc.collect()
