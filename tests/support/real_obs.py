"""A real OBS Studio, headless, in a home and on a display that the caller gives. Test's own thread."""

import contextlib
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from tests.support.display import Display
from tests.support.obs_program import obs_program
from tests.support.process import Process
from tests.support.rtmp_server import NGINX_RTMP_MODULE
from tests.support.waiting import insist, wait_until

PROGRAMS = ("Xvfb", "openbox", "xdotool", "xclip", "nginx", "ffprobe")
PACKAGES = "obs-studio obs-plugins xvfb openbox xdotool xclip libgl1-mesa-dri nginx libnginx-mod-rtmp ffmpeg"
WINDOW = (1086, 729)
"""Its size in every OBS: that of 32 at its first start is larger than the screen."""
STREAM_BUTTON = (99, 198)
"""Where it is in every OBS's Controls dock, in pixels from the window's right and bottom edge."""
SCRIPT_WARNING = re.compile(r"(warning|error): \[(Python: |Lua: |Unknown Script)")
TITLE = r"^OBS [0-9]"
ERROR_BOX = r"^(Failed to|Disconnected|Output|Encoding|No space|Invalid)"


def obs_missing() -> str | None:
    """What to install before a real-OBS test can run, or None. The reason of pytest's skip."""
    path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if not obs_program().is_there():
        missing.insert(0, "obs")
    if not NGINX_RTMP_MODULE.exists():
        missing.append("nginx's RTMP module")
    if not missing:
        return None
    return f"not installed: {', '.join(missing)}; apt-get install --no-install-recommends {PACKAGES}"


def obs_required() -> bool:
    """True where a missing OBS is a failure, not a skip (``tools/test.py --require-obs``)."""
    return os.environ.get("CLAWCRAFT_REQUIRE_OBS") == "1"


class RealObs:
    """One OBS process in its own home. Entering waits until its window is up; leaving kills what is left."""

    def __init__(self, display: Display, home: Path, env: Mapping[str, str] | None = None) -> None:
        self.display = display
        self.home = home
        self._env = dict(env or {})
        self._process: Process | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._process is not None:
            self._process.kill()

    def start(self) -> None:
        runtime_dir = self.home / "run"
        runtime_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        env = self.display.env() | {
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": str(runtime_dir),
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "QT_QPA_PLATFORM": "xcb",
            "DBUS_SESSION_BUS_ADDRESS": "disabled:",
            "no_proxy": "*",
        }
        self._process = Process(obs_program().command(["--multi"]), env=env | self._env, cwd=self.home)
        self._process.wait_for_line("Loaded scenes:")
        self.display.resize(self.window(), *WINDOW)
        self.display.awaits_clicks = self.major_version() < 30

    @property
    def process(self) -> Process:
        if self._process is None:
            raise RuntimeError("OBS was not started")
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    def window(self) -> str:
        """The main window's id."""
        return self.display.wait_window(TITLE)

    def major_version(self) -> int:
        """By the title of its window."""
        return int(self.display.xdotool("getwindowname", self.window()).split()[1].partition(".")[0])

    def click(self, button: Literal["stream", "exit"]) -> None:
        """The streamer's Start Streaming button; or the closing of the window, as by the Exit button, which 32 has not.
        After "exit" OBS is shutting down."""
        if button == "stream":
            self.display.click(self.window(), *STREAM_BUTTON)
        else:
            insist(self.close_window, self._shuts_down, "OBS shuts down")

    def wait_clicks_taken(self) -> None:
        """Until OBS has taken every click: it waits for events, twice, with a turn of the display in between."""
        for _ in range(2):
            self.display.xdotool("getmouselocation")
            wait_until(self.ui_thread_sleeps, "OBS waits for events")

    def close_window(self) -> None:
        with contextlib.suppress(RuntimeError):  # it closed while we looked
            for main in self.display.windows(TITLE):
                self.display.xdotool("windowactivate", main, "key", "alt+F4")

    def _shuts_down(self) -> bool:
        return any("==== Shutting down ====" in line for line in self.process.lines())

    def wait_error_box(self) -> str:
        """The window id of the modal box OBS shows when a stream cannot start."""
        return self.display.wait_window(ERROR_BOX)

    def close_error_boxes(self) -> int:
        """Close every error box, the topmost first; how many there were."""
        closed = 0
        while boxes := self.display.windows(ERROR_BOX):
            self.answer(boxes[-1])
            closed += 1
        return closed

    def answer(self, box: str) -> None:
        """Press Return in a box until it is gone."""

        def press() -> None:
            with contextlib.suppress(RuntimeError):  # it closed while we looked
                self.display.press(box, "Return")

        insist(press, lambda: box not in self.display.windows("."), "a box closes")

    def quit(self) -> int:
        """The clean exit, by closing the window; the exit status. (SIGTERM would skip script_unload.)"""
        self.click("exit")
        return self.wait_exit()

    def exits_clean(self) -> None:
        """The clean exit: nothing leaks, and no script has warned of anything."""
        assert self.quit() == 0
        assert self.memory_leaks() == 0
        assert self.warnings() == []

    def wait_exit(self) -> int:
        """The exit status, once OBS is gone. A connection that fails while OBS shuts down makes it show one more
        error box and wait for its click, whatever the scripts do."""

        def gone() -> bool:
            if self.process.running:
                self.close_error_boxes()
            return not self.process.running

        wait_until(gone, "OBS is gone")
        return self.process.wait()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()

    def memory_leaks(self) -> int:
        """OBS's own count, the last thing it says at a clean exit."""
        line = self.process.wait_for_line(r"Number of memory leaks: \d+")
        return int(line.rsplit(" ", 1)[1])

    def thread_count(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def has_child(self) -> bool:
        """Whether a program runs that OBS has begun."""
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it ended while we looked
                if int(stat.read_text().rpartition(")")[2].split()[1]) == self.pid:
                    return True
        return False

    def ui_thread_sleeps(self) -> bool:
        """It waits for something, so it has nothing left to do; one that waits for a processor does not sleep."""
        stat = Path(f"/proc/{self.pid}/task/{self.pid}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "S"

    def rss_bytes(self) -> int:
        """Resident memory of the process."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        match = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert match is not None
        return int(match[1]) * 1024

    def warnings(self) -> list[str]:
        """Lines of scripts at WARNING or above: each would open the script log on the streamer's screen."""
        return [line for line in self.process.lines() if SCRIPT_WARNING.match(line)]
