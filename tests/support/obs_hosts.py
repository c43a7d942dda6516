"""One script in either OBS, the real one or the fake: the same steps, the same records. Used from the test's thread."""

import contextlib
import itertools
import json
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, Self

from obs_mock import MockObs, Scenario, Timings
from tests.support.display import Display
from tests.support.obs_home import ObsHome
from tests.support.real_obs import RealObs
from tests.support.rtmp_server import RtmpServer
from tests.support.tcp_gate import TcpGate
from tests.support.waiting import HANG_S, insist, wait_until

PROBE = Path(__file__).resolve().parents[1] / "contract_obs" / "contract_probe.py"
Server = Literal["good", "dead", "refusing", "silent"]
Panel = Literal["button", "flag", "reload"]
Record = dict[str, Any]
PANEL = "^Scripts$"
# Pixels from the right and bottom edge of the Scripts window, at its own first size.
PANEL_PLACES: dict[Panel, tuple[int, int]] = {"button": (240, 368), "flag": (265, 329), "reload": (653, 83)}

PANEL_TELLS: dict[Panel, Record] = {
    "button": {"kind": "button"},
    "flag": {"kind": "modified"},
    "reload": {"kind": "hook", "name": "unload"},
}


class Records:
    """The test's end of the probe's socket."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._news = threading.Condition()
        self._all: list[Record] = []
        self._socket: socket.socket | None = None
        self._acceptor = threading.Thread(target=self._accept, name="records")
        self._acceptor.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(HANG_S)
        self._listener.close()

    def since(self, mark: int) -> list[Record]:
        with self._news:
            return self._all[mark:]

    def mark(self) -> int:
        with self._news:
            return len(self._all)

    def send(self, step: str, *arguments: Any) -> None:
        """Have the probe run it; the answer comes as a record."""
        with self._news:
            assert self._news.wait_for(lambda: self._socket is not None, HANG_S), "the probe is not loaded"
            assert self._socket is not None
            self._socket.sendall(json.dumps({"do": step, "with": arguments}).encode() + b"\n")

    def ask(self, step: str, *arguments: Any) -> Any:
        mark = self.mark()
        self.send(step, *arguments)
        return self.wait(lambda record: record["kind"] == "answer" and record["step"] == step, mark)["value"]

    def wait(self, wanted: Callable[[Record], bool], mark: int = 0) -> Record:
        """The first such record from ``mark`` on."""
        with self._news:
            if not self._news.wait_for(lambda: any(map(wanted, self._all[mark:])), HANG_S):
                raise TimeoutError(f"no such record; there are {self._all[mark:]}")
            return next(filter(wanted, self._all[mark:]))

    def wait_event(self, code: int, mark: int) -> Record:
        return self.wait(lambda record: record["kind"] == "event" and record["code"] == code, mark)

    def wait_signal(self, name: str, mark: int) -> Record:
        return self.wait(lambda record: record["kind"] == "signal" and record["name"] == name, mark)

    def wait_hook(self, name: str, mark: int = 0) -> Record:
        return self.wait(lambda record: record["kind"] == "hook" and record["name"] == name, mark)

    def _accept(self) -> None:
        """One connection at a time: each load of the script opens a new one."""
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._news:
                self._socket = connection
            with connection, connection.makefile("r", encoding="utf-8") as lines, contextlib.suppress(OSError):
                for line in lines:
                    with self._news:
                        self._all.append(json.loads(line))
                        self._news.notify_all()
            with self._news:
                self._socket = None


class MockHost:
    """The fake OBS with the probe loaded, in this process. ``RealHost`` has the same methods."""

    is_real = False

    def __init__(self, folder: Path, settings: dict[str, Any], broken_encoder: bool) -> None:
        self.records = Records()
        self._base = Scenario("good", encoder_fails=broken_encoder)
        self._mock = MockObs(
            PROBE, self._base, {"port": self.records.port, **settings}, folder / "obs-studio", Timings().scaled(0.2)
        )

    def __enter__(self) -> Self:
        self._mock.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._mock.stop()
        self.records.close()

    def server(self, kind: Server) -> None:
        """What the next start meets."""
        changes: dict[Server, dict[str, Any]] = {
            "good": {},
            "dead": {"stop_code": -2, "retries_fail": 99},
            "refusing": {"stop_code": -3},
            "silent": {"silent": True},
        }
        self._mock.scenario = self._base.but(**changes[kind])

    def wait_connection(self) -> None:
        """Until OBS has connected to the server of the last ``server``."""
        self._mock.wait_for("signal starting")

    def disconnect(self) -> None:
        """End the connections there are; ``server`` decides what a reconnect meets."""
        self._mock.disconnect()

    def wait_box(self) -> None:
        """Until OBS shows an error box."""
        wait_until(self._mock.boxes, "a box")

    def close_boxes(self) -> None:
        while self._mock.boxes():
            self._mock.click_box()

    def open_panel(self) -> None:
        """Tools, Scripts, with the probe selected."""
        self._mock.open_panel()

    def press(self, what: Panel) -> None:
        """Click something of that window."""
        if what == "reload":
            self._mock.reload()
        elif what == "button":
            self._mock.click("button")
        else:
            self._mock.change("flag", True)

    def saved_settings(self) -> dict[str, Any]:
        """The script's settings after a clean exit."""
        return self._mock.settings()

    def quit(self) -> int:
        """The clean exit; OBS's count of memory leaks."""
        return self._mock.stop().memory_leaks

    def warnings(self) -> list[str]:
        """Lines of the script that would have opened the script log."""
        return list(self._mock.recorder.violations())


