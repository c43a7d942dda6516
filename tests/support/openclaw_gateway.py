"""A real OpenClaw gateway with the plugin, in folders of its own.

The package (800 MB, with a Node.js that is new enough) is installed from npm once, into a cache folder outside the
repository: ``CLAWCRAFT_OPENCLAW_DIR``, or one below the user's cache folder.
"""

import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import requests

from tests.support.paths import TOOLS
from tests.support.ports import free_port

VERSION = "2026.9.6"
NODE = "26"
PLUGIN = TOOLS / "openclaw"
APPROVER = Path(__file__).with_name("openclaw_approver.mjs")
PLUGIN_ID = "twitch-clawcraft"
GATEWAY_TOKEN = "gateway-token-0123456789abcdef"
READY_S = 180


def installation() -> Path:
    """The folder with the installed packages; installs them when they are missing."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("CLAWCRAFT_OPENCLAW_DIR") or cache / "twitch-clawcraft" / "openclaw" / VERSION)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".complete").exists():
            (folder / "package.json").write_text('{"private": true}\n')
            # In two steps: OpenClaw's own install script wants the new Node.js already.
            for package in (f"node@{NODE}", f"openclaw@{VERSION}"):
                _npm_install(folder, package)
            (folder / ".complete").touch()
    return folder


def _npm_install(folder: Path, package: str) -> None:
    npm = shutil.which("npm")
    assert npm is not None, "npm is needed to install OpenClaw"
    command = ["nice", npm, "install", "--no-audit", "--no-fund", package]
    path = os.pathsep.join((str(folder / "node_modules" / ".bin"), os.environ["PATH"]))
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr[-4000:]


def plugin_patch(config: Mapping[str, Any]) -> dict[str, Any]:
    """The patch that gives the plugin this configuration."""
    return {"plugins": {"entries": {PLUGIN_ID: {"enabled": True, "config": dict(config)}}}}


def payload_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """What a tool's result says to the model."""
    payload: dict[str, Any] = json.loads(result["content"][0]["text"])
    return payload


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _merged(base[key], value) for key, value in over.items() if isinstance(base.get(key), dict)}
    return {**base, **over, **both}


