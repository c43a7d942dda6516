"""A real OBS Studio, headless, for tests: its home, its display, its process, and the RTMP servers it streams to.

Standard library only. Everything lives in a folder the caller gives, on free ports and a free display, on loopback.
Used from the test's own thread; each object is a context manager that ends what it started.
"""

import contextlib
import json
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

NGINX_RTMP_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
PROGRAMS = ("obs", "Xvfb", "openbox", "xdotool", "nginx", "ffprobe")
PACKAGES = "obs-studio obs-plugins xvfb openbox xdotool libgl1-mesa-dri nginx libnginx-mod-rtmp ffmpeg"
# Where the buttons of the Controls dock are, in pixels from the window's right and bottom edge.
BUTTONS = {"stream": (99, 193), "exit": (99, 45)}


SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""OBS's Python takes its standard library from the first python3 on PATH: a virtual environment's is another build."""


def obs_missing() -> str | None:
    """What to install before a real-OBS test can run, or None. The reason of pytest's skip."""
    path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if not NGINX_RTMP_MODULE.exists():
        missing.append("nginx's RTMP module")
    if not missing:
        return None
    return f"not installed: {', '.join(missing)}; apt-get install --no-install-recommends {PACKAGES}"


def obs_required() -> bool:
    """True where a missing OBS is a failure, not a skip (``tools/test.py --require-obs``)."""
    return os.environ.get("CLAWCRAFT_REQUIRE_OBS") == "1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(predicate: Callable[[], Any], timeout_s: float, what: str) -> Any:
    """The first true value of ``predicate``: for evidence that other programs give without telling us."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s} s: {what}")
        threading.Event().wait(0.02)


class Process:
    """A program whose output is followed line by line, so that a test can wait for a line instead of sleeping."""

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._popen = subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            pass_fds=pass_fds,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, name=f"output of {command[0]}")
        self._reader.start()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for raw in self._popen.stdout:
            with self._news:
                self._lines.append(raw.decode(errors="replace").rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def lines(self) -> list[str]:
        with self._news:
            return list(self._lines)

    def mark(self) -> int:
        """The place in the output now, to wait for lines after it."""
        with self._news:
            return len(self._lines)

    def wait_for_line(self, pattern: str, timeout_s: float = 15, after: int = 0) -> str:
        """The first line that ``pattern`` is found in, from line ``after`` on."""
        wanted = re.compile(pattern)
        deadline = time.monotonic() + timeout_s
        with self._news:
            while True:
                for line in self._lines[after:]:
                    if wanted.search(line):
                        return line
                remaining_s = deadline - time.monotonic()
                if self._ended or remaining_s <= 0:
                    tail = "\n".join(self._lines[-30:])
                    state = "ended without" if self._ended else f"no line within {timeout_s} s:"
                    raise TimeoutError(f"{state} {pattern!r}; last lines:\n{tail}")
                self._news.wait(remaining_s)

    def wait(self, timeout_s: float) -> int:
        """Its exit status, once it has ended by itself."""
        status = self._popen.wait(timeout_s)
        self._reader.join(5)
        return status

    def signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, number)

    def kill(self) -> None:
        """SIGKILL to it and its children."""
        self.signal_group(signal.SIGKILL)
        self._popen.wait(10)
        self._reader.join(5)
        if self._popen.stdout is not None:
            self._popen.stdout.close()

    def terminate(self, timeout_s: float = 5) -> None:
        """SIGTERM, then SIGKILL."""
        self.signal_group(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(timeout_s)
        self.kill()


class Display:
    """Xvfb on a free display, with openbox so that dialogs get the focus."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._xvfb: Process | None = None
        self._openbox: Process | None = None
        self.name = ""

    def __enter__(self) -> Self:
        self.name = f":{self._start_xvfb()}"
        try:
            self._openbox = Process(["openbox", "--sm-disable"], env=self.env())
            wait_until(lambda: self.xdotool("get_desktop", check=False), 10, "openbox manages the display")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stop()

    def _start_xvfb(self) -> int:
        read_fd, write_fd = os.pipe()
        # -noreset: else the server resets, and openbox with it, when xdotool is its only client and leaves.
        command = ["Xvfb", "-displayfd", str(write_fd), "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-noreset"]
        with os.fdopen(read_fd) as pipe:
            self._xvfb = Process(command, env=self.env(), pass_fds=[write_fd])
            os.close(write_fd)
            number = pipe.readline().strip()  # written once clients can connect
        if not number:
            self._xvfb.kill()
            raise RuntimeError(f"Xvfb did not start: {self._xvfb.lines()}")
        return int(number)

    def _stop(self) -> None:
        if self._openbox is not None:
            self._openbox.terminate()
        if self._xvfb is not None:
            self._xvfb.terminate()

    def env(self) -> dict[str, str]:
        return {"PATH": SYSTEM_PATH, "HOME": str(self._folder), "DISPLAY": self.name, "LC_ALL": "C.UTF-8"}

    def xdotool(self, *args: str, check: bool = True, timeout_s: float = 20) -> str:
        """xdotool's output; empty when it fails and ``check`` is off."""
        done = subprocess.run(
            ["xdotool", *args], env=self.env(), capture_output=True, text=True, timeout=timeout_s, check=False
        )
        if done.returncode and check:
            raise RuntimeError(f"xdotool {' '.join(args)}: {done.stderr.strip()}")
        return done.stdout.strip() if done.returncode == 0 else ""

    def windows(self, title: str) -> list[str]:
        """Visible windows whose title matches the regular expression."""
        return self.xdotool("search", "--onlyvisible", "--name", title, check=False).split()

    def wait_window(self, title: str, timeout_s: float = 15) -> str:
        """The window's id, once it is visible."""
        return str(wait_until(lambda: self.windows(title), timeout_s, f"window {title!r}")[0])

    def click(self, window: str, right: int, bottom: int) -> None:
        """Left click at this distance from the window's right and bottom edge."""
        geometry = self.xdotool("getwindowgeometry", "--shell", window)
        size = dict(re.findall(r"(WIDTH|HEIGHT)=(\d+)", geometry))
        x, y = int(size["WIDTH"]) - right, int(size["HEIGHT"]) - bottom
        self.xdotool("mousemove", "--window", window, str(x), str(y), "click", "1")

    def activate(self, window: str) -> None:
        """Raise the window and wait for the focus: the window manager calls it active a moment before X does, and
        keys of that moment go to the window before."""
        self.xdotool("windowactivate", "--sync", window)
        wait_until(
            lambda: self.xdotool("getwindowfocus", "-f", check=False).strip() == window, 5, f"{window} has the focus"
        )

    def press(self, window: str, *keys: str) -> None:
        """Keys to the window, after it has the focus."""
        self.activate(window)
        self.xdotool("key", *keys)

    def screenshot(self, path: Path) -> None:
        """The whole screen as PNG; needs ImageMagick's ``import``."""
        subprocess.run(["import", "-window", "root", str(path)], env=self.env(), check=True, timeout=20)