class RealHost:
    """The real OBS, headless, streaming to a local RTMP server."""

    is_real = True

    def __init__(self, folder: Path, settings: dict[str, Any], broken_encoder: bool) -> None:
        self.records = Records()
        self._folder = folder
        self._rtmp = RtmpServer(folder / "rtmp")
        self._gate = TcpGate()
        self._accepted_before = 0
        self._display = Display(folder / "display")
        # The script's own folder goes on sys.path: keep that of the tests off it.
        script = folder / PROBE.name
        shutil.copy(PROBE, script)
        home = ObsHome(
            server_url=self._gate.url(),
            script=script,
            script_settings={"port": self.records.port, **settings},
            encoder="broken" if broken_encoder else "x264",
        )
        self._config = home.write(folder / "home")
        home.write_collection(self._config, "Other", [])
        self._obs = RealObs(self._display, folder / "home")
        self._parts = contextlib.ExitStack()

    def __enter__(self) -> Self:
        for part in (self._rtmp, self._gate, self._display, self._obs):
            self._parts.enter_context(part)
            if part is self._gate:
                self._gate.forward(self._rtmp.port)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._parts.close()
        self.records.close()

    def server(self, kind: Server) -> None:
        self._accepted_before = self._gate.accepted
        if kind == "dead":
            self._gate.dead()
        elif kind == "silent":
            self._gate.silent()
        else:
            self._gate.forward(self._rtmp.port if kind == "good" else self._rtmp.refusing_port)

    def wait_connection(self) -> None:
        self._gate.wait_accepted(self._accepted_before + 1)

    def disconnect(self) -> None:
        self._gate.cut()

    def wait_box(self) -> None:
        self._obs.wait_error_box()

    def close_boxes(self) -> None:
        self._obs.wait_error_box()
        self._obs.close_error_boxes()

    def open_panel(self) -> None:
        tries = itertools.count()

        def choose_in_menu() -> None:
            self._display.activate(self._obs.window())
            if next(tries):  # a key came before the menu: it is closed, wherever it stands, and opened again
                self._display.xdotool("key", "--delay", "150", "Escape", "Escape")
            self._display.xdotool("key", "--delay", "150", "alt+t", "Down", "Down", "Down", "Return")

        insist(choose_in_menu, lambda: self._display.windows(PANEL), "the Scripts window opens")

    def press(self, what: Panel) -> None:
        mark = self.records.mark()

        def pressed() -> bool:
            return any(PANEL_TELLS[what].items() <= record.items() for record in self.records.since(mark))

        def click() -> None:
            self._obs.wait_clicks_taken()
            if not pressed():
                self._display.click(self._display.wait_window(PANEL), *PANEL_PLACES[what])

        insist(click, pressed, f"OBS takes the click on {what}")

    def saved_settings(self) -> dict[str, Any]:
        collection = json.loads((self._config / "basic" / "scenes" / "Untitled.json").read_text())
        settings = collection["modules"]["scripts-tool"][0]["settings"]
        assert isinstance(settings, dict)
        return settings

    def quit(self) -> int:
        self._obs.quit()
        return self._obs.memory_leaks()

    def warnings(self) -> list[str]:
        return self._obs.warnings()


ObsHost = MockHost | RealHost
"""An OBS with the probe loaded."""
