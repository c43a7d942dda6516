"""Stands between a client of MCP that has no option for a token and the service: adds the token, and, for a suite that
calls fixtures by its own names, lets tools, prompts and resources of ours play them.
"""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.loopback import Handler, Loopback
from tests.support.mcp_client import NAMED_BY
from tests.support.waiting import HANG_S


@dataclass(frozen=True, slots=True)
class Player:
    """What of ours plays a fixture: its name or URI, with these arguments; ``renamed`` are those that keep their value
    under another name."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)


class McpProxy(Loopback):
    """Listens on a port of its own while entered, in front of the service on ``port``. ``players`` by the name of the
    fixture."""

    def __init__(self, port: int, token: str, players: Mapping[str, Player] | None = None) -> None:
        class Forwarded(Handler):
            protocol_version = "HTTP/1.1"

            def _forward(self) -> None:
                headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                body = _cast(self.body(), headers, players or {})
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HANG_S)
                connection.request(self.command, self.path, body, {**headers, "Authorization": f"Bearer {token}"})
                answer = connection.getresponse()
                content = answer.read()
                connection.close()
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() != "connection":
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = _forward

        super().__init__(Forwarded)
        self.url = f"{self.address}/mcp"


def _cast(body: bytes, headers: dict[str, str], players: Mapping[str, Player]) -> bytes:
    """``body`` with the player in the fixture's place; where the header names the fixture, it names the player too."""
    try:
        message = json.loads(body)
        params, key = message["params"], NAMED_BY[message["method"]]
        fixture = params[key]
        player = players[fixture]
    except (ValueError, KeyError, TypeError):
        return body
    given = params.get("arguments") or {}
    kept = {new: given[old] for old, new in player.renamed.items() if old in given}
    params |= {key: player.name} if key == "uri" else {key: player.name, "arguments": {**player.arguments, **kept}}
    for name in [name for name in headers if name.lower() == "mcp-name" and headers[name].strip() == fixture]:
        headers[name] = player.name
    body = json.dumps(message).encode()
    for name in [name for name in headers if name.lower() == "content-length"]:
        headers[name] = str(len(body))
    return body
