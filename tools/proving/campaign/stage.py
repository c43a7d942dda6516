"""One OBS with all it needs, and what can be done to it. The campaign's own thread."""

import contextlib
import errno
import json
import re
import resource
import socket
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from proving.campaign.judge import FLASH_S
from proving.campaign.link import GOOD, Link
from tests.support.display import Display
from tests.support.obs_home import COLLECTION, ObsHome
from tests.support.obs_panel import ScriptsWindow
from tests.support.obs_program import obs_program
from tests.support.paths import SCRIPT, data_folder
from tests.support.ports import free_port
from tests.support.real_obs import RealObs
from tests.support.rtmp_server import RtmpServer
from tests.support.show import install
from tests.support.tool_client import ToolClient, answers, stored_token
from tests.support.waiting import HANG_S, insist, wait_until
from twitch_sim import TwitchSim

STREAMER: Final = Path(__file__).with_name("ui_streamer.py")
ELSEWHERE: Final = "Elsewhere"
"""A scene collection without the service."""
OPERATION_TIMEOUT_S: Final = 2.5
QUIET_S: Final = 0.25
QUIET_AFTER_CLICK_S: Final = 2.0
"""So long nothing reaches the RTMP server before a case counts as over. On a busy machine OBS takes a click a second
after it was made, and a stop may be over by then: it starts a stream."""
SETTLES_S: Final = 12.0
ASIDE: Final = ("1108", "0")
RELOAD_TRIES: Final = 4
RELOADS_S: Final = 20.0
"""Pressed again any sooner, a reload that only takes long on a busy machine would begin anew."""

FULL: Final = "nothing can be written"
"""The kernel's doing: it lets OBS's process write to no file. Python has the signal ignored that comes with it."""
WRITE_ERRORS: Final = {"no space": errno.ENOSPC, "write error": errno.EIO}
"""What libfiu answers to the writes of the job table, and to nothing else of OBS."""
LIBFIU: Final = ("/usr/lib/fiu/fiu_posix_preload.so", "/usr/lib64/fiu/fiu_posix_preload.so")
DISK_ERRORS: Final = (FULL, *WRITE_ERRORS)


def libfiu() -> Path | None:
    """The library that lets calls of the C library fail."""
    return next((found for found in map(Path, LIBFIU) if found.exists()), None)


HANGS: Final = "OBS does something, or it hangs"


class Stuck(Exception):
    """OBS does not come back to rest: this life of it is over."""


