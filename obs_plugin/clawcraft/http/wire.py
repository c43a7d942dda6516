"""waitress made strict: how bytes become a request, and how a malformed one still gets an answer of the contract.

The parser and the channel belong to the server's loop thread, a task to a worker.
"""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import WSGITask
from waitress.utilities import RequestEntityTooLarge

MAX_BODY_BYTES: Final = 64 * 1024
MAX_HEADER_BYTES: Final = 16 * 1024
LINGER_S: Final = 2.0
LINGER_BYTES: Final = 2 * 1024 * 1024
"""How long and how much of a refused request is still read and thrown away: closing a connection with unread bytes
resets it, and the client would never see why it was refused."""

REFUSED: Final = "clawcraft.refused"
"""environ key: waitress's own error, for a request that is no valid HTTP."""
CLIENT_GONE: Final = "clawcraft.client_gone"
"""environ key: ``() -> bool``, True once the client closed its side."""


class StrictParser(HTTPRequestParser):  # type: ignore[misc]
    """Refuses what proxies and servers are known to read differently (RFC 9112, sections 6.1 and 6.3)."""

    # waitress leaves these unset when the first line makes no sense, and still answers through the application.
    command = "GET"
    path = "/"
    query = ""
    request_uri = "/"
    url_scheme = "http"

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError:
            # urlsplit on brackets, int() on thousands of digits: waitress lets both through to its loop.
            raise ParsingError("the request line or Content-Length is invalid") from None
        if self.version not in ("1.0", "1.1"):
            raise ParsingError("the HTTP version is not 1.0 or 1.1")
        if "TRANSFER_ENCODING" in self.headers:
            raise ParsingError("Transfer-Encoding in HTTP/1.0")
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("both Content-Length and Transfer-Encoding")
        if self.proxy_netloc:
            self.headers["HOST"] = self.proxy_netloc
        if self.content_length > MAX_BODY_BYTES:
            self.error = RequestEntityTooLarge("")
            self.completed = True
        if self.body_rcv is None or self.error is not None:
            # No 100 for a body that does not come or is not wanted: waitress would then wait for it.
            self.expect_continue = False


class Task(WSGITask):  # type: ignore[misc]
    """One request on its way through the application."""

    wrote_header: bool

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ[CLIENT_GONE] = self.channel.client_gone
        return environ

    def write(self, data: bytes) -> None:
        # Head and body in one packet, where waitress makes two: a client is woken once.
        if self.wrote_header or not data or self.content_length != len(data):
            super().write(data)
            return
        head = self.build_response_header()
        self.wrote_header = True
        self.content_bytes_written = len(data)
        self.channel.write_soon(head + data)


class RefusedTask(Task):
    """A request that is no valid HTTP: the application words the answer, then the connection ends."""

    def get_environment(self) -> dict[str, Any]:
        environ = super().get_environment()
        environ[REFUSED] = self.request.error
        return environ

    def execute(self) -> None:
        self.channel.refused = True
        self.set_close_on_finish()
        super().execute()


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    parser_class = StrictParser
    task_class = Task
    error_task_class = RefusedTask

    def __init__(self, *args: Any, **named: Any) -> None:
        self.refused = False
        self._reading: Any = None
        self._reading_since = 0.0
        self._lingering_since: float | None = None
        self._lingered_bytes = 0
        super().__init__(*args, **named)

    def received(self, data: bytes) -> bool:
        answer: bool = super().received(data)
        if self.request is not self._reading:
            self._reading, self._reading_since = self.request, time.time()
        return answer

    def readable(self) -> bool:
        if self._lingering_since is not None:
            return True
        return not self.server.draining and bool(super().readable())

    def handle_read(self) -> None:
        if self._lingering_since is None:
            super().handle_read()
            return
        # recv closes the channel once the client has closed its side.
        self._lingered_bytes += len(self.recv(self.adj.recv_bytes))
        if self._lingered_bytes > LINGER_BYTES:
            self.handle_close()

    def handle_write(self) -> None:
        if not (self.refused and self.close_when_flushed):
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.will_close:
            self.handle_close()
        elif not self.total_outbufs_len:
            self._linger()

    def _linger(self) -> None:
        self.close_when_flushed = False
        self._lingering_since = time.time()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.handle_close()

    def client_gone(self) -> bool:
        """A worker, while it runs this channel's request. A client that closed only its sending side counts as
        gone too: it is answered at once instead of after a wait."""
        sock = self.socket
        if sock is None or not self.connected:
            return True
        try:
            return not sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    @property
    def idle(self) -> bool:
        """Nothing runs and nothing waits to be sent."""
        return not self.requests and not self.total_outbufs_len

    def overdue(self, now: float, request_timeout_s: float, idle_timeout_s: float) -> bool:
        """True for a request that takes too long to arrive, an answer nobody fetches, or long silence. Unlike
        waitress's own rule, a byte now and then does not keep a half-sent request alive."""
        if self.requests:
            return False
        if self._lingering_since is not None:
            return now - self._lingering_since > LINGER_S
        if self.request is not None and now - self._reading_since > request_timeout_s:
            return True
        limit_s = request_timeout_s if self.total_outbufs_len else idle_timeout_s
        return bool(now - self.last_activity > limit_s)


class Listener(TcpWSGIServer):  # type: ignore[misc]
    """The listening socket and its connections; ``pull_trigger`` wakes the loop and is safe after close."""

    channel_class = Channel
    draining = False

    def __init__(self, application: Callable[..., Any], sock: socket.socket, **named: Any) -> None:
        self._trigger_lock = threading.Lock()
        self._trigger_open = True
        sockinfo = (sock.family, sock.type, sock.proto, sock.getsockname())
        super().__init__(application, _sock=sock, sockinfo=sockinfo, bind_socket=False, **named)

    def set_reuse_addr(self) -> None:
        """Done before the socket was bound."""

    def maintenance(self, now: float) -> None:
        """The server's own loop sweeps connections; here it would close them while they are being polled."""

    def pull_trigger(self) -> None:
        # A worker may outlive the loop. waitress would then write to a closed descriptor, whose number may by now
        # belong to another file.
        with self._trigger_lock:
            if self._trigger_open:
                super().pull_trigger()

    def close_trigger(self) -> None:
        with self._trigger_lock:
            self._trigger_open = False
            self.trigger.close()

    def sweep(self, now: float, request_timeout_s: float, idle_timeout_s: float) -> None:
        """Loop thread, between polls: end what is overdue."""
        for channel in list(self.active_channels.values()):
            if channel.overdue(now, request_timeout_s, idle_timeout_s):
                channel.handle_close()

    def close_channels(self, *, idle_only: bool) -> None:
        """Loop thread, between polls."""
        for channel in list(self.active_channels.values()):
            if channel.idle or not idle_only:
                channel.handle_close()
