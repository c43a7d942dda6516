"""A TCP port whose other end a test changes."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Self

from tests.support.ports import free_port
from tests.support.waiting import HANG_S, wait_until


class TcpGate:
    """The one address a client connects to; what waits behind it changes during a test, without touching the client.

    ``forward(port)`` passes connections on, ``silent()`` accepts and never writes, ``dead()`` accepts nothing,
    ``cut()`` ends the connections there are, ``gone()`` does both, ``release(port)`` passes on those that were kept in
    silence.
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

    def __exit__(self, *_exc: object) -> None:
        self.gone()
        for thread in self._threads:
            thread.join(HANG_S)

    def url(self) -> str:
        """As an RTMP server's."""
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

    def gone(self) -> None:
        """The server is away: nothing is accepted, and what was is cut."""
        self.dead()
        self.cut()

    def cut(self) -> None:
        """End every connection; the client sees a disconnect."""
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

    def wait_accepted(self, count: int) -> None:
        """Until ``count`` connections in all have been accepted."""
        wait_until(lambda: self.accepted >= count, f"{count} connections at the gate")

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
        thread = threading.Thread(target=target, args=args, name="gate")
        self._threads.append(thread)
        thread.start()
