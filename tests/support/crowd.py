"""Many clients without a token that keep connections open for nothing, and open each anew that ends."""

import contextlib
import itertools
import selectors
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

from tests.support.waiting import HANG_S

SLOW_HEAD = b"POST /tools/execute HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
TRICKLE_S = 0.05


class Crowd:
    """``size`` connections to ``port`` while entered. A process of its own, as strangers are: in the tests' own, it
    would keep the interpreter from those who are to be served."""

    def __init__(self, port: int, size: int) -> None:
        self._arguments = [str(port), str(size)]
        self.reopened = 0
        """Counted at the end."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.support.crowd", *self._arguments]
        root = Path(__file__).parents[2]
        self._process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "in\n", "the crowd did not get in"
        return self

    def __exit__(self, *_: object) -> None:
        said, _unused = self._process.communicate(timeout=HANG_S)
        self.reopened = int(said)


class _Members:
    """Every second one has begun a request, and sends another byte of it now and then."""

    def __init__(self, port: int, size: int) -> None:
        self._address = ("127.0.0.1", port)
        self._numbers = itertools.count()
        self._selector = selectors.DefaultSelector()
        self.reopened = 0
        for _ in range(size):
            self._open()

    def run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
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


def main() -> None:
    with contextlib.suppress(ImportError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    port, size = map(int, sys.argv[1:])
    members = _Members(port, size)
    sys.stdout.write("in\n")
    sys.stdout.flush()
    stopping = threading.Event()

    def stop_at_the_end_of_input() -> None:
        sys.stdin.read()
        stopping.set()

    threading.Thread(target=stop_at_the_end_of_input, name="end-of-crowd").start()
    members.run(stopping)
    sys.stdout.write(str(members.reopened))


if __name__ == "__main__":
    main()