@dataclass(frozen=True)
class ObsHome:
    """What OBS finds in its configuration when it starts. ``encoder`` "broken" cannot start on this machine;
    ``delay_s`` is OBS's stream delay; ``websocket_port`` None keeps obs-websocket off."""

    server_url: str = "rtmp://127.0.0.1:1/live"
    stream_key: str = "testkey"
    script: Path | None = None
    script_settings: Mapping[str, Any] = field(default_factory=dict)
    more_scripts: Sequence[Path] = ()
    encoder: Literal["x264", "broken"] = "x264"
    delay_s: int = 0
    websocket_port: int | None = None
    scenes: Sequence[str] = ("Main", "BRB")
    collection: str = "Untitled"
    profile: str = "Untitled"

    def write(self, home: Path) -> Path:
        """Write it below ``home``; the configuration folder."""
        config = home / ".config" / "obs-studio"
        profile = config / "basic" / "profiles" / self.profile
        profile.mkdir(parents=True, exist_ok=True)
        (config / "basic" / "scenes").mkdir(parents=True, exist_ok=True)
        (config / "global.ini").write_text(self._global_ini())
        (profile / "basic.ini").write_text(self._basic_ini())
        service = {"server": self.server_url, "key": self.stream_key, "use_auth": False}
        (profile / "service.json").write_text(json.dumps({"type": "rtmp_custom", "settings": service}))
        self.write_collection(config, self.collection, self._scripts())
        return config

    def write_collection(self, config: Path, name: str, scripts: Sequence[Mapping[str, Any]]) -> Path:
        """One scene collection that lists ``scripts`` (``{"path", "settings"}``)."""
        path = config / "basic" / "scenes" / f"{name}.json"
        body = {
            "name": name,
            "current_scene": self.scenes[0],
            "current_program_scene": self.scenes[0],
            "scene_order": [{"name": scene} for scene in self.scenes],
            "sources": [_colour(scene) for scene in self.scenes] + [_scene(scene) for scene in self.scenes],
            "groups": [],
            "transitions": [],
            "quick_transitions": [],
            "modules": {"scripts-tool": list(scripts)},
        }
        path.write_text(json.dumps(body))
        return path

    def _scripts(self) -> list[dict[str, Any]]:
        listed = [{"path": str(path), "settings": {}} for path in self.more_scripts]
        if self.script is not None:
            listed.append({"path": str(self.script), "settings": dict(self.script_settings)})
        return listed

    def _global_ini(self) -> str:
        return _ini(
            General={"FirstRun": "true", "LastVersion": 486539266, "EnableAutoUpdates": "false", "InfoIncrement": 99}
            | {f"Pre{version}Defaults": "false" for version in ("19", "21", "23", "24.1")},
            Basic={
                "Profile": self.profile,
                "ProfileDir": self.profile,
                "SceneCollection": self.collection,
                "SceneCollectionFile": self.collection,
                "ConfigOnNewProfile": "false",
            },
            BasicWindow={"WarnBeforeStartingStream": "false", "WarnBeforeStoppingStream": "false"},
            OBSWebSocket={
                "FirstLoad": "false",
                "ServerEnabled": "false" if self.websocket_port is None else "true",
                "ServerPort": self.websocket_port or 4455,
                "AlertsEnabled": "false",
                "AuthRequired": "false",
            },
        )

    def _basic_ini(self) -> str:
        size = {"BaseCX": 640, "BaseCY": 360, "OutputCX": 640, "OutputCY": 360, "FPSCommon": 30}
        simple = {"VBitrate": 300, "StreamEncoder": "x264", "Preset": "ultrafast", "ABitrate": 64}
        simple |= {"UseAdvanced": "true", "x264Settings": "keyint=30"}  # a key frame each second, for ffprobe
        mode = "Simple" if self.encoder == "x264" else "Advanced"
        return _ini(
            General={"Name": self.profile},
            Output={"Mode": mode, "DelayEnable": "true" if self.delay_s else "false", "DelaySec": self.delay_s},
            SimpleOutput=simple,
            AdvOut={"Encoder": "ffmpeg_vaapi", "TrackIndex": 1},
            Video=size,
        )


