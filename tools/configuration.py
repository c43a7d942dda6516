#!/usr/bin/env python3
"""Writes docs/configuration.md from the one table of settings. A test fails while the two differ.

Standard library only.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import _venv

_venv.require_python()
sys.path.insert(0, str(_venv.ROOT / "obs_plugin"))

from clawcraft.panel import fields  # noqa: E402
from clawcraft.settings import OBSOLETE, SETTINGS, Setting, Whole  # noqa: E402

REFERENCE = _venv.ROOT / "docs" / "configuration.md"
_GROUPS = (("Service", ("PORT", "TOOL_")), ("OBS", ("OBS_",)), ("Twitch", ("TWITCH_",)))
_HEAD = """\
# Configuration

Written by `tools/configuration.py` from `obs_plugin/clawcraft/settings.py`; change it there.

Each setting is looked for in this order, and the first place that has it wins:

1. the environment that OBS was started with, `NAME`
2. a file named in the environment, `NAME_FILE` (for mounted secrets)
3. the secret store, for secrets: `secrets.json` in OBS's folder `plugin_config/twitch-clawcraft`
4. the panel: Tools, Scripts, twitch_clawcraft.py
5. the default

An empty value counts as not set. A wrong value is named in the panel and the log; the service then does not start, or
goes on with the settings it had. Changes in the panel apply one second after the last keystroke; only another port or
address restarts the HTTP server, and a running job goes on. What the environment sets is shown in the panel and cannot
be changed there.
"""


def reference() -> str:
    """The whole document."""
    parts = [_HEAD]
    for title, prefixes in _GROUPS:
        rows = [row for row in SETTINGS if row.name.startswith(prefixes)]
        parts.append(f"## {title}\n\n| setting | default | in the panel | what |\n| --- | --- | --- | --- |")
        parts.extend(_line(row) for row in rows)
        parts.append("")
    parts.extend(_panel_only())
    return "\n".join(parts) + "\n"


def _line(row: Setting) -> str:
    return f"| `{row.name}` | {_default(row)} | {_in_panel(row)} | {row.help}{_range(row)} |"


def _default(row: Setting) -> str:
    if row.secret:
        return "generated" if row.name == "TOOL_SERVICE_TOKEN" else "none"
    if row.name == "TOOL_SERVICE_ALLOWED_CLIENTS":
        return "`loopback`"
    if isinstance(row.default, bool):
        return f"`{str(row.default).lower()}`"
    return f"`{row.default}`" if row.default not in ("", (), {}) else "empty"


def _range(row: Setting) -> str:
    if not isinstance(row.parse, Whole):
        return ""
    unit = f" {row.unit}" if row.unit else ""
    return f" {row.parse.minimum} to {row.parse.maximum}{unit}."


def _in_panel(row: Setting) -> str:
    if row.name == fields.DISABLED.name:
        return "Actions, the switches"
    if row.name == fields.OWN_LIMITS.name:
        return "Actions, the limits"
    return next((field.label for field in fields.FIELDS if field.name == row.name), "")


def _panel_only() -> Iterator[str]:
    yield "## Only in the panel\n"
    yield "- **A pause outlasts a restart of OBS**: else OBS starts with the agent let in."
    yield "- **The pause hotkey**: OBS, Settings, Hotkeys, *twitch-clawcraft: pause the agent / let it go on*."
    yield ""
    yield "## Ignored\n"
    names = " and ".join(f"`{name}`" for name in OBSOLETE)
    yield f"{names} belong to tools that reach OBS over WebSocket. If set, the log says that they are ignored."


if __name__ == "__main__":
    REFERENCE.write_text(reference(), "utf-8")
    print(f"Written: {REFERENCE}")
