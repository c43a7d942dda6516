"""All that touches more of waitress than its public interface, each use with its reason: how bytes become a request,
how a malformed one still gets an answer of the contract, and when a connection ends.

Written against waitress 3.0.2; tests/http/test_waitress.py says so clearly on any other. A connection belongs to the
thread that leads (``workers.py``), and while it runs a request to the thread that serves it.
"""

import logging
import math
import select
import socket
import time
from collections import deque
from functools import lru_cache
from typing import Any, Final, NamedTuple

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import WSGITask
from waitress.utilities import RequestEntityTooLarge, build_http_date

from clawcraft.http.workers import Workers

MAX_BODY_BYTES: Final = 64 * 1024
MAX_HEADER_BYTES: Final = 16 * 1024
LINGER_S: Final = 2.0
LINGER_BYTES: Final = 2 * 1024 * 1024
"""How long and how much of a refused request is still read and thrown away: closing a connection with unread bytes
resets it, and the client would never see why it was refused."""
NEWCOMER_S: Final = 0.1
"""What a new connection gets to send its request, before one that waits for its place may have it."""

REFUSED: Final = "clawcraft.refused"
"""environ key: waitress's own error, for a request that is no valid HTTP; else None."""
MAY_BLOCK: Final = "clawcraft.may_block"
"""environ key: ``() -> None``, called before whatever may wait for anything but the processor."""
TOKEN_CHECKED: Final = "clawcraft.token_checked"
"""environ key: ``(right: bool) -> None``, called with each verdict on a bearer token: who has shown none, or a wrong
one, is a stranger. A stranger's connection has little time, makes room for others, and ends with the first refusal."""
CLIENT_GONE: Final = "waitress.client_disconnected"
"""environ key, waitress's own: ``() -> bool``, True once the client closed its side."""

_logger = logging.getLogger("clawcraft.http")
_poll: Final = wasyncore.poll2 if hasattr(select, "poll") else wasyncore.poll  # select() fails beyond 1023 open files


class Timeouts(NamedTuple):
    """How long a connection may do what, in seconds."""

    request_s: float
    """For a request to arrive completely, and for an answer to be fetched."""
    idle_s: float
    """Silence of one that has shown the token."""
    stranger_s: float
    """From the beginning, or the last answer, to the next complete request of one that has not."""


TIMEOUTS: Final = Timeouts(request_s=15.0, idle_s=75.0, stranger_s=5.0)


class StrictParser(HTTPRequestParser):  # type: ignore[misc]
    """Refuses what proxies and servers are known to read differently (RFC 9112, sections 6.1 and 6.3)."""

    # waitress leaves these unset when the first line makes no sense, and still answers through the application.
    command = "GET"
    path = "/"
    query = ""
    request_uri = "/"
    url_scheme = "http"

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.begun_s = time.monotonic()

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
    """One request on its way through the application, which also words the answer to one that is no valid HTTP."""

    wrote_header: bool

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ[REFUSED] = self.request.error
        environ[MAY_BLOCK] = self.channel.server.task_dispatcher.may_block
        environ[TOKEN_CHECKED] = self.channel.token_checked
        return environ

    def execute(self) -> None:
        if self.request.error is not None:
            self.channel.refused = True
            self.set_close_on_finish()
        super().execute()
        self.channel.answered_s = time.monotonic()

    def build_response_header(self) -> bytes:
        if self.status >= "400" and self.channel.is_stranger:
            self.channel.refused = True
            self.set_close_on_finish()
        is_usual = self.version == "1.1" and self.content_length is not None and not self.close_on_finish
        if not is_usual or "CONNECTION" in self.request.headers:
            head: bytes = super().build_response_header()
            return head
        # The same as waitress makes of it, in a quarter of the time: a tenth of what a poll takes.
        headers = sorted([*self.response_headers, ("Date", _http_date(int(self.start_time)))])
        return "\r\n".join([f"HTTP/1.1 {self.status}", *map(": ".join, headers), "", ""]).encode("latin-1")

    def write(self, data: bytes) -> None:
        # Head and body in one packet, where waitress makes two: a client is woken once.
        if self.wrote_header or not data or self.content_length != len(data):
            super().write(data)
            return
        head = self.build_response_header()
        self.wrote_header = True
        self.content_bytes_written = len(data)
        self.channel.write_soon(head + data)


