"""One WebSocket to EventSub: connect, receive, close, each within its time. One thread uses it; ``cut`` ends it from
any other, also while it connects, shakes hands or reads.

The name lookup and the connection are those of Helix's calls, since websocket-client's own would wait for a resolver
without end, ask the environment for proxies, and could not be ended from outside.
"""

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import certifi
import websocket

from clawcraft.settings import require_safe_websocket_url
from clawcraft.twitch.call import Call, Deadline, shut
from clawcraft.twitch.connection import connected

MAX_MESSAGE_BYTES: Final = 4 << 20
_PORTS: Final = {"ws": 80, "wss": 443}
_CLOSE_CODES: Final = {
    4000: "Twitch had an internal error",
    4001: "Twitch does not take what was sent",
    4002: "Twitch missed the answer to a ping",
    4003: "nothing was subscribed to in time",
    4004: "the move to another connection took too long",
    4005: "Twitch's network timed out",
    4006: "Twitch's network failed",
    4007: "the address to move to was not valid",
}
UNUSED: Final = 4003


class SocketLost(Exception):
    """The connection is over, or there is none. ``code`` is that of a close frame, 0 without one."""

    def __init__(self, reason: str, code: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class _Bounded(websocket.WebSocket):
    """websocket-client's own, which would keep a message of any size, and wait as long as single bytes come."""

    received = 0
    until_s = float("inf")

    def _recv(self, bufsize: int) -> Any:
        if time.monotonic() > self.until_s:
            raise websocket.WebSocketTimeoutException
        data = super()._recv(bufsize)
        self.received += len(data)
        if self.received > MAX_MESSAGE_BYTES:
            raise websocket.WebSocketException("too long")
        return data


class EventSocket:
    """Not connected until ``open``."""

    def __init__(self, resolvers: set[threading.Thread]) -> None:
        self._resolvers = resolvers
        self._lock = threading.Lock()
        self._call: Call | None = None
        self._handle: socket.socket | None = None
        self._cut = False
        self._socket = _Bounded(enable_multithread=False, skip_utf8_validation=True)

    def open(self, url: str, deadline: Deadline) -> None:
        """Connect. Raises SocketLost; a ValueError if ``url`` is not safe."""
        require_safe_websocket_url(url.partition("?")[0])
        call = Call(deadline, self._resolvers, repeatable=True)
        with self._lock:
            self._call = call
            if self._cut:
                raise SocketLost("the service stops")
        try:
            with call:
                self._connect(url, call, time.monotonic() + deadline.remaining_s)
                if call.cut_by is not None:
                    raise SocketLost("cut")
        except (OSError, ValueError, websocket.WebSocketException, SocketLost) as error:
            self.close()
            raise SocketLost(_why_not_connected(error, call)) from None
        finally:
            with self._lock:
                self._call = None

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """The next message, ``{}`` for one that cannot be read; None if there is none within ``timeout_s``, or only a
        ping, which is answered. Raises SocketLost."""
        try:
            self._socket.settimeout(max(0.01, timeout_s))
            self._socket.until_s = time.monotonic() + timeout_s
            opcode, frame = self._socket.recv_data_frame(control_frame=True)
        except websocket.WebSocketTimeoutException:
            return None
        except (OSError, ValueError, websocket.WebSocketException) as error:
            raise SocketLost(_why_lost(error, self._cut)) from None
        if opcode in (websocket.ABNF.OPCODE_PING, websocket.ABNF.OPCODE_PONG):
            return None
        self._socket.received = 0
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            code = int.from_bytes(frame.data[:2], "big")
            raise SocketLost(_CLOSE_CODES.get(code, f"Twitch closed the connection ({code})"), code)
        try:
            value = json.loads(frame.data)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def rest(self, within_s: float) -> Iterator[dict[str, Any]]:
        """Say goodbye, and give what Twitch had sent before it heard that; at the end ``{}``, as for a message that
        cannot be read, if that may not be all."""
        until_s = time.monotonic() + within_s
        try:
            self._socket.settimeout(within_s)
            self._socket.send_close()
            while (left_s := until_s - time.monotonic()) > 0:
                message = self.receive(left_s)
                if message is not None:
                    yield message
        except SocketLost as lost:
            if lost.code:
                return
        except (OSError, websocket.WebSocketException):
            pass
        yield {}

    def cut(self) -> None:
        """Any thread. End it at once."""
        with self._lock:
            self._cut = True
            if self._call is not None:
                self._call.cut("closing")
            if self._handle is not None:
                shut(self._handle)

    def close(self) -> None:
        """At once, without a goodbye; idempotent."""
        self._socket.shutdown()
        with self._lock:
            if self._handle is not None:
                self._handle.close()
                self._handle = None

    def _connect(self, url: str, call: Call, until_s: float) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        sock = connected(host, parts.port or _PORTS[parts.scheme], call, until_s)
        try:
            sock.settimeout(max(0.01, until_s - time.monotonic()))
            with self._lock:
                self._handle = socket.fromfd(sock.fileno(), sock.family, sock.type)
            if parts.scheme == "wss":
                sock = _tls().wrap_socket(sock, server_hostname=host)
            self._socket.connect(url, socket=sock, suppress_origin=True, redirect_limit=0, timeout=sock.gettimeout())
        except BaseException:
            sock.close()
            raise


def _tls() -> ssl.SSLContext:
    # The embedded Python of Windows and macOS may have no certificates of its own; requests uses these too.
    return ssl.create_default_context(cafile=certifi.where())


def _why_not_connected(error: Exception, call: Call) -> str:
    """A few words of our own: a server's could be long, and could be anything."""
    if call.cut_by == "closing":
        return "the service stops"
    if isinstance(error, ssl.SSLError):
        return "TLS failed"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, TimeoutError | websocket.WebSocketTimeoutException) or call.cut_by is not None:
        return "no connection in time"
    if isinstance(error, websocket.WebSocketBadStatusException):
        return f"the server answered {error.status_code} instead of opening a WebSocket"
    return "cannot connect" if isinstance(error, OSError) else "the server does not speak WebSocket"


def _why_lost(error: Exception, cut: bool) -> str:
    if cut:
        return "the service stops"
    if isinstance(error, websocket.WebSocketConnectionClosedException | OSError):
        return "the connection broke"
    return "Twitch sent what cannot be read"
