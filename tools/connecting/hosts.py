"""The hosts: what each calls a server, and where its configuration is on each system. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

NAME: Final = "twitch-clawcraft"
TOKEN: Final = "TOOL_SERVICE_TOKEN"
"""The environment variable that hosts take the token from."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Machine:
    """Whose files they are; ``platform`` as ``sys.platform``."""

    platform: str
    environment: Mapping[str, str]
    home: Path

    def application(self, name: str) -> Path:
        """The folder in which a desktop application keeps its own."""
        if self.platform == "win32":
            return Path(self.environment.get("APPDATA") or self.home / "AppData/Roaming") / name
        if self.platform == "darwin":
            return self.home / "Library/Application Support" / name
        return Path(self.environment.get("XDG_CONFIG_HOME") or self.home / ".config") / name

    def folder(self, variable: str, usual: str) -> Path:
        """The folder in ``variable``, else the usual one in the home folder."""
        return Path(self.environment.get(variable) or self.home / usual)


@dataclass(frozen=True, slots=True)
class Server:
    """The service: the ``command`` that speaks MCP for it, or, where that is empty, its ``url``."""

    command: tuple[str, ...]
    url: str

    def started(self, **more: str) -> Json:
        return {**more, "command": self.command[0], "args": list(self.command[1:])}

    def called(self, reference: str, **more: str) -> Json:
        return {**more, "url": self.url, "headers": {"Authorization": f"Bearer {reference}"}}


@dataclass(frozen=True, slots=True)
class Host:
    """``path`` is its file, ``entries`` what is to stand in there; ``note`` says what else there is to do."""

    title: str
    path: Callable[[Machine], Path]
    entries: Callable[[Server], Json]
    note: str
    takes_url: bool = True
    toml: bool = False


def _claude_code(server: Server) -> Json:
    body = server.started(type="stdio") if server.command else server.called(f"${{{TOKEN}}}", type="http")
    return {"mcpServers": {NAME: body}}


def _claude_desktop(server: Server) -> Json:
    return {"mcpServers": {NAME: server.started()}}


def _cursor(server: Server) -> Json:
    return {"mcpServers": {NAME: server.started() if server.command else server.called(f"${{env:{TOKEN}}}")}}


def _vscode(server: Server) -> Json:
    if server.command:
        return {"servers": {NAME: server.started(type="stdio")}}
    asked = {"type": "promptString", "id": NAME, "description": "Token of twitch-clawcraft", "password": True}
    return {"servers": {NAME: server.called(f"${{input:{NAME}}}", type="http")}, "inputs": [asked]}


def _openclaw(server: Server) -> Json:
    called = server.called(f"${{{TOKEN}}}", transport="streamable-http")
    return {"mcp": {"servers": {NAME: server.started() if server.command else called}}}


def _codex(server: Server) -> Json:
    body = server.started() if server.command else {"url": server.url, "bearer_token_env_var": TOKEN}
    return {"mcp_servers": {NAME: body}}


HOSTS: Final[Mapping[str, Host]] = {
    "claude-code": Host(
        "Claude Code",
        lambda machine: machine.folder("CLAUDE_CONFIG_DIR", "") / ".claude.json",
        _claude_code,
        "Close Claude Code before --write, since it writes this file too; /mcp in it then shows the server.",
    ),
    "claude-desktop": Host(
        "Claude Desktop",
        lambda machine: machine.application("Claude") / "claude_desktop_config.json",
        _claude_desktop,
        "Quit Claude Desktop completely and start it again.",
        takes_url=False,
    ),
    "cursor": Host(
        "Cursor",
        lambda machine: machine.home / ".cursor" / "mcp.json",
        _cursor,
        "Cursor asks whether to switch the server on, or: Settings, MCP.",
    ),
    "vscode": Host(
        "VS Code",
        lambda machine: machine.application("Code") / "User" / "mcp.json",
        _vscode,
        "In VS Code: MCP: List Servers, twitch-clawcraft, Start.",
    ),
    "openclaw": Host(
        "OpenClaw",
        lambda machine: Path(
            machine.environment.get("OPENCLAW_CONFIG_PATH")
            or machine.folder("OPENCLAW_STATE_DIR", ".openclaw") / "openclaw.json"
        ),
        _openclaw,
        "Or, without --write, pipe it into: openclaw config patch --stdin. The plugin (tools/openclaw) can more.",
    ),
    "codex": Host(
        "Codex",
        lambda machine: machine.folder("CODEX_HOME", ".codex") / "config.toml",
        _codex,
        "Start Codex again; /mcp in it shows the server.",
        toml=True,
    ),
}
