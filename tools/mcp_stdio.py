#!/usr/bin/env python3
"""MCP for hosts that start a command: hands each message on to the service in OBS, and its answer back.

One message a line on stdin and stdout, as MCP's stdio transport has it; nothing else is ever written to stdout. The
token is read for each message anew: from TOOL_SERVICE_TOKEN, the file in TOOL_SERVICE_TOKEN_FILE or --token-file, or
where the service keeps it. Standard library only.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import _venv

_venv.require_python()

import data_folder  # noqa: E402
from clawcraft.secrets import Secret, SecretStore, SecretStoreError  # noqa: E402
from service_client import NoAnswer, Reply, ServiceClient  # noqa: E402

TIMEOUT_S: Final = 60.0
"""For one answer; the service itself answers within half of it."""
AT_ONCE: Final = 16
"""Messages under way; the next one waits to be read."""
PARSE_ERROR: Final = -32700
NOT_SERVED: Final = -32000
_VERSION: Final = "io.modelcontextprotocol/protocolVersion"
_NAMED_BY: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_PLAIN: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


class Problem(Exception):
    """Raised where no answer can be had; the message says what to do."""


class Bridge:
    """Each message in a thread of its own: one that waits for a stream keeps no other waiting."""

    def __init__(self, url: str, token: TokenSource, out: BinaryIO) -> None:
        self._url = url
        self._token = token
        self._out = out
        self._writing = threading.Lock()
        self._places = threading.Semaphore(AT_ONCE)
        self._running: set[threading.Thread] = set()

    def run(self, source: BinaryIO) -> None:
        """Until ``source`` ends and everything that came is answered."""
        for line in source:
            if line.strip():
                self._places.acquire()
                thread = threading.Thread(target=self._serve, args=(line,), name="mcp-message", daemon=True)
                self._running = {other for other in self._running if other.is_alive()} | {thread}
                thread.start()
        for thread in self._running:
            thread.join()

    def _serve(self, line: bytes) -> None:
        try:
            answer = self._answer(line)
            if answer is not None:
                with self._writing:
                    self._out.write(json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
                    self._out.flush()
        except OSError:
            pass  # the host is gone
        finally:
            self._places.release()

    def _answer(self, line: bytes) -> dict[str, Any] | None:
        """None where there is nothing to say."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            return _error(None, PARSE_ERROR, f"this is not JSON: {error}")
        message_id = message.get("id") if isinstance(message, dict) else None
        is_request = isinstance(message, dict) and "method" in message and message_id is not None
        try:
            client = ServiceClient(self._url, self._token.read(), timeout_s=TIMEOUT_S)
            reply = client.post("/mcp", line.strip(), _headers(message))
            if reply.status == 202:
                return None
            if reply.body.get("jsonrpc") == "2.0":
                return reply.body
            problem, data = _said(reply, self._url), reply.error or None
        except NoAnswer as error:
            problem, data = _down(self._url, error), None
        except Problem as error:
            problem, data = str(error), None
        # Nobody asked for an answer to a notification; whoever did is told.
        return _error(message_id, NOT_SERVED, problem, data) if is_request or not isinstance(message, dict) else None


class TokenSource:
    """Where the token is. ``given`` comes from the environment; else it is in ``file``, or in the service's store in
    ``folder``."""

    def __init__(self, given: str, file: Path | None, folder: Path) -> None:
        self._given = given
        self._file = file
        self._store = SecretStore(folder)

    def read(self) -> Secret:
        """Raises Problem."""
        if self._given:
            return Secret(self._given)
        try:
            stored = self._store.get("TOOL_SERVICE_TOKEN") if self._file is None else _secret(self._file)
        except (OSError, UnicodeDecodeError) as error:
            reason = str(error) if isinstance(error, SecretStoreError) else f"{type(error).__name__}"
            raise Problem(f"The token cannot be read from {self._file or self._store.path}: {reason}.") from None
        if not stored:
            raise Problem(
                f"There is no token in {self._file or self._store.path}: start OBS with the script twitch-clawcraft "
                "once, or set TOOL_SERVICE_TOKEN."
            )
        return stored


def _secret(file: Path) -> Secret:
    return Secret(file.read_text("utf-8").strip())


def _headers(message: Any) -> dict[str, str]:
    """Those that HTTP wants of MCP 2026-07-28, where the message says by itself that it is of that."""
    params: Any = message.get("params") if isinstance(message, dict) else None
    meta = params.get("_meta") if isinstance(params, dict) else None
    version = meta.get(_VERSION) if isinstance(meta, dict) else None
    method = message.get("method") if isinstance(message, dict) else None
    if not isinstance(version, str) or not isinstance(method, str):
        return {}
    name = params.get("taskId" if method.startswith("tasks/") else _NAMED_BY.get(method, ""))
    named = {"Mcp-Name": _fit(name)} if isinstance(name, str) else {}
    return {"MCP-Protocol-Version": _fit(version), "Mcp-Method": _fit(method), **named}


def _fit(text: str) -> str:
    """``text`` as a header can carry it."""
    if _PLAIN.fullmatch(text):
        return text
    return f"=?base64?{base64.b64encode(text.encode('utf-8', 'replace')).decode()}?="


def _down(url: str, error: NoAnswer) -> str:
    return (
        f"Nothing answers at {url} ({error.reason}): start OBS, see in Tools, Scripts whether twitch_clawcraft.py "
        "listens there, then try again."
    )


def _said(reply: Reply, url: str) -> str:
    if not reply.error:
        return f"What answers at {url} is not twitch-clawcraft (HTTP {reply.status}): check the address."
    return f"{reply.message}. {reply.error.get('hint', '')}".strip()


def _error(message_id: Any, code: int, text: str, data: Mapping[str, Any] | None = None) -> dict[str, Any]:
    more = {} if data is None else {"data": data}
    return {"jsonrpc": "2.0", "id": message_id, "error": {"code": code, "message": text, **more}}


def main() -> int:
    parser = argparse.ArgumentParser(description="MCP over stdio, for hosts that start a command.")
    port = os.environ.get("PORT") or "3040"
    parser.add_argument("--url", default=f"http://127.0.0.1:{port}", help="the service (default: %(default)s)")
    parser.add_argument("--token-file", type=Path, help="a file with the token, such as that of a named agent")
    data_folder.add_option(parser)
    options = parser.parse_args()
    file = options.token_file or os.environ.get("TOOL_SERVICE_TOKEN_FILE")
    given = "" if options.token_file else os.environ.get("TOOL_SERVICE_TOKEN", "").strip()
    token = TokenSource(given, Path(file) if file else None, data_folder.find(options.data_dir))
    url = options.url.rstrip("/").removesuffix("/mcp")
    try:
        Bridge(url, token, sys.stdout.buffer).run(sys.stdin.buffer)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
