#!/usr/bin/env python3
"""Prints the OpenClaw configuration that connects the plugin to the OBS on this machine, for ``openclaw config patch``.

The token is not in it: OpenClaw reads it where the service keeps it. Where OpenClaw runs on another machine, or the
token comes from the environment, take ``config_snippet.json`` instead.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

PLUGIN_ID: Final = "twitch-clawcraft"
PROVIDER: Final = "twitch-clawcraft"
SECRETS_FILE: Final = "secrets.json"


def snippet(secrets_file: Path, port: int = 3040, *, signed: bool = False, confirm: bool = False) -> dict[str, Any]:
    """A patch for ``openclaw.json``.

    ``secrets_file`` is the service's secret store; ``signed`` whether it holds a signature secret too; ``confirm``
    whether a person is to approve each start; where not, the patch leaves that as it is.
    """
    config: dict[str, Any] = {"baseUrl": f"http://127.0.0.1:{port}", "token": _secret("TOOL_SERVICE_TOKEN")}
    if signed:
        config["signatureSecret"] = _secret("TOOL_SERVICE_SIGNATURE_SECRET")
    if confirm:
        config["confirmGoLive"] = True
    return {
        "secrets": {"providers": {PROVIDER: {"source": "file", "path": str(secrets_file), "mode": "json"}}},
        "plugins": {"entries": {PLUGIN_ID: {"enabled": True, "config": config}}},
    }


def is_signed(secrets_file: Path) -> bool:
    """Whether the service's secret store holds a signature secret; not where there is none yet, or it is broken."""
    try:
        return "TOOL_SERVICE_SIGNATURE_SECRET" in json.loads(secrets_file.read_text("utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def _secret(name: str) -> dict[str, str]:
    return {"source": "file", "provider": PROVIDER, "id": f"/{name}"}


def _stores(obs_config_dir: Path | None) -> list[Path]:
    """The secret stores of the OBS configuration folders on this machine, or of the one that is meant."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from installer.homes import given_home, homes_of

    homes = [given_home(obs_config_dir)] if obs_config_dir else homes_of(sys.platform, os.environ, Path.home())
    return [home.own_folder / SECRETS_FILE for home in homes]


def main() -> int:
    parser = argparse.ArgumentParser(description="Print OpenClaw's configuration for the OBS on this machine.")
    parser.add_argument("--obs-config-dir", type=Path, help="OBS's configuration folder, if it is an unusual one")
    parser.add_argument("--port", type=int, default=os.environ.get("PORT") or "3040", help="(default: %(default)s)")
    parser.add_argument("--confirm", action="store_true", help="a person has to approve each start")
    options = parser.parse_args()
    stores = [path for path in _stores(options.obs_config_dir) if path.is_file()]
    if not stores:
        return _nothing("there is no token yet: start OBS with the script once, then try again")
    if len(stores) > 1:
        listed = ", ".join(str(path.parents[2]) for path in stores)
        return _nothing(f"several OBS configurations: choose one with --obs-config-dir: {listed}")
    config = snippet(stores[0], options.port, signed=is_signed(stores[0]), confirm=options.confirm)
    print(json.dumps(config, indent=2))
    return 0


def _nothing(why: str) -> int:
    """``openclaw config patch`` behind the pipe gets a patch that changes nothing, and says so in one line."""
    print(f"error: {why}", file=sys.stderr)
    print("{}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