def _colour(scene: str) -> dict[str, Any]:
    """A scene without a source makes OBS ask before a stream."""
    settings = {"color": 0xFF804020, "width": 640, "height": 360}
    return {"id": "color_source", "name": f"{scene} colour", "enabled": True, "settings": settings}


def _scene(name: str) -> dict[str, Any]:
    items = [{"id": 1, "name": f"{name} colour", "visible": True}]
    settings = {"custom_size": False, "id_counter": 1, "items": items}
    return {"id": "scene", "versioned_id": "scene", "name": name, "enabled": True, "settings": settings}


def _ini(**sections: Mapping[str, object]) -> str:
    blocks = [f"[{name}]\n" + "".join(f"{k}={v}\n" for k, v in pairs.items()) for name, pairs in sections.items()]
    return "\n".join(blocks)


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

    def start(self, timeout_s: float = 40) -> None:
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
        self._process = Process(["obs", "--multi"], env=env | self._env, cwd=self.home)
        self._process.wait_for_line("Loaded scenes:", timeout_s)
        self.window()

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
        return self.display.wait_window(r"^OBS [0-9]")

    def click(self, button: Literal["stream", "exit"]) -> None:
        """Click a button of the Controls dock, as the streamer does. After "exit" OBS is shutting down."""
        self._click(button)
        deadline = time.monotonic() + 20
        while button == "exit":
            try:  # a click before the window has settled is lost
                self.process.wait_for_line("==== Shutting down ====", 2)
                return
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise
            self._click(button)

    def _click(self, button: str) -> None:
        self.display.click(self.window(), *BUTTONS[button])

    def wait_error_box(self, timeout_s: float = 15) -> str:
        """The window id of the modal box OBS shows when a stream cannot start."""
        return self.display.wait_window(ERROR_BOX, timeout_s)

    def close_error_boxes(self) -> int:
        """Close every error box, the topmost first; how many there were."""
        closed = 0
        while boxes := self.display.windows(ERROR_BOX):
            self._close_box(boxes[-1])
            closed += 1
        return closed

    def _close_box(self, box: str) -> None:
        def closed() -> bool:
            return box not in self.display.windows(ERROR_BOX)

        for _ in range(10):  # a key that comes before the box has the focus is lost
            with contextlib.suppress(RuntimeError):  # it closed while we looked
                self.display.press(box, "Return")
            with contextlib.suppress(TimeoutError):
                wait_until(closed, 1, "the error box closes")
                return
        raise TimeoutError("an error box stays open")

    def quit(self, timeout_s: float = 20) -> int:
        """The clean exit, by the Exit button; the exit status. (SIGTERM would skip script_unload.)"""
        self.click("exit")
        return self.wait_exit(timeout_s)

    def wait_exit(self, timeout_s: float = 20) -> int:
        """The exit status, once OBS is gone. A connection that fails while OBS shuts down makes it show one more
        error box and wait for its click, whatever the scripts do."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                return self.process.wait(0.3)
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    raise
            if self.process.running:
                self.close_error_boxes()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()

    def memory_leaks(self) -> int:
        """OBS's own count, the last thing it says at a clean exit."""
        line = self.process.wait_for_line(r"Number of memory leaks: \d+", 5)
        return int(line.rsplit(" ", 1)[1])

    def thread_names(self) -> list[str]:
        names = []
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                names.append((task / "comm").read_text().strip())
        return sorted(names)

    def thread_count(self) -> int:
        return len(self.thread_names())

    def rss_bytes(self) -> int:
        """Resident memory of the process."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        match = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert match is not None
        return int(match[1]) * 1024

    def warnings(self) -> list[str]:
        """Lines of scripts at WARNING or above: each would open the script log on the streamer's screen."""
        return [line for line in self.process.lines() if SCRIPT_WARNING.match(line)]