@lru_cache(maxsize=1)
def _http_date(unix_s: int) -> str:
    return str(build_http_date(unix_s))


class Channel(HTTPChannel):  # type: ignore[misc]
    """One connection."""

    parser_class = StrictParser
    task_class = error_task_class = Task
    refused = False
    is_stranger = True
    """Has not shown the token, or a wrong one since."""
    _lingering_since_s: float | None = None
    _lingered_bytes = 0
    _sends = False
    """A worker sends its answer right now."""

    def __init__(self, *parts: Any, **options: Any) -> None:
        self.answered_s = time.monotonic()
        """When the last answer was given; at first, when the connection began."""
        super().__init__(*parts, **options)

    def token_checked(self, right: bool) -> None:
        self.is_stranger = not right

    @property
    def last_activity(self) -> float:
        return self._active_s

    @last_activity.setter
    def last_activity(self, _wall_s: float) -> None:
        # waitress writes down wall time here; a clock put forward would end every connection.
        self._active_s = time.monotonic()

    def received(self, data: bytes) -> bool:
        if self._lingering_since_s is None:
            return bool(super().received(data))
        self._lingered_bytes += len(data)
        if self._lingered_bytes > LINGER_BYTES:
            self.handle_close()
        return False

    def handle_close(self) -> None:
        # waitress's one way to end a connection: after the last answer, when the client has closed, on an error.
        if self.refused and self._lingering_since_s is None and self.connected and not self.total_outbufs_len:
            self._lingering_since_s = time.monotonic()
            self.will_close = False
            try:
                self.socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            else:
                return
        super().handle_close()

    def check_client_disconnected(self) -> bool:
        # waitress's own finds out only with channel_request_lookahead, which lets the loop close the socket that a
        # worker writes to, and leaves a client that closed only its sending side without its answer.
        sock = self.socket
        if sock is None or not self.connected:
            return True
        try:
            return not sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def writable(self) -> bool:
        # waitress's loop would find, again and again until the worker has the processor back, that it must not send
        # itself: on a busy machine that is a hundred turns for an answer.
        return bool(not self._sends and super().writable())

    def write_soon(self, data: Any) -> int:
        self._sends = not self.total_outbufs_len  # with something left from before, this may wait for the loop
        try:
            return int(super().write_soon(data))
        finally:
            self._sends = False
            if self.total_outbufs_len:  # the loop was told of it at a moment when it was not to look
                self.server.pull_trigger()

    def _flush_outbufs_below_high_watermark(self) -> None:
        # Called before each answer: with very much unsent, it waits for the thread that leads.
        if self.total_outbufs_len > self.adj.outbuf_high_watermark:
            self.server.task_dispatcher.may_block()
        super()._flush_outbufs_below_high_watermark()

    @property
    def idle(self) -> bool:
        """Nothing runs and nothing waits to be sent."""
        return not self.requests and not self.total_outbufs_len

    def overdue(self, timeouts: Timeouts) -> bool:
        """True for a request that takes too long to arrive, an answer nobody fetches, or long silence. Unlike with
        waitress's channel_timeout, a byte now and then does not keep a half-sent request alive."""
        now_s = time.monotonic()
        if self.requests:
            return False
        if self._lingering_since_s is not None:
            return now_s - self._lingering_since_s > LINGER_S
        if self.is_stranger and not self.total_outbufs_len:
            return now_s - self.answered_s > timeouts.stranger_s
        if self.request is not None and now_s - self.request.begun_s > timeouts.request_s:
            return True
        limit_s = timeouts.request_s if self.total_outbufs_len else timeouts.idle_s
        return bool(now_s - self._active_s > limit_s)

    def end(self) -> None:
        """Between turns, without lingering."""
        self.refused = False
        self.handle_close()


