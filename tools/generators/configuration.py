"""``docs/configuration.md``: the table of settings and the table of actions, as the streamer reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from clawcraft.actions.catalogue import ACTIONS, Action, Kind
from clawcraft.panel import fields
from clawcraft.settings import OBSOLETE, SETTINGS, Setting, Whole

REFERENCE: Final = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
_GROUPS = (("Service", ("PORT", "TOOL_")), ("OBS", ("OBS_",)), ("Twitch", ("TWITCH_",)))
_HEAD = """\
# Configuration

Written by `tools/generate.py` from `obs_plugin/clawcraft/settings.py` and `actions/catalogue.py`; change it there.

Each setting is looked for in this order, and the first place that has it wins:

1. the environment that OBS was started with, `NAME`
2. a file named in the environment, `NAME_FILE` (for mounted secrets)
3. the secret store, for secrets: `secrets.json` in OBS's folder `plugin_config/twitch-clawcraft`
4. the panel: Tools, Scripts, twitch_clawcraft.py
5. the default

The panel's values lie in the scene collection, which people share: only what the panel draws counts, and what
opens the service to other machines counts once you press *Confirm* there (it is kept in `confirmed.json`).
An empty value counts as not set. A wrong value is named in the panel and the log; the service then does not start, or
goes on with what the panel had before; secrets, guard rails and what each action may do count at once all the same.
Changes in the panel apply one second after the last keystroke; only another port or
address restarts the HTTP server, and a running job goes on. What the environment sets is shown in the panel and cannot
be changed there.
"""

_RAILS = """\
Bounds for agents, each off until you set it; only a raid is possible nowhere until you list channels. None holds for
you. What you set in the panel is kept in `guard_rails.json`, beside `secrets.json`: it holds in every scene collection
of this machine, and no collection says anything about it. The environment comes first, as everywhere. Rails count at
once, also for what is queued; what is beyond one is answered with `refused_by_guard_rail` before anything has happened.
A stop is never refused.

Words are looked for whole, in whatever case and Unicode form, and also with dots, spaces or invisible characters
between their letters; letters of another alphabet that look alike, and digits for letters, pass. The scene at start is
always allowed. A start counts from its beginning, for an hour, unless the stream was up already or OBS never got to
connect; its retries are not further ones. The longest stream is one that an agent's start put on air: it is bound to
that start, also over a reload of the script, and if you set or lower the limit below what has passed, the stream ends a
minute later.
"""


def files() -> dict[Path, str]:
    """The whole document."""
    parts = [_HEAD]
    for title, prefixes in _GROUPS:
        rows = [row for row in SETTINGS if row.name.startswith(prefixes) and not row.rail]
        parts.extend(_table(title, rows))
    parts.extend(_table("Guard rails", [row for row in SETTINGS if row.rail], _RAILS))
    parts.extend(_actions())
    parts.extend(_panel_only())
    return {REFERENCE: "\n".join(parts) + "\n"}


def _table(title: str, rows: list[Setting], introduction: str = "") -> Iterator[str]:
    yield f"## {title}\n"
    if introduction:
        yield introduction
    yield "| setting | default | in the panel | what |\n| --- | --- | --- | --- |"
    yield from map(_line, rows)
    yield ""


def _line(row: Setting) -> str:
    return f"| `{row.name}` | {_default(row)} | {_in_panel(row)} | {row.help}{_range(row)} |"


def _default(row: Setting) -> str:
    if row.secret:
        return "generated" if row.name == "TOOL_SERVICE_TOKEN" else "none"
    if isinstance(row.default, bool):
        return f"`{str(row.default).lower()}`"
    return f"`{row.default}`" if row.default != "" else "empty"


def _range(row: Setting) -> str:
    if not isinstance(row.parse, Whole):
        return ""
    unit = f" {row.unit}" if row.unit else ""
    return f" {row.parse.minimum} to {row.parse.maximum}{unit}."


def _in_panel(row: Setting) -> str:
    if row.name in (fields.DISABLED.name, fields.POLICY.name):
        return "Actions"
    if row.name == fields.EVENTS.name:
        return "Hearing, the switches"
    if row.name == fields.OWN_LIMITS.name:
        return "Actions, the limits"
    return next((field.label for field in fields.FIELDS if field.name == row.name), "")


def _actions() -> Iterator[str]:
    yield "## Actions\n"
    yield "What an agent may ask for. What is off at first is switched on in the panel, or by `TOOL_ACTION_POLICY`.\n"
    yield "| action | the agent may | answered with | at first | a minute | Twitch scope |"
    yield "| --- | --- | --- | --- | --- | --- |"
    yield from map(_action_line, ACTIONS)
    yield ""
    yield "Policies and limits are of every agent; those of a named agent (`tools/agents.py`, kept in `agents.json`)"
    yield "only narrow them, and each agent's requests count for itself.\n"


def _action_line(action: Action) -> str:
    limit = f"{action.limit.per_min:g}, {action.limit.burst} at once" if action.limit else "the limit of each action"
    scope = f"`{action.scope}`" if action.scope else ""
    answer = "a job" if action.kind is Kind.ASYNC else "its result"
    return f"| `{action.name}` | {action.label} | {answer} | {action.policy} | {limit} | {scope} |"


def _panel_only() -> Iterator[str]:
    yield "## Only in the panel\n"
    yield "- **A pause outlasts a restart of OBS**: else OBS starts with the agent let in. Neither a reload of the"
    yield "  script nor a change of the scene collection ends a pause."
    yield "- **The hotkeys**: OBS, Settings, Hotkeys, *twitch-clawcraft: pause the agent / let it go on*, and the same"
    yield "  with *allow what the agent asks first* and *deny what the agent asks first*. They are kept in"
    yield "  `hotkeys.json`, beside `secrets.json`, and hold in every scene collection."
    yield ""
    yield "## Ignored\n"
    names = " and ".join(f"`{name}`" for name in OBSOLETE)
    yield f"{names} belong to tools that reach OBS over WebSocket. If set, the log says that they are ignored."
