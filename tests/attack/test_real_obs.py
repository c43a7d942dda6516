"""The worst that the network can do to the service, in a real OBS that streams: it goes on, and exits clean."""

import contextlib
import socket
from pathlib import Path

import pytest

from tests.http.test_wire import PIECES
from tests.support.crowd import Crowd
from tests.support.show import Show

pytestmark = pytest.mark.real_obs

HEAD = b"POST /tools/execute HTTP/1.1\r\nHost: localhost\r\n"
WORST = (
    HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    HEAD + b"Content-Length: 99999999999\r\n\r\n",
    b"GET /" + b"x" * 65_536,
    b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 10_000,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 1_000,
    b"".join(PIECES) * 20,
)


def throw(port: int, data: bytes) -> None:
    """What comes back is another test's affair."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=10) as sock,
    ):
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65_536):
            pass


def test_obs_streams_on_under_every_attack_and_exits_clean(tmp_path: Path) -> None:
    with Show(tmp_path) as show:
        assert show.client.run("twitch.start_stream", "start")["status"] == "done"
        with Crowd(show.port, 800) as crowd:
            for number in range(20):
                for data in WORST:
                    throw(show.port, data)
                deep = {"agent_id": "test-agent", "action": "twitch.set_title", "args": {"title": "x" * 60_000}}
                assert show.client.send(deep).status_code == 400
                assert show.client.status()["obs"]["stream"]["live"] is True, number
        assert crowd.reopened > 0
        assert show.client.run("twitch.stop_stream", "stop")["result"]["status"] == "stopped"
        assert show.obs.quit() == 0
        assert show.obs.memory_leaks() == 0
