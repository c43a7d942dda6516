"""A local Twitch and the service's Twitch side, on a clock that stands still."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clock import ManualClock
from tests.support.real_obs import obs_required
from tests.support.twitch_rig import RealClock, Rig, connected
from twitch_sim import TwitchSim


@pytest.fixture
def sim(clock: ManualClock) -> Iterator[TwitchSim]:
    with TwitchSim(clock) as sim:
        yield sim


@pytest.fixture
def rig(sim: TwitchSim, clock: ManualClock, tmp_path: Path) -> Iterator[Rig]:
    rig = connected(sim, tmp_path, clock)
    yield rig
    rig.close()


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Rig]:
    """A rig in real time."""
    clock: Any = RealClock()
    with TwitchSim(clock) as sim:
        rig = connected(sim, tmp_path, clock)
        yield rig
        rig.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        (pytest.fail if obs_required() else pytest.skip)("needs the openssl command")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2", *curve, *subject, "-keyout", str(path)]
    made = subprocess.run([*command, "-out", "-"], capture_output=True, check=True, timeout=60)
    path.write_bytes(path.read_bytes() + made.stdout)
    return path


@pytest.fixture
def secure(certificate: Path, tmp_path: Path) -> Iterator[Rig]:
    """A rig whose local Twitch speaks TLS as the real one does, with a certificate that nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    clock: Any = RealClock()
    sim = TwitchSim(clock)
    sim._server.socket = context.wrap_socket(sim._server.socket, server_side=True, do_handshake_on_connect=False)
    with sim:
        url = sim.url.replace("http:", "https:")
        rig = connected(sim, tmp_path, clock, twitch_api_url=f"{url}/helix", twitch_auth_url=f"{url}/oauth2")
        yield rig
        rig.close()


class Silent:
    """A port that takes connections and says nothing."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._accepted: list[socket.socket] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def first_byte(self) -> None:
        """Until a client has connected and said something; the connection stays open."""
        self._accepted.append(self._listener.accept()[0])
        self._accepted[-1].recv(1)

    def close(self) -> None:
        for sock in (*self._accepted, self._listener):
            sock.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    silent = Silent()
    yield silent
    silent.close()