SCRIPT_WARNING = re.compile(r"(warning|error): \[(Python: |Lua: |Unknown Script)")
ERROR_BOX = r"^(Failed to|Disconnected|Output|Encoding|No space|Invalid)"


class RtmpServer:
    """nginx with RTMP: ``port`` takes every key, ``refusing_port`` refuses every key (on_publish answers 403)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port, self.refusing_port, self._stat_port = free_port(), free_port(), free_port()
        self._process: Process | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / "nginx.conf"
        path.write_text(self._config())
        nginx = shutil.which("nginx", path=os.environ["PATH"] + os.pathsep + "/usr/sbin") or "nginx"
        self._process = Process([nginx, "-c", str(path), "-p", str(self._folder), "-e", "stderr"])
        wait_until(self._answers, 10, f"nginx answers; it said: {self._process.lines()}")

    def stop(self) -> None:
        """Kill it, its connections with it. ``start`` brings it back on the same ports."""
        if self._process is not None:
            self._process.kill()

    def url(self) -> str:
        return f"rtmp://127.0.0.1:{self.port}/live"

    def publishers(self) -> list[str]:
        """The keys that are published now."""
        return [name for name, _bytes in self._streams()]

    def received_bytes(self) -> int:
        """What the current publishers have sent."""
        return sum(count for _name, count in self._streams())

    def probe(self, key: str = "testkey", timeout_s: float = 20) -> dict[str, str]:
        """What ffprobe sees: ``{"video": codec, "audio": codec}``."""
        command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", f"{self.url()}/{key}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=True)
        return {stream["codec_type"]: stream["codec_name"] for stream in json.loads(done.stdout)["streams"]}

    def _answers(self) -> bool:
        try:
            self._stat()
        except OSError:
            return False
        return True

    def _stat(self) -> ET.Element:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._stat_port}/stat", timeout=5) as answer:
            return ET.fromstring(answer.read())

    def _streams(self) -> Iterator[tuple[str, int]]:
        for stream in self._stat().iter("stream"):
            if stream.find("publishing") is not None:
                yield stream.findtext("name", ""), int(stream.findtext("bytes_in", "0"))

    def _config(self) -> str:
        refuse = f"http://127.0.0.1:{self._stat_port}/refuse"
        return f"""
