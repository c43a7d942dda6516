"""The way from OBS to the RTMP server, which goes wrong as it is told. A thread for each direction of a connection."""

import contextlib
import select
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import Final, Literal, Self

from tests.support.ports import free_port
from tests.support.waiting import HANG_S

Ending = Literal["close", "reset", "silence", "half_close", "slow_close"]
LOOK_S: Final = 0.05
SLOW_CLOSE_S: Final = 0.7
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing sends RST."""


@dataclass(frozen=True)
class Way:
    """How connections go that are opened from now on: each read comes ``latency_s`` late, at ``bytes_per_s`` (0: at
    once), and after so many bytes ``up`` (from OBS) or ``down`` the connection meets its ``ending``."""

    latency_s: float = 0.0
    bytes_per_s: int = 0
    up: int | None = None
    down: int | None = None
    ending: Ending = "close"


GOOD: Final = Way()
SILENT: Final = Way(down=0, ending="silence")


class Link:
    """Listens on ``port``; what is behind it and how the way there is may change at any time. ``cuts`` has the time
    (Unix seconds) of each connection that it ended, ``accepted`` that of each that came; ``sent_bytes`` counts what OBS
    got through to the server."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.target = target
        self.way = GOOD
        self.accepted: list[float] = []
        self.cuts: list[float] = []
        self.sent_bytes = 0
        self.connections: set[_Connection] = set()
        self.lock = threading.Lock()
        self.woken = threading.Event()
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.dead()
        self.cut()
        for thread in self._threads:
            thread.join(HANG_S)

    def url(self) -> str:
        return f"rtmp://127.0.0.1:{self.port}/live"

    def open(self) -> None:
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self.spawn(self._accept, self._listener)

    def dead(self) -> None:
        """Refuse new connections."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def use(self, way: Way) -> None:
        self.woken = threading.Event()
        self.way = way

    def wake(self) -> None:
        """What was silent goes on."""
        self.woken.set()

    def cut(self, *, reset: bool = False) -> None:
        """End every connection."""
        with self.lock:
            connections = list(self.connections)
        for connection in connections:
            connection.end(reset=reset)

    def spawn(self, run: object, *args: object) -> None:
        thread = threading.Thread(target=run, args=args, name="link")  # type: ignore[arg-type]
        self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _address = listener.accept()
            except OSError:
                return
            self.accepted.append(time.time())
            try:
                server = socket.create_connection(("127.0.0.1", self.target), timeout=HANG_S)
            except OSError:
                client.close()
                continue
            connection = _Connection(self, self.way, client, server)
            with self.lock:
                self.connections.add(connection)
            connection.begin()


class _Connection:
    """One, with both of its directions."""

    def __init__(self, link: Link, way: Way, client: socket.socket, server: socket.socket) -> None:
        self._link = link
        self._way = way
        self._client, self._server = client, server
        self._woken = link.woken
        self._over = threading.Event()
        self._held = False

    def begin(self) -> None:
        for sock in (self._client, self._server):
            sock.settimeout(None)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._link.spawn(self._pump, self._client, self._server, self._way.up)
        self._link.spawn(self._pump, self._server, self._client, self._way.down)

    def end(self, *, reset: bool = False, by_us: bool = True) -> None:
        with self._link.lock:
            if self._over.is_set():
                return
            self._over.set()
            self._link.connections.discard(self)
        if by_us:
            self._link.cuts.append(time.time())
        for sock in (self._client, self._server):
            with contextlib.suppress(OSError):
                if reset and sock is self._client:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    sock.close()
                else:
                    sock.shutdown(socket.SHUT_RDWR)
        for sock in (self._client, self._server):
            sock.close()

    def _pump(self, source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        left = limit
        try:
            while not self._over.is_set():
                if left == 0:
                    left = None
                    if not self._meet_ending(sink):
                        return
                data = self._read(source, left)
                if not data:
                    self.end(by_us=False)
                    return
                if self._way.latency_s and self._over.wait(self._way.latency_s):
                    return
                if source is self._client:
                    with self._link.lock:
                        self._link.sent_bytes += len(data)
                self._send(sink, data)
                if left is not None:
                    left -= len(data)
        except (OSError, ValueError):  # the other direction, or OBS, ended it
            self.end(by_us=False)

    def _read(self, source: socket.socket, left: int | None) -> bytes:
        while not self._over.is_set():
            if not self._held and select.select([source], [], [], LOOK_S)[0]:
                return source.recv(min(65536, left or 65536))
            if self._held:
                self._wait_held(source)
        return b""

    def _send(self, sink: socket.socket, data: bytes) -> None:
        rate = self._way.bytes_per_s
        step = max(1, int(rate * LOOK_S)) if rate else len(data)
        for at in range(0, len(data), step):
            sink.sendall(data[at : at + step])
            if rate and self._over.wait(LOOK_S):
                return

    def _meet_ending(self, sink: socket.socket) -> bool:
        """Whether the direction goes on."""
        ending = self._way.ending
        if ending == "silence":
            self._held = True
            self._wait_held(sink)
            return not self._over.is_set()
        if ending == "half_close":
            self._link.cuts.append(time.time())
            sink.shutdown(socket.SHUT_WR)
            self._over.wait(HANG_S)
        elif ending == "slow_close":
            self._over.wait(SLOW_CLOSE_S)
            self.end()
        else:
            self.end(reset=ending == "reset")
        return False

    def _wait_held(self, sock: socket.socket) -> None:
        """Until somebody wakes the link, or an end hangs up: that is passed on, as a network would in its own time."""
        poll = select.poll()
        for each in (self._client, self._server):
            poll.register(each, select.POLLRDHUP)
        while not (self._over.is_set() or self._woken.is_set()):
            if poll.poll(LOOK_S * 1000):
                self.end(by_us=False)
                return
        self._held = False
