"""The way to the real Twitch is TLS: the same deadlines and the same end there, and no unknown certificate."""

import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from clawcraft.clock import SystemClock
from clawcraft.errors import Stopping, Timeout, TwitchUnavailable
from tests.support.twitch_rig import Rig, connected
from twitch_sim import TwitchSim

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")


class RealClock(SystemClock):
    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2", *curve, *subject, "-keyout", str(path)]
    made = subprocess.run([*command, "-out", "-"], capture_output=True, check=True, timeout=60)
    path.write_bytes(path.read_bytes() + made.stdout)
    return path


@pytest.fixture
def rig(certificate: Path, tmp_path: Path) -> Iterator[Rig]:
    """The rig with a local Twitch that speaks TLS, trusted only if the test says so."""
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


@pytest.fixture
def trusted(rig: Rig, certificate: Path) -> Rig:
    rig.twitch._transport._session.verify = str(certificate)
    rig.start().twitch.helix("").ready()
    return rig


def test_actions_work_over_tls_and_share_connections(trusted: Rig) -> None:
    for number in range(5):
        assert trusted.run("set_title", {"title": f"Title {number}"})["verified"] is True


def test_an_unknown_certificate_is_refused_before_anything_is_sent(rig: Rig) -> None:
    with pytest.raises(TwitchUnavailable) as raised:
        rig.start().run("post_chat_message", {"message": "x"})
    assert raised.value.details["reason"] == "TLS failed"
    assert rig.sim.world.endpoints() == []


def test_a_hang_over_tls_ends_at_the_deadline(trusted: Rig) -> None:
    trusted.change(action_timeout_s=0.4)
    trusted.sim.fault("POST /chat/messages", hang=True)
    began = time.monotonic()
    with pytest.raises(Timeout):
        trusted.run("post_chat_message", {"message": "x"})
    assert 0.39 <= time.monotonic() - began < 3


def test_close_ends_a_hang_over_tls(trusted: Rig) -> None:
    trusted.sim.fault("POST /chat/messages", hang=True)
    with ThreadPoolExecutor(1) as pool:
        action = pool.submit(trusted.run, "post_chat_message", {"message": "x"})
        trusted.sim.world.wait_for("POST /chat/messages", 1)
        began = time.monotonic()
        trusted.twitch.close()
        assert time.monotonic() - began < 2
        assert isinstance(action.exception(timeout=5), Stopping)


def test_a_trickle_over_tls_ends_at_the_deadline(trusted: Rig) -> None:
    trusted.change(action_timeout_s=0.4)
    trusted.sim.fault("GET /channels", trickle=True, times=9)
    began = time.monotonic()
    with pytest.raises(Timeout):
        trusted.run("set_title", {"title": "x"})
    assert 0.39 <= time.monotonic() - began < 3
