"""The HTTP server that starts in the caller's sight and really stops. Started and stopped by the service."""

import errno
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from clawcraft.http.wire import TIMEOUTS, Listener, Timeouts
from clawcraft.http.workers import Workers
from clawcraft.jobs.slots import Slots

WORKERS: Final = 8
CONNECTION_LIMIT: Final = 256
BACKLOG: Final = 1024
"""Connections that the system makes before they are let in: as many as are let in during half a second in which all
make room. Whoever finds the queue full knocks again after 1, 2, 4 s and more."""
TURN_S: Final = 1.0

_logger = logging.getLogger("clawcraft.http")


class ListenError(OSError):
    """The service cannot listen on its address; the message says what to do."""


class PortInUse(ListenError):
    """Another program has the port."""


class HttpServer:
    """``app`` (WSGI) on ``bind``:``port``; port 0 takes a free one. Usable for one start and one stop. At most
    ``workers`` requests run at a time, and as many more as may wait in ``slots``."""

    def __init__(
        self,
        app: Callable[..., Any],
        bind: str,
        port: int,
        slots: Slots,
        *,
        workers: int = WORKERS,
        connection_limit: int = CONNECTION_LIMIT,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        self._app = app
        self._address = (bind, port)
        self._connection_limit = connection_limit
        self._timeouts = timeouts
        self.workers = Workers(self._look, workers + slots.limit)
        self._listener: Listener | None = None
        self._next_sweep_s = 0.0
        self._stopping = threading.Event()
        self._drain_until_s = 0.0
        self.port = 0
        """The port listened on; 0 before the start."""

    def start(self) -> None:
        """Listen and serve. Raises PortInUse or another ListenError, with nothing left behind."""
        sock = _listening_socket(*self._address)
        self.port = sock.getsockname()[1]
        self._listener = Listener(self._app, sock, self.workers, self._connection_limit)
        self.workers.start()

    def stop(self, timeout_s: float) -> list[str]:
        """Stop listening, finish what runs, close every connection, end every thread. Idempotent.

        Requests that run get about half of ``timeout_s`` to answer; whoever makes them wait should wake them first.
        Returns the names of threads that did not end in time, normally none.
        """
        if self._listener is None:
            return []
        now_s = time.monotonic()
        self._drain_until_s = now_s + timeout_s / 2
        self._stopping.set()
        self._listener.pull_trigger()
        left = self.workers.join(now_s + timeout_s)
        if not left:
            self._listener.close_trigger()
            self._listener = None
        return left

    def _look(self) -> bool:
        """The leading thread: see what the connections want; False once the server has stopped."""
        listener = self._listener
        assert listener is not None
        if self._stopping.is_set():
            self._drain(listener)
            return False
        self._turn(listener, TURN_S)
        now_s = time.monotonic()
        if now_s >= self._next_sweep_s:
            self._next_sweep_s = now_s + TURN_S
            listener.sweep(self._timeouts)
        return True

    def _drain(self, listener: Listener) -> None:
        listener.close()
        while True:
            self.workers.cancel_all()
            if listener.close_channels(idle_only=True) or time.monotonic() >= self._drain_until_s:
                break
            self._turn(listener, 0.05)
        listener.close_channels(idle_only=False)

    def _turn(self, listener: Listener, timeout_s: float) -> None:
        try:
            listener.turn(timeout_s)
        except Exception:
            # The loop is the whole service: whatever one connection did to it, the others go on.
            _logger.exception("the HTTP loop stumbled")
            self._stopping.wait(0.05)


def _listening_socket(bind: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            # There SO_REUSEADDR would let two programs listen on one port, each getting some of the requests.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((bind, port))
        # Listening is part of taking the port: two may bind it, only one may listen.
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _listen_error(error, bind, port) from error
    return sock


def _listen_error(error: OSError, bind: str, port: int) -> ListenError:
    taken = (errno.EADDRINUSE, errno.EACCES) if sys.platform == "win32" else (errno.EADDRINUSE,)
    if error.errno in taken:
        message = f"port {port} on {bind} is in use by another program: close that program or choose another PORT"
        return PortInUse(message)
    if error.errno == errno.EADDRNOTAVAIL:
        message = f"{bind} is not an address of this machine: correct TOOL_SERVICE_BIND"
    elif error.errno in (errno.EACCES, errno.EPERM):
        message = f"the system does not allow port {port}: choose a PORT above 1023"
    else:
        message = f"cannot listen on {bind}, port {port}: {error.strerror or error}"
    return ListenError(message)