class Gateway:
    """One gateway. ``patch`` is what a user gives ``openclaw config patch`` after installing the plugin, ``more`` is
    laid over the gateway's own configuration. ``env`` is where its SecretRefs are resolved from.
    """

    def __init__(
        self,
        folder: Path,
        model_url: str,
        patch: Mapping[str, Any],
        env: Mapping[str, str],
        more: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._model_url = model_url
        self._patch = patch
        self._more = more or {}
        self._bin = installation() / "node_modules" / ".bin"
        self._env = {
            "PATH": os.pathsep.join((str(self._bin), os.environ["PATH"])),
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "OPENCLAW_STATE_DIR": str(folder / "state"),
            "OPENCLAW_CONFIG_PATH": str(self._config_path),
            "OPENCLAW_GATEWAY_TOKEN": GATEWAY_TOKEN,
            "NO_COLOR": "1",
            **env,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {GATEWAY_TOKEN}"

    def __enter__(self) -> Self:
        for name in ("home", "tmp", "state", "workspace"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._config_path.write_text(json.dumps(self._config(), indent=1))
        try:
            self.install_output = self.cli("plugins", "install", str(PLUGIN), "--force", "--accept-capabilities")
            (self.folder / "patch.json").write_text(json.dumps(self._patch))
            self.cli("config", "patch", "--file", str(self.folder / "patch.json"))
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        self._session.close()
        self.kill()

    def kill(self) -> None:
        """End the gateway as a crash does."""
        if self._process is not None:
            # The whole group: the gateway keeps helper processes.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def start(self) -> None:
        """Run the gateway, again after ``kill``, with the state and configuration there is."""
        with (self.folder / "gateway.out").open("wb") as out:
            self._process = subprocess.Popen(
                [str(self._bin / "openclaw"), "gateway", "run"],
                env=self._env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_S
        while not self._is_ready():
            output = (self.folder / "gateway.out").read_text(errors="replace")
            assert self._process.poll() is None, f"the gateway ended:\n{output}"
            assert time.monotonic() < deadline, f"the gateway is not ready after {READY_S} s:\n{output}"
            time.sleep(0.25)

    @property
    def _config_path(self) -> Path:
        return self.folder / "openclaw.json"

    @property
    def log_path(self) -> Path:
        return self.folder / "gateway.log"

    def cli(self, *arguments: str) -> str:
        """Run the ``openclaw`` command; its output."""
        done = subprocess.run(
            [str(self._bin / "openclaw"), *arguments], env=self._env, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    @contextmanager
    def approver(self, decision: str) -> Iterator[None]:
        """Somebody answers each approval prompt with ``decision``, ``allow-once`` or ``deny``."""
        command = [str(self._bin / "node"), str(APPROVER), str(installation()), f"ws://127.0.0.1:{self.port}", decision]
        with subprocess.Popen(command, env=self._env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None
                assert json.loads(process.stdout.readline()) == {"ready": True}
                yield
            finally:
                process.kill()

    def invoke(self, tool: str, args: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What a tool says, through ``/tools/invoke``."""
        answer = self.invoke_raw(tool, args)
        assert answer.status_code == 200, answer.text
        return payload_of(answer.json()["result"])

    def invoke_raw(self, tool: str, args: Mapping[str, Any] | None = None) -> requests.Response:
        body = {"tool": tool, "args": dict(args or {}), "agentId": "main"}
        return self._session.post(f"{self.url}/tools/invoke", json=body, timeout=100)

    def say(self, message: str, agent: str = "main", session_key: str | None = None) -> str:
        """One agent turn: the agent's answer to a user's message."""
        headers = {"x-openclaw-session-key": session_key} if session_key else {}
        body = {"model": f"openclaw/{agent}", "messages": [{"role": "user", "content": message}]}
        answer = self._session.post(f"{self.url}/v1/chat/completions", json=body, headers=headers, timeout=110)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["choices"][0]["message"]["content"])

    @contextmanager
    def said_and_left(self, message: str, session_key: str) -> Iterator[None]:
        """One agent turn of a user who goes away when the block ends, which aborts it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=110)
        body = {"model": "openclaw/main", "messages": [{"role": "user", "content": message}]}
        headers = {"Authorization": f"Bearer {GATEWAY_TOKEN}", "x-openclaw-session-key": session_key}
        try:
            connection.request(
                "POST", "/v1/chat/completions", json.dumps(body), {**headers, "Content-Type": "application/json"}
            )
            yield
        finally:
            connection.close()

    def _config(self) -> dict[str, Any]:
        model = {"id": "script", "name": "script", "contextWindow": 128_000, "maxTokens": 4096}
        provider = {"baseUrl": self._model_url, "apiKey": "none", "api": "openai-completions", "models": [model]}
        config: dict[str, Any] = {
            "gateway": {
                "mode": "local",
                "bind": "loopback",
                "port": self.port,
                "auth": {"mode": "token", "token": GATEWAY_TOKEN},
                "controlUi": {"enabled": False},
                "http": {"endpoints": {"chatCompletions": {"enabled": True}}},
            },
            "update": {"checkOnStart": False},
            "discovery": {"mdns": {"mode": "off"}},
            "logging": {"file": str(self.log_path)},
            "models": {"mode": "replace", "providers": {"scripted": provider}},
            "agents": {
                "defaults": {
                    "model": {"primary": "scripted/script"},
                    "workspace": str(self.folder / "workspace"),
                    "skipBootstrap": True,
                }
            },
        }
        return _merged(config, self._more)

    def _is_ready(self) -> bool:
        try:
            return self._session.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False