daemon off; master_process off;
pid {self._folder}/nginx.pid;
error_log stderr warn;
load_module {NGINX_RTMP_MODULE};
events {{ worker_connections 256; }}
rtmp {{
  server {{ listen 127.0.0.1:{self.port}; application live {{ live on; record off; }} }}
  server {{ listen 127.0.0.1:{self.refusing_port}; application live {{ live on; record off; on_publish {refuse}; }} }}
}}
http {{
  access_log off;
  client_body_temp_path {self._folder}/body; proxy_temp_path {self._folder}/proxy;
  fastcgi_temp_path {self._folder}/fcgi; uwsgi_temp_path {self._folder}/uwsgi; scgi_temp_path {self._folder}/scgi;
  server {{
    listen 127.0.0.1:{self._stat_port};
    location /stat {{ rtmp_stat all; }}
    location /refuse {{ return 403; }}
  }}
}}
"""


class RtmpGate:
    """The one address OBS streams to; what waits behind it changes during a test, without touching OBS.

    ``forward(port)`` passes connections on, ``silent()`` accepts and never writes, ``dead()`` accepts nothing,
    ``cut()`` ends the connections there are, ``release(port)`` passes on those that were kept in silence.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self._target: int | None = None
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._silence = threading.Condition()
        self._released: int | None = None
        self._cuts = 0
        self.accepted = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.dead()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def url(self) -> str:
        return f"rtmp://127.0.0.1:{self.port}/live"

    def forward(self, port: int) -> None:
        self._target = port
        self._listen()

    def silent(self) -> None:
        self._target = self._released = None
        self._listen()

    def dead(self) -> None:
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
            listener.close()

    def cut(self) -> None:
        """End every connection; OBS sees a disconnect."""
        with self._silence:
            self._cuts += 1
            self._silence.notify_all()
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def release(self, port: int) -> None:
        """The silent server wakes up: its connections, and new ones, now reach ``port``."""
        self.forward(port)
        with self._silence:
            self._released = port
            self._silence.notify_all()

    def wait_accepted(self, count: int, timeout_s: float = 10) -> None:
        """Until ``count`` connections in all have been accepted."""
        wait_until(lambda: self.accepted >= count, timeout_s, f"{count} connections at the gate")

    def _listen(self) -> None:
        with self._lock:
            if self._listener is not None:
                return
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            listener.listen()
            self._listener = listener
        self._spawn(self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _address = listener.accept()
            except OSError:
                return
            target, cuts = self._target, self._cuts
            self._spawn(self._hold, client, cuts) if target is None else self._spawn(self._pump, client, target)
            self.accepted += 1

    def _hold(self, client: socket.socket, cuts: int) -> None:
        """What the client says meanwhile stays in the socket, for the server behind to read."""
        with self._silence:
            self._silence.wait_for(lambda: self._released is not None or self._cuts != cuts)
            port = self._released
        if self._cuts == cuts and port is not None:
            self._pump(client, port)
        client.close()

    def _pump(self, client: socket.socket, port: int) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as server:
            ways = {client: server, server: client}
            with self._tracked(client), self._tracked(server), selectors.DefaultSelector() as ready:
                for sock in ways:
                    ready.register(sock, selectors.EVENT_READ)
                while True:
                    for key, _mask in ready.select():
                        source = key.fileobj
                        assert isinstance(source, socket.socket)
                        data = source.recv(65536)
                        if not data:
                            return
                        ways[source].sendall(data)

    @contextlib.contextmanager
    def _tracked(self, sock: socket.socket) -> Iterator[None]:
        with self._lock:
            self._sockets.add(sock)
        try:
            yield
        finally:
            with self._lock:
                self._sockets.discard(sock)

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, name="rtmp gate")
        self._threads.append(thread)
        thread.start()
