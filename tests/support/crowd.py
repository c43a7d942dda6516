"""Many clients without a token that keep connections open for nothing, and open each anew that ends."""

import contextlib
import itertools
import selectors
import socket
import threading
from typing import Self

SLOW_HEAD = b"POST /tools/execute HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
TRICKLE_S = 0.05


class Crowd:
    """``size`` connections to ``port`` while entered, one thread's. Every second one has begun a request, and sends
    another byte of it now and then."""

    def __init__(self, port: int, size: int) -> None:
        self._address = ("127.0.0.1", port)
        self._size = size
        self._numbers = itertools.count()
        self._selector = selectors.DefaultSelector()
        self._stopping = threading.Event()
        self._complete = threading.Event()
        self._thread = threading.Thread(target=self._run, name="crowd")
        self.reopened = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._complete.wait(60), "the crowd did not get in"
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def _run(self) -> None:
        for _ in range(self._size):
            self._open()
        self._complete.set()
        while not self._stopping.is_set():
            for key, _ in self._selector.select(TRICKLE_S):
                self._reopen_if_closed(key.fileobj)  # type: ignore[arg-type]
            for key in list(self._selector.get_map().values()):
                if key.data:
                    with contextlib.suppress(OSError):
                        key.fileobj.send(b"x")  # type: ignore[union-attr]

    def _reopen_if_closed(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if sock.recv(65536):
                return
        self._selector.unregister(sock)
        sock.close()
        self.reopened += 1
        self._open()

    def _open(self) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(self._address)
        slow = next(self._numbers) % 2 == 1
        if slow:
            with contextlib.suppress(OSError):
                sock.send(SLOW_HEAD)
        self._selector.register(sock, selectors.EVENT_READ, slow)