class Listener(TcpWSGIServer):  # type: ignore[misc]
    """A listening socket and its connections. The leading thread's, but for ``pull_trigger``, which wakes it."""

    channel_class = Channel
    next_channel_cleanup = math.inf
    """waitress would sweep by wall time, in the middle of a poll; see ``sweep``."""

    def __init__(self, app: Any, sock: socket.socket, workers: Workers, connection_limit: int) -> None:
        adjustments = Adjustments(
            sockets=[sock],
            ident=None,
            max_request_header_size=MAX_HEADER_BYTES,
            max_request_body_size=2 * MAX_BODY_BYTES,  # waitress counts chunk headers too; the gate counts exactly
            clear_untrusted_proxy_headers=False,  # nothing here reads them
            log_socket_errors=False,
        )
        sockinfo = (sock.family, sock.type, sock.proto, sock.getsockname())
        # Not create_server(), which knows neither another channel class nor, for its threads, a deadline at the end.
        super().__init__(app, _sock=sock, sockinfo=sockinfo, bind_socket=False, dispatcher=workers, adj=adjustments)
        self._limit = connection_limit
        self._turn_began_s = 0.0
        self._somebody_waits = False
        self._made_room = 0

    def pull_trigger(self) -> None:
        # waitress wakes its loop after each request; the thread that will look by itself need not be woken.
        if not self.task_dispatcher.leads():
            super().pull_trigger()

    @property
    def _is_full(self) -> bool:
        return len(self.active_channels) >= self._limit

    def readable(self) -> bool:
        # waitress lets newcomers wait at its limit until somebody leaves, however long that takes.
        return bool(self.accepting and (not self._is_full or self._leaving()))

    def handle_accept(self) -> None:
        # Not in the middle of a poll: who makes room may have sent a request that is read in this very one.
        self._somebody_waits = True

    def turn(self, timeout_s: float) -> None:
        """Wait for a connection to want something, and give it that; then let in who waits outside."""
        self._turn_began_s = time.monotonic()
        _poll(min(timeout_s, NEWCOMER_S) if self._is_full else timeout_s, self._map)
        if self._somebody_waits:
            self._somebody_waits = False
            self._let_in()

    def _let_in(self) -> None:
        leaving = self._leaving()
        # Many in a turn: whoever opens hundreds of connections must not delay the one behind them.
        for _ in range(max(1, self._limit // 4)):
            if self._is_full and not leaving:
                return
            try:
                accepted = self.accept()
                if accepted is None:
                    return
                sock, address = accepted
                self.set_socket_options(sock)
            except OSError:  # the client is gone, or the process has no file left
                return
            if self._is_full:
                leaving.popleft().end()
                self._made_room += 1
            self.channel_class(self, sock, address, self.adj, map=self._map)

    def _leaving(self) -> deque[Channel]:
        """Who makes room, in this order: strangers that ask nothing, the longest without an answer first. Without any
        stranger, the agent's connection that has been silent longest."""
        strangers = [channel for channel in self.active_channels.values() if channel.is_stranger]
        if strangers:
            # By this turn's beginning: on a busy machine a turn takes longer than a newcomer is given, and nobody has
            # looked since whether its request is there.
            before_s = self._turn_began_s - NEWCOMER_S
            idle = [channel for channel in strangers if not channel.requests and channel.answered_s < before_s]
            return deque(sorted(idle, key=lambda channel: channel.answered_s))
        idle = [channel for channel in self.active_channels.values() if channel.idle]
        return deque(sorted(idle, key=lambda channel: channel.last_activity)[:1])

    def sweep(self, timeouts: Timeouts) -> None:
        """Between turns, once a second or so: end what is overdue."""
        for channel in list(self.active_channels.values()):
            if channel.overdue(timeouts):
                channel.handle_close()
        if self._made_room:
            _logger.warning("%d idle connections were closed to make room for new ones", self._made_room)
            self._made_room = 0

    def close(self) -> None:
        """Between turns: listen no more, and close the connections where nothing runs."""
        wasyncore.dispatcher.close(self)
        self.close_channels(idle_only=True)

    def close_channels(self, *, idle_only: bool) -> bool:
        """Between turns; True if there is none left."""
        for channel in list(self.active_channels.values()):
            if channel.idle or not idle_only:
                channel.end()
        return not self.active_channels

    def close_trigger(self) -> None:
        """After the last thread has ended: whoever woke the loop then would write to a descriptor that may by now
        belong to another file."""
        self.trigger.close()
