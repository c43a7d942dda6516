"""The nginx of docs/nginx.conf, as it stands there: TLS and client certificates before the service; nothing lost."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from obs_mock.scenarios import Timings
from tests.observability.test_alerts import require
from tests.service.conftest import Studio
from tests.support.mcp_client import McpClient
from tests.support.paths import ROOT
from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.tool_client import ToolClient, stored_token
from tests.support.waiting import HANG_S, wait_until

CONFIG = ROOT / "docs" / "nginx.conf"


class Certificates:
    """An authority, and what it signed: the server's and an agent's; and an agent's that another authority signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for authority in ("ca", "other-ca"):
            self._openssl(
                "req", "-x509", *self._key(authority), "-out", f"{authority}.crt", "-subj", f"/CN={authority}"
            )
        (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
        for name, authority in (("server", "ca"), ("agent", "ca"), ("stranger", "other-ca")):
            self._openssl("req", *self._key(name), "-out", f"{name}.csr", "-subj", f"/CN={name}")
            signed_by = ("-CA", f"{authority}.crt", "-CAkey", f"{authority}.key", "-CAcreateserial")
            self._openssl("x509", "-req", "-in", f"{name}.csr", *signed_by, "-extfile", "names", "-out", f"{name}.crt")
        shutil.copy(folder / "ca.crt", folder / "agents-ca.crt")

    def pair(self, name: str) -> tuple[str, str]:
        return str(self.folder / f"{name}.crt"), str(self.folder / f"{name}.key")

    def _key(self, name: str) -> tuple[str, ...]:
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key")

    def _openssl(self, *arguments: str) -> None:
        command = [require("openssl", "openssl"), *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=HANG_S)
        assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def proxy(folder: Path, service_port: int, certificates: Certificates) -> Iterator[int]:
    """A real nginx over the file; only ports and the place of the certificates are others."""
    port = free_port()
    text = CONFIG.read_text("utf-8").replace("/etc/nginx/clawcraft", str(certificates.folder))
    text = text.replace("listen 8443", f"listen 127.0.0.1:{port}").replace(
        "127.0.0.1:3040", f"127.0.0.1:{service_port}"
    )
    (folder / "clawcraft.conf").write_text(text, "utf-8")
    temporary = "".join(f"{each}_temp_path {folder}/{each};" for each in ("proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr warn;"
        f"events {{ worker_connections 64; }} http {{ access_log off; client_body_temp_path {folder}/body; {temporary}"
        f"include {folder}/clawcraft.conf; }}",
        "utf-8",
    )
    process = Process([require("nginx", "nginx"), "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr"])
    try:
        wait_until(lambda: _listens(port), f"nginx listens; it said {process.lines()}")
        yield port
    finally:
        process.kill()


def _listens(port: int) -> bool:
    try:
        requests.get(f"https://127.0.0.1:{port}/", timeout=HANG_S)
    except requests.exceptions.SSLError:
        return True  # its certificate is of an authority that nobody knows
    except requests.RequestException:
        return False
    return True


def test_agents_come_through_with_a_certificate_and_nobody_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("nginx", "nginx")
    certificates = Certificates(tmp_path / "certificates")
    with Studio(tmp_path / "home", Timings().scaled(0.05)) as studio:
        studio.client().close()
        token = stored_token(studio.folder)
        with proxy(tmp_path, studio.port, certificates) as port:
            agent = ToolClient(port, token)
            agent.url = f"https://localhost:{port}"
            agent._session.verify = str(tmp_path / "certificates" / "ca.crt")
            for name in ("", "stranger"):
                agent._session.cert = certificates.pair(name) if name else None
                refused = agent.get("/status")
                assert refused.status_code == 400
                assert "nginx" in refused.text
            agent._session.cert = certificates.pair("agent")

            # A start by long poll, and one that waits in vain; MCP; a refusal of the service's own.
            assert agent.run("twitch.start_stream", "through-tls")["status"] == "done"
            assert agent.status()["obs"]["stream"]["live"]
            assert agent.get("/events", wait=1).status_code == 200
            mcp = McpClient(port, token)
            mcp.url = f"{agent.url}/mcp"
            mcp._session.cert, mcp._session.verify = agent._session.cert, agent._session.verify
            tools = mcp.post(mcp.message("tools/list")).json()["result"]["tools"]
            assert "twitch_start_stream" in {tool["name"] for tool in tools}
            mcp.close()
            assert agent.get("/operator").status_code == 404
            assert agent.get("/operator/state").status_code == 404
            del agent._session.headers["Authorization"]
            assert agent.get("/status").json()["error"]["code"] == "unauthorized"
            agent.close()


def test_the_firewalls_of_the_documentation_name_the_ports_of_the_proxy_and_the_service() -> None:
    text = (ROOT / "docs" / "production.md").read_text("utf-8")
    assert "listen 8443 ssl" in CONFIG.read_text("utf-8")
    for firewall in ("nft add rule", "ufw ", "New-NetFirewallRule"):
        rules = "\n".join(line for line in text.splitlines() if line.startswith(f"    {firewall}"))
        assert "8443" in rules
        assert "3040" in rules
