#!/usr/bin/env python3
"""Connects a host of MCP to the service in OBS: prints its configuration, or with --write puts it into its file.

The host starts tools/mcp_stdio.py, which finds the token where the service keeps it, so that none is in the host's
file. With --http it calls the service itself, and takes the token from the environment or asks for it. --write keeps
whatever else is in the file, and a copy of it as it was; twice is once. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Final

import _venv

_venv.require_python()

from connecting import Problem, merge  # noqa: E402
from connecting.hosts import HOSTS, TOKEN, Host, Machine, Server  # noqa: E402

BRIDGE: Final = _venv.ROOT / "tools" / "mcp_stdio.py"
USUAL_URL: Final = "http://127.0.0.1:3040"


def main() -> int:
    options = _options()
    server = _server(options)
    if options.host == "generic":
        print(_generic(server))
        return 0
    host = HOSTS[options.host]
    if options.http and not host.takes_url:
        print(f"error: {host.title} reaches no address on this machine: leave --http out", file=sys.stderr)
        return 1
    path = host.path(Machine(sys.platform, os.environ, Path.home()))
    if not options.write:
        print(_printed(host, server), end="")
        print(f"\nThis belongs into {path}; --write puts it there. {_notes(host, server)}", file=sys.stderr)
        return 0
    try:
        said = _write(host, server, path)
    except (Problem, OSError, UnicodeError) as problem:
        print(f"error: {path} is as it was: {problem}", file=sys.stderr)
        return 1
    print(f"{said} {_notes(host, server)}")
    return 0


def _write(host: Host, server: Server, path: Path) -> str:
    before = path.read_bytes() if path.exists() else None
    text = "" if before is None else before.decode("utf-8-sig")
    after = (merge.in_toml if host.toml else merge.in_json)(text, host.entries(server))
    if after == text:
        return f"{path} has it already."
    backup = merge.write(path, before, after)
    return f"Wrote {path}." if backup is None else f"Wrote {path}; as it was it is in {backup.name}."


def _printed(host: Host, server: Server) -> str:
    entries = host.entries(server)
    return merge.toml(entries) if host.toml else json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def _notes(host: Host, server: Server) -> str:
    if server.command:
        return host.note
    return f"{host.note} The host needs the token in its environment as {TOKEN}, unless it asks for it."


def _generic(server: Server) -> str:
    command = " ".join(f'"{part}"' if " " in part else part for part in server.command) or "-"
    return "\n".join(
        [
            f"Command:  {command}",
            f"Address:  {server.url}   (Streamable HTTP)",
            f"Header:   Authorization: Bearer <{TOKEN}, kept in secrets.json of the service's folder>",
        ]
    )


def _server(options: argparse.Namespace) -> Server:
    url = options.url.rstrip("/").removesuffix("/mcp")
    if options.http:
        return Server((), f"{url}/mcp")
    # What is not said is found by the bridge itself, each time it starts.
    more = [] if url == USUAL_URL else ["--url", url]
    for name in ("data_dir", "token_file"):
        if given := getattr(options, name):
            more += [f"--{name.replace('_', '-')}", str(Path(given).expanduser().absolute())]
    return Server((sys.executable, str(BRIDGE), *more), f"{url}/mcp")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Connect a host of MCP to the service in OBS.")
    parser.add_argument("host", nargs="?", choices=[*HOSTS, "generic"], default="generic", help="(default: generic)")
    parser.add_argument("--write", action="store_true", help="change the host's file; a copy of it is kept")
    parser.add_argument("--http", action="store_true", help="have the host call the service itself")
    parser.add_argument("--url", default=USUAL_URL, help="the service (default: %(default)s)")
    parser.add_argument("--token-file", help="a file with another token, such as that of a named agent")
    parser.add_argument("--data-dir", default="", help="the service's folder, where that is an unusual one")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