class Stage:
    """Entering starts all but OBS, ``open`` that. Everything of OBS's home outlives it, the job table included."""

    def __init__(self, folder: Path, peer: bool = False) -> None:
        self.folder = folder
        self.port, self._streamer_port = free_port(), free_port()
        self.websocket_port = free_port() if peer else None
        self.display = Display(folder / "display")
        self.rtmp = RtmpServer(folder / "rtmp", keeps_log=True)
        self.link = Link(self.rtmp.port)
        self.twitch = TwitchSim()
        self.home = folder / "home"
        self.kills: list[float] = []
        self.lives = 0
        self._window: ScriptsWindow | None = None
        self._away = self._disk_was_broken = False
        self._disk_broken = ""
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for part in (self.display, self.rtmp, self.link, self.twitch):
                stack.enter_context(part)
            home = ObsHome(server_url=self.link.url(), websocket_port=self.websocket_port).small()
            self.config = home.write(self.home)
            streamer = {"path": str(STREAMER), "settings": {"port": self._streamer_port}}
            ours = {"path": str(SCRIPT), "settings": {}}
            home.write_collection(self.config, COLLECTION, [streamer, ours])
            home.write_collection(self.config, ELSEWHERE, [streamer])
            done = install("--obs-config-dir", str(self.config), *obs_program().for_installer)
            if done.returncode:
                raise RuntimeError(done.stdout + done.stderr)
            self.obs = RealObs(self.display, self.home, self._environment())
            stack.callback(lambda: self.obs.__exit__(None, None, None))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def _environment(self) -> dict[str, str]:
        settings = {
            "PORT": str(self.port),
            "TOOL_ACTION_RATE_LIMIT_PER_MIN": "100000",
            "OBS_STREAM_OPERATION_TIMEOUT_MS": str(int(OPERATION_TIMEOUT_S * 1000)),
            "OBS_OPERATION_RETRIES": "1",
            "TWITCH_API_TIMEOUT_MS": "700",
            "TWITCH_API_RETRIES": "1",
        }
        return settings | self.twitch.environment()

    # --- OBS --------------------------------------------------------------------------------------------------

    @property
    def token(self) -> str:
        return stored_token(self.config)

    def open(self) -> None:
        """Start OBS and wait for the service."""
        self.lives += 1
        self._window, self._away = None, False
        self.obs.start()
        wait_until(lambda: answers(self.port) or not self.obs.process.running, "the service answers")
        if not self.obs.process.running:
            raise Stuck("OBS ended at its start: " + " | ".join(self.obs.process.lines()[-5:]))

    @property
    def is_open(self) -> bool:
        return self.lives > 0 and self.obs.process.running

    def kill(self) -> None:
        """kill -9 of OBS."""
        self.kills.append(time.time())
        self.obs.kill()

    # --- the streamer -----------------------------------------------------------------------------------------

    def click(self) -> None:
        """The button that says Start Streaming, or Stop Streaming, or is grey while OBS connects. Returns when OBS has
        taken the click."""
        self.obs.click("stream")
        self.obs.wait_clicks_taken()

    def switch(self, collection: str) -> None:
        """Until OBS has switched: while it draws its menu anew it finds no collection, and says nothing."""
        mark = self.obs.process.mark()
        line = f"Switched to scene collection '{collection}'"
        self._away = collection != COLLECTION
        insist(
            lambda: self._tell("switch", name=collection),
            lambda: any(line in told for told in self.obs.process.lines()[mark:]),
            f"OBS has switched to {collection}",
        )

    def prepare_reload(self) -> None:
        """The Scripts window, and the service chosen in it. Of the window no more is on the screen than that and the
        Reload button, beside what the streamer clicks of the main window."""
        if self._window is None:
            self._window = ScriptsWindow(self.obs, self.folder)
            self._window.open()
            self.display.xdotool("windowmove", "--sync", self._window.window, *ASIDE)
        self._window.to_list()

    def reload(self) -> None:
        """Press Reload Scripts; returns when it was done. Pressed again where OBS, busy with the stream's beginning,
        took no notice."""
        window, mark = self._window, self.obs.process.mark()
        assert window is not None
        for _ in range(RELOAD_TRIES):
            window.press_reload()
            if self._said_within(RELOADS_S, r"\] (not )?listening", mark):
                return
            window.to_list()
        raise TimeoutError(f"OBS has not reloaded the scripts, {RELOAD_TRIES} times asked")

    def _said_within(self, seconds: float, pattern: str, mark: int) -> bool:
        with contextlib.suppress(TimeoutError):
            self.obs.process.wait_for_line(pattern, mark, seconds)
            return True
        if not self.obs.process.running:
            raise Stuck("OBS ended")
        return False

    def stop_as_streamer(self) -> None:
        self._tell("stop")

    def streams(self) -> bool:
        return bool(self._tell("active"))

    # --- the machine ------------------------------------------------------------------------------------------

    def set_clock(self, off_s: float) -> None:
        """The wall time of the Python inside OBS."""
        self._tell("clock", off_s=off_s)

    def break_disk(self, how: str) -> None:
        """One of DISK_ERRORS, until it is mended."""
        self._disk_broken = how
        if how == FULL:
            _, hard = resource.prlimit(self.obs.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(self.obs.pid, resource.RLIMIT_FSIZE, (0, hard))
        else:
            self._tell("fail", errno=WRITE_ERRORS[how], preload=str(libfiu()))
        self._disk_was_broken = True

    def mend_disk(self) -> None:
        how, self._disk_broken = self._disk_broken, ""
        if how == FULL:
            _, hard = resource.prlimit(self.obs.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(self.obs.pid, resource.RLIMIT_FSIZE, (hard, hard))
        elif how:
            self._tell("fail", errno=0, preload=str(libfiu()))

    def back_to_rest(self) -> None:
        """Undo whatever a case did; OBS streams no more, and nothing reaches the server. Raises Stuck."""
        self.twitch.faults.clear()
        self.link.use(GOOD)
        self.link.target = self.rtmp.port
        self.link.open()
        if not self.is_open:
            return
        try:
            self.mend_disk()
            self.set_clock(0)
            deadline_s = time.monotonic() + SETTLES_S
            while self.streams() or self.rtmp.publishers() or self.link.connections:
                if self.streams():
                    self.stop_as_streamer()
                else:
                    self.link.cut()
                if time.monotonic() > deadline_s:
                    raise Stuck("OBS goes on streaming")
                time.sleep(0.05)
            wait_until(lambda: self._tell("ui"), HANGS)
            self.obs.close_error_boxes()
            if self._away:
                self.switch(COLLECTION)
            wait_until(lambda: answers(self.port), "the service answers", RELOADS_S)
            if self._disk_was_broken:
                wait_until(self._stores, "the service stores again", SETTLES_S)
                self._disk_was_broken = False
        except (OSError, TimeoutError, ValueError, RuntimeError) as error:
            raise Stuck(f"{type(error).__name__}: {error}") from error

    def wait_quiet(self, within_s: float, quiet_for_s: float = QUIET_S) -> None:
        """Until OBS has come to rest by itself: no connection for ``quiet_for_s``, or live for so long that it stays;
        at most ``within_s``."""
        deadline_s = time.monotonic() + within_s
        quiet_s = time.monotonic()
        before = None
        while (now_s := time.monotonic()) < deadline_s:
            now = (len(self.link.connections), tuple(self.rtmp.publishers()), self.rtmp.log_size())
            if now != before:
                before, quiet_s = now, now_s
            for_s = now_s - quiet_s
            if (for_s > FLASH_S and now[1]) or (for_s > quiet_for_s and not now[0] and not now[1] and self._all_over()):
                return
            time.sleep(0.03)

    def _all_over(self) -> bool:
        """Whether the server has written down the end of all that it saw: the connection closes before."""
        return not self.publishes(since=float("inf"))

    def _tell(self, do: str, **more: Any) -> Any:
        address = ("127.0.0.1", self._streamer_port)
        with socket.create_connection(address, timeout=HANG_S) as sock, sock.makefile("rwb") as stream:
            stream.write(json.dumps({"do": do, **more}).encode() + b"\n")
            stream.flush()
            return json.loads(stream.readline() or b"{}").get("value")

    def _stores(self) -> bool:
        """Whether all is on the disk that was told while nothing could be written."""
        client = ToolClient(self.port, self.token)
        with contextlib.closing(client):
            return bool(client.status()["storage"]["ok"])

    # --- witnesses --------------------------------------------------------------------------------------------

    def publishes(self, since: float) -> list[list[float | None]]:
        """What the RTMP server wrote down: ``[from, to]`` of each publish that had not ended at ``since`` (Unix
        seconds; to: None while it goes on), oldest first."""
        found: dict[str, list[float | None]] = {}
        for line in self.rtmp.log_lines():
            match = re.search(r"^(\S+) .*&clientid=(\d+)&call=(publish|publish_done)&", line)
            if match is None:
                continue
            at_s, client = float(match[1]), match[2]
            if match[3] == "publish":
                found[client] = [at_s, None]
            elif client in found:
                found[client][1] = at_s
        return [each for each in found.values() if each[1] is None or each[1] > since]

    def job_table(self) -> Mapping[str, list[dict[str, Any]]]:
        """The rows by request_id, as SQLite has them; only once OBS is gone, which keeps everybody else out."""
        path = data_folder(self.config) / "jobs.sqlite3"
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.row_factory = sqlite3.Row
            rows = connection.execute("SELECT id, action, request_id, status, result, error FROM jobs").fetchall()
        table: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            error, result = (json.loads(row[name]) if row[name] else None for name in ("error", "result"))
            found = {"job_id": row["id"], "action": row["action"], "told": row["status"]}
            found |= {"code": error and error["code"], "status": result and result.get("status")}
            table.setdefault(row["request_id"], []).append(found)
        return table
