"""The HTTP side of the local Twitch: loopback only, one thread a connection, gone without a trace when closed."""

import contextlib
import json
import socket
import socketserver
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from twitch_sim import control, helix, oauth
from twitch_sim.answers import Answer, Asked
from twitch_sim.eventsub import PATH as EVENTSUB_PATH
from twitch_sim.faults import Fault, Faults
from twitch_sim.frames import Connection, accept_head
from twitch_sim.scenarios import SCENARIOS
from twitch_sim.world import CLIENT_ID, Clock, Received, Token, WallClock, World


class TwitchSim:
    """A Twitch on a port of its own. ``world`` is its state, ``fault`` makes calls go wrong.

    As a context manager it serves for the length of the block.
    """

    def __init__(self, clock: Clock | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        if not _is_loopback(host):
            raise ValueError("the local Twitch listens on loopback only")
        self.world = World(clock or WallClock())
        self.faults = Faults()
        self.stopping = threading.Event()
        self.defects: list[BaseException] = []
        self._server = _Server(host, port, self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="twitch-sim")

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def api_url(self) -> str:
        return f"{self.url}/helix"

    @property
    def auth_url(self) -> str:
        return f"{self.url}/oauth2"

    @property
    def eventsub_url(self) -> str:
        return f"{self.url.replace('http', 'ws', 1)}{EVENTSUB_PATH}"

    @property
    def control_url(self) -> str:
        return f"{self.url}/_sim"

    def environment(self, token: Token | None = None) -> dict[str, str]:
        """Settings that connect the service to this Twitch, with a pair of tokens that works."""
        pair = token or self.world.issue()
        return {
            "TWITCH_API_BASE_URL": self.api_url,
            "TWITCH_AUTH_BASE_URL": self.auth_url,
            "TWITCH_EVENTSUB_URL": self.eventsub_url,
            "TWITCH_CLIENT_ID": CLIENT_ID,
            "TWITCH_OAUTH_TOKEN": pair.access,
            "TWITCH_REFRESH_TOKEN": pair.refresh,
        }

    def fault(self, endpoint: str, **how: Any) -> None:
        """The next call of ``endpoint`` goes wrong; see ``Fault``."""
        self.faults.add(Fault(endpoint, **how))

    def play(self, scenario: str) -> dict[str, str]:
        """Behave as ``scenario`` says from now on; gives the settings that belong to it. Raises KeyError."""
        with self.world.lock:
            return dict(SCENARIOS[scenario].go(self.world, self.faults))

    def show_live(self, streaming: bool) -> None:
        """The first user's channel streams, or does not; may be said again and again."""
        channel = self.world.channels[self.world.users[0].id]
        if streaming == (channel.live_since is None):
            (self.world.go_live if streaming else self.world.go_offline)(channel.broadcaster_id)

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop listening, close every connection, join every thread. Raises what went wrong inside."""
        self.stopping.set()
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()
        if self.defects:
            raise RuntimeError("the local Twitch failed") from self.defects[0]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Joins its threads on ``server_close``, so that a test sees none left."""

    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = 256

    def __init__(self, host: str, port: int, sim: TwitchSim) -> None:
        self.sim = sim
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        super().__init__((host, port), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that goes away is nothing; anything else is a defect of the simulator, and close() raises it.
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.sim.defects.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "TwitchSim"
    sys_version = ""
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        if urlsplit(self.path).path == EVENTSUB_PATH:
            self._serve_events()
        else:
            self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The ``Date`` header: Twitch's own time, which a test may turn."""
        return super().date_time_string(self.server.sim.world.clock.time() if timestamp is None else timestamp)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        pass

    def _serve(self) -> None:
        sim = self.server.sim
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = self._asked(raw)
        if asked.path.startswith("/_sim/"):
            with sim.world.lock:
                found = control.answer(sim.world, sim.faults, asked)
            self._send(found)
            return
        record = Received(asked.method, asked.path, asked.query, asked.body or asked.form, asked.headers, 0)
        fault = sim.faults.take(record.endpoint)
        real: Answer | None = None
        with sim.world.lock:
            if fault is None or fault.applies or fault.delay_s:
                real = self._real(sim.world, asked)
            shown = Answer(fault.status, fault.body, fault.headers) if fault is not None and fault.status else real
            silent = fault is not None and (fault.hang or fault.drop or fault.trickle or fault.breaks)
            status = 0 if silent or shown is None else shown.status
            sim.world.record(Received(record.method, record.path, record.query, record.body, record.headers, status))
        if fault is not None and silent:
            self._misbehave(fault)
            return
        if fault is not None and fault.delay_s:
            sim.stopping.wait(fault.delay_s)
        if shown is not None:
            self._send(shown)

    def _serve_events(self) -> None:
        self.close_connection = True
        eventsub = self.server.sim.world.eventsub
        if eventsub.refuse_status:
            self._send(Answer(eventsub.refuse_status))
            return
        self.connection.sendall(accept_head(self.headers.get("Sec-WebSocket-Key", "")))
        eventsub.serve(Connection(self.connection), urlsplit(self.path).query, self.server.sim.stopping)

    def _real(self, world: World, asked: Asked) -> Answer:
        if asked.path.startswith("/oauth2/"):
            return oauth.answer(world, asked)
        return helix.answer(world, asked)

    def _misbehave(self, fault: Fault) -> None:
        self.close_connection = True
        stopping = self.server.sim.stopping
        with contextlib.suppress(OSError):
            if fault.hang:
                # Until the client gives up or the simulator closes: both end this read.
                self.connection.recv(1)
            elif fault.breaks:
                self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"data": [')
            elif fault.trickle:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                self.wfile.flush()
                while not stopping.wait(0.02):
                    self.wfile.write(b"z")
                    self.wfile.flush()

    def _asked(self, raw: bytes) -> Asked:
        parts = urlsplit(self.path)
        kind = self.headers.get("Content-Type", "")
        body: Mapping[str, Any] = {}
        form: Mapping[str, str] = {}
        if "json" in kind:
            with contextlib.suppress(ValueError):
                value = json.loads(raw)
                body = value if isinstance(value, dict) else {}
        elif raw:
            form = dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        return Asked(self.command, parts.path, query, body, form, headers)

    def _send(self, found: Answer) -> None:
        text = isinstance(found.body, str)
        body = b"" if found.status == 204 else str(found.body).encode() if text else json.dumps(found.body).encode()
        with contextlib.suppress(OSError):
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            if found.status != 204:
                self.send_header("Content-Type", "text/html" if text else "application/json; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()


def _is_loopback(host: str) -> bool:
    return host in ("127.0.0.1", "::1", "localhost")
