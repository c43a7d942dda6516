"""Connections to Twitch that obey their call: name, connect and TLS all end at its deadline, and no stale reuse.

Runs on the thread that makes the call. urllib3's own connect gives each address the whole timeout and resolves names
without any, so that one dead resolver would outlast every deadline.
"""

import contextlib
import errno
import ipaddress
import os
import queue
import selectors
import socket
import threading
import time
from typing import Any, Final

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.response import BaseHTTPResponse
from urllib3.util import Timeout

from clawcraft.twitch.calls import CURRENT_CALL, Call
from clawcraft.twitch.retry import CallRetry

MAX_IDLE_S: Final = 50.0
"""A kept connection idle for longer is not trusted: routers forget it silently, and a chat message sent into it could
neither be confirmed nor repeated."""
POOL_SIZE: Final = 64
_SLICE_S: Final = 0.02
"""How soon a connect in progress notices that its call was cut; portable, unlike a shutdown before the handshake."""
_IN_PROGRESS: Final = frozenset(
    {0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EAGAIN, getattr(errno, "WSAEWOULDBLOCK", errno.EWOULDBLOCK)}
)


class _Connection(HTTPConnection):
    _used_at = 0.0

    def _new_conn(self) -> socket.socket:
        call = CURRENT_CALL.get()
        timeout_s = self.timeout if isinstance(self.timeout, (int, float)) else call.deadline.remaining_s
        until = time.monotonic() + timeout_s
        last: OSError = OSError("no address")
        for family, kind, protocol, _, address in _resolve(self, call, until):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                call.watch(sock)
                _connect(sock, address, call, until)
                sock.settimeout(timeout_s)
                return sock
            except TimeoutError:
                sock.close()
                raise ConnectTimeoutError(self, "no connection in time") from None
            except OSError as error:
                sock.close()
                last = error
        raise NewConnectionError(self, os.strerror(last.errno) if last.errno else "cannot connect") from last

    @property
    def is_connected(self) -> bool:
        return time.monotonic() - self._used_at < MAX_IDLE_S and super().is_connected

    def request(self, *args: Any, **kwargs: Any) -> None:
        call = CURRENT_CALL.get()
        if self.sock is None:
            self.connect()
        call.watch(self.sock)
        call.may_have_applied = True
        super().request(*args, **kwargs)

    def getresponse(self) -> Any:
        response = super().getresponse()
        self._used_at = time.monotonic()
        return response


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection

    def urlopen(self, method: str, url: str, *args: Any, **kwargs: Any) -> BaseHTTPResponse:
        return super().urlopen(method, url, *args, **_for_call(args, kwargs))


class _SecurePool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class CallAdapter(HTTPAdapter):
    """requests' adapter over these pools. Each call brings its own policy: see ``_for_call``."""

    def __init__(self) -> None:
        super().__init__(pool_connections=4, pool_maxsize=POOL_SIZE, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


def _for_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of one try: the call's retry counter to begin with, and no more time than the call has left."""
    call = CURRENT_CALL.get()
    carried = kwargs.get("retries") if len(args) < 3 else args[2]
    if not isinstance(carried, CallRetry):
        kwargs["retries"] = call.retry
    left_s = max(0.001, call.deadline.remaining_s)
    kwargs["timeout"] = Timeout(connect=min(call.connect_timeout_s, left_s), read=min(call.read_timeout_s, left_s))
    return kwargs


def _resolve(connection: HTTPConnection, call: Call, until: float) -> list[Any]:
    """The addresses of the connection's host. Raises NameResolutionError or ConnectTimeoutError.

    A resolver that hangs cannot be cut: its thread is left to itself, touches nothing and ends with the resolver.
    """
    host, port = connection.host.strip("[]"), connection.port
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    answers: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            answers.put(error if isinstance(error, OSError) else OSError("not a host name"))

    threading.Thread(target=look_up, name="twitch-resolve", daemon=True).start()
    while True:
        left_s = until - time.monotonic()
        if left_s <= 0 or call.cut_by is not None:
            raise ConnectTimeoutError(connection, "no address in time")
        with contextlib.suppress(queue.Empty):
            answer = answers.get(timeout=min(_SLICE_S, left_s))
            if isinstance(answer, OSError):
                raise NameResolutionError(host, connection, socket.gaierror(str(answer)))
            return answer


def _connect(sock: socket.socket, address: Any, call: Call, until: float) -> None:
    """Connect or raise OSError; TimeoutError when the time is over or the call is cut."""
    sock.setblocking(False)
    code = sock.connect_ex(address)
    if code not in _IN_PROGRESS:
        raise OSError(code, os.strerror(code))
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_WRITE)
        while True:
            left_s = until - time.monotonic()
            if left_s <= 0 or call.cut_by is not None:
                raise TimeoutError
            if selector.select(min(_SLICE_S, left_s)):
                break
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))
