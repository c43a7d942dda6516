"""A waitress server that starts in the caller's sight and really stops. Started and stopped by the service."""

import errno
import logging
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from waitress import wasyncore
from waitress.adjustments import Adjustments

from clawcraft.http.wire import MAX_BODY_BYTES, MAX_HEADER_BYTES, Listener
from clawcraft.http.workers import WaitSlots, WorkerPool

WORKERS: Final = 4
CONNECTION_LIMIT: Final = 256
REQUEST_TIMEOUT_S: Final = 15.0
"""Longest time for a request to arrive completely, and for a client to fetch its answer."""
IDLE_TIMEOUT_S: Final = 75.0
"""Longest silence on a kept connection."""
TURN_S: Final = 1.0

__all__ = ["HttpServer", "ListenError", "PortInUse", "WaitSlots"]

_logger = logging.getLogger("clawcraft.http")
_poll = wasyncore.poll2 if hasattr(select, "poll") else wasyncore.poll  # select() fails beyond 1023 open files


class ListenError(OSError):
    """The service cannot listen on its address; the message says what to do."""


class PortInUse(ListenError):
    """Another program has the port."""


class HttpServer:
    """``app`` (WSGI) on ``bind``:``port``; port 0 takes a free one. Usable for one start and one stop."""

    def __init__(
        self,
        app: Callable[..., Any],
        bind: str,
        port: int,
        slots: WaitSlots,
        *,
        workers: int = WORKERS,
        connection_limit: int = CONNECTION_LIMIT,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
        idle_timeout_s: float = IDLE_TIMEOUT_S,
    ) -> None:
        self._app = app
        self._bind = bind
        self._wanted_port = port
        self._connection_limit = connection_limit
        self._request_timeout_s = request_timeout_s
        self._idle_timeout_s = idle_timeout_s
        self._pool = WorkerPool(workers, slots)
        self._stopping = threading.Event()
        self._drain_until_s = 0.0
        self._thread = threading.Thread(target=self._run, name="clawcraft-http-loop", daemon=True)
        self._map: dict[int, Any] = {}
        self._listener: Listener | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port listened on; 0 before the start."""
        return self._port

    @property
    def busy_workers(self) -> int:
        return self._pool.busy

    def start(self) -> None:
        """Listen and serve. Raises PortInUse or another ListenError, with nothing left behind."""
        sock = _listening_socket(self._bind, self._wanted_port)
        self._port = sock.getsockname()[1]
        adjustments = Adjustments(
            sockets=[sock],
            ident=None,
            connection_limit=self._connection_limit,
            max_request_header_size=MAX_HEADER_BYTES,
            max_request_body_size=2 * MAX_BODY_BYTES,  # waitress counts chunk headers too; the gate counts exactly
            log_socket_errors=False,
        )
        self._listener = Listener(self._app, sock, map=self._map, dispatcher=self._pool, adj=adjustments)
        self._pool.start()
        self._thread.start()

    def stop(self, timeout_s: float) -> list[str]:
        """Stop listening, finish what runs, close every connection, end every thread. Idempotent.

        Requests that run get about half of ``timeout_s`` to answer; whoever makes them wait should wake them first.
        Returns the names of threads that did not end in time, normally none.
        """
        if self._listener is None:
            return []
        deadline_s = time.monotonic() + timeout_s
        self._drain_until_s = time.monotonic() + timeout_s / 2
        self._pool.close()
        self._stopping.set()
        self._listener.pull_trigger()
        self._thread.join(max(0.0, deadline_s - time.monotonic()))
        left = self._pool.join(deadline_s)
        return [*left, self._thread.name] if self._thread.is_alive() else left

    def _run(self) -> None:
        listener = self._listener
        assert listener is not None
        next_sweep_s = 0.0
        while not self._stopping.is_set():
            self._turn(TURN_S)
            now = time.time()
            if now >= next_sweep_s:
                next_sweep_s = now + TURN_S
                listener.sweep(now, self._request_timeout_s, self._idle_timeout_s)
        listener.draining = True
        wasyncore.dispatcher.close(listener)
        listener.close_channels(idle_only=True)
        while listener.active_channels and time.monotonic() < self._drain_until_s:
            self._turn(0.05)
            listener.close_channels(idle_only=True)
        listener.close_channels(idle_only=False)
        listener.close_trigger()

    def _turn(self, timeout_s: float) -> None:
        try:
            _poll(timeout_s, self._map)
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
        sock.listen(128)
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
