"""A screen without a monitor: Xvfb and a window manager, and the streamer's hands on it. Test's own thread."""

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Self

from tests.support.process import Process
from tests.support.waiting import HANG_S, insist, wait_until

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""OBS's Python takes its standard library from the first python3 on PATH: a virtual environment's is another build."""


class Display:
    """Xvfb on a free display, with openbox so that dialogs get the focus."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._xvfb: Process | None = None
        self._openbox: Process | None = None
        self.name = ""
        self.awaits_clicks = True
        """Off for OBS 30 and later, whose main window has been seen to come before others where it is on."""
        self._desktops = 2
        """How many there are changes with each click: a sign of the window manager's, behind the click."""

    def __enter__(self) -> Self:
        self.name = f":{self._start_xvfb()}"
        try:
            self._openbox = Process(["openbox", "--sm-disable"], env=self.env())
            wait_until(lambda: self.xdotool("get_desktop", check=False), "openbox manages the display")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop()

    def _start_xvfb(self) -> int:
        read_fd, write_fd = os.pipe()
        # -noreset: else the server resets, and openbox with it, when xdotool is its only client and leaves.
        # -r: no auto-repeat, which makes two keys of one that a busy machine holds down for a moment.
        command = ["Xvfb", "-displayfd", str(write_fd), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
        command += ["-noreset", "-r"]
        with os.fdopen(read_fd) as pipe:
            self._xvfb = Process(command, env=self.env(), pass_fds=[write_fd])
            os.close(write_fd)
            number = pipe.readline().strip()  # written once clients can connect
        if not number:
            self._xvfb.kill()
            raise RuntimeError(f"Xvfb did not start: {self._xvfb.lines()}")
        return int(number)

    def _stop(self) -> None:
        for process in filter(None, (self._openbox, self._xvfb)):
            process.signal_group(signal.SIGTERM)  # Xvfb then removes its lock file
            process.wait()
            process.kill()

    def env(self) -> dict[str, str]:
        return {"PATH": SYSTEM_PATH, "HOME": str(self._folder), "DISPLAY": self.name, "LC_ALL": "C.UTF-8"}

    def xdotool(self, *args: str, check: bool = True) -> str:
        """xdotool's output; empty when it fails and ``check`` is off."""
        done = subprocess.run(
            ["xdotool", *args], env=self.env(), capture_output=True, text=True, timeout=HANG_S, check=False
        )
        if done.returncode and check:
            raise RuntimeError(f"xdotool {' '.join(args)}: {done.stderr.strip()}")
        return done.stdout.strip() if done.returncode == 0 else ""

    def windows(self, title: str) -> list[str]:
        """Visible windows whose title matches the regular expression."""
        return self.xdotool("search", "--onlyvisible", "--name", title, check=False).split()

    def wait_window(self, title: str, within_s: float = HANG_S) -> str:
        """The window's id, once it is visible."""
        return str(wait_until(lambda: self.windows(title), f"window {title!r}", within_s)[0])

    def clipboard(self) -> str:
        """What somebody would paste; empty where nothing was copied."""
        command = ["xclip", "-out", "-selection", "clipboard"]
        return subprocess.run(command, env=self.env(), capture_output=True, text=True, timeout=HANG_S).stdout

    def picture(self, window: str, path: Path, crop: str = "") -> None:
        """The window as a small PNG; ``crop`` is the part to take, as ImageMagick says it (WIDTHxHEIGHT+LEFT+TOP)."""
        part = ["-crop", crop, "+repage"] if crop else []
        command = ["import", "-window", window, *part, "-strip", "-colors", "128", str(path)]
        subprocess.run(command, env=self.env(), capture_output=True, check=True, timeout=HANG_S)

    def click(self, window: str, right: int, bottom: int) -> None:
        """Left click at this distance from the window's right and bottom edge."""
        geometry = self.xdotool("getwindowgeometry", "--shell", window)
        size = dict(re.findall(r"(WIDTH|HEIGHT)=(\d+)", geometry))
        x, y = int(size["WIDTH"]) - right, int(size["HEIGHT"]) - bottom
        self.click_at(window, x, y)

    def click_at(self, window: str, x: int, y: int) -> None:
        """Left click at this distance from the window's left and top edge. The window manager holds a click back until
        it has looked at it, but no key: one that does not wait for it overtakes the click, and goes to what had the
        focus before."""
        click = ("mousemove", "--window", window, str(x), str(y), "click", "1")
        if not self.awaits_clicks:
            self.xdotool(*click)
            return
        self._desktops = 5 - self._desktops
        self.xdotool(*click, "set_num_desktops", str(self._desktops))
        wait_until(lambda: self.xdotool("get_num_desktops") == str(self._desktops), "the window manager has the click")

    def resize(self, window: str, width: int, height: int) -> None:
        """Returns when it has this size."""
        self.xdotool("windowsize", window, str(width), str(height))
        size = f"Geometry: {width}x{height}"
        wait_until(lambda: size in self.xdotool("getwindowgeometry", window), f"{window} has its size")

    def activate(self, window: str) -> None:
        """Raise the window and wait for the focus: the window manager calls it active a moment before X does, and
        keys of that moment go to the window before. Again where another one that just opened or closed took the focus;
        RuntimeError once the window is gone."""
        insist(
            lambda: self.xdotool("windowactivate", window),
            lambda: self.xdotool("getwindowfocus", "-f", check=False) == window,
            f"{window} has the focus",
        )

    def dismiss(self, window: str) -> None:
        """Escape, until it is gone."""

        def press() -> None:
            with contextlib.suppress(RuntimeError):  # it closed while we looked
                self.press(window, "Escape")

        insist(press, lambda: window not in self.windows("."), "a window closes")

    def press(self, window: str, *keys: str) -> None:
        """Keys to the window, after it has the focus."""
        self.activate(window)
        self.xdotool("key", *keys)
