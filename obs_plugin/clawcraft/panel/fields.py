"""What the panel edits: which setting under which words, as rows, and what stands in them, as values of the service.

OBS writes a script's settings to the scene collection in plain text, at moments of its own choosing, also while
somebody types. So no secret goes from here to the service, and NEVER_SAVED is erased right before a save.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.actions.catalogue import ACTIONS, Action
from clawcraft.heard import KINDS, Kind
from clawcraft.obs.script_ui import Info, Number, Row, ScriptSettings, Switch, Text
from clawcraft.panel.handover import shown_key
from clawcraft.panel.status import AMBER, coloured, escape
from clawcraft.settings import SECRET_NAMES, SETTINGS, Setting, Whole

BY_NAME: Final = {row.name: row for row in SETTINGS}


@dataclass(frozen=True, slots=True)
class Field:
    """One setting in the panel. ``label`` replaces the variable's name, ``words`` its help text where the streamer
    needs other words."""

    name: str
    label: str
    words: str = ""

    @property
    def key(self) -> str:
        """The key in the script's settings."""
        return self.name.lower()

    @property
    def setting(self) -> Setting:
        return BY_NAME[self.name]

    @property
    def help(self) -> str:
        return self.words or self.setting.help

    def problem(self, text: str) -> str:
        """What is wrong with ``text`` in this field, or an empty string. Empty text means 'not set'."""
        if text.strip():
            try:
                self.setting.parse(text)
            except ValueError as error:
                return f"{self.label} {error}"
        return ""


def policy_key(action: Action) -> str:
    """The key under which OBS's widget has what was chosen for an action, until ``policies.py`` keeps it."""
    return f"policy_{action.key.replace('.', '_')}"


def old_switch_key(action: Action) -> str:
    """The key of the switch that version 0.1.0 kept in the scene collection."""
    return f"action_{action.key.replace('.', '_')}"


def limit_key(action: Action) -> str:
    return f"limit_{action.key.replace('.', '_')}"


def hear_key(kind: Kind) -> str:
    return f"hear_{kind.name}"


SERVICE: Final = (
    Field("PORT", "Port"),
    Field("TOOL_SERVICE_BIND", "Listen on"),
    Field("TOOL_SERVICE_ALLOWED_CLIENTS", "Allowed clients"),
)
TOKEN: Final = Field(
    "TOOL_SERVICE_TOKEN",
    "Own token",
    "Only if you want a token of your own, at least 16 characters; else the generated one is used.",
)
SIGNATURE: Final = Field(
    "TOOL_SERVICE_SIGNATURE_SECRET",
    "Signing secret",
    "If set, the agent must sign every request with it (HMAC-SHA256).",
)
TIMESTAMP: Final = Field("TOOL_SERVICE_REQUIRE_TIMESTAMP", "Require a timestamp in signatures")
CLIENT_ID: Final = Field(
    "TWITCH_CLIENT_ID", "Client id", "Of your application at dev.twitch.tv/console (type: public)."
)
CLIENT_SECRET: Final = Field("TWITCH_CLIENT_SECRET", "Client secret", "Leave empty for a public application.")
CHANNELS: Final = Field(
    "TWITCH_ALLOWED_CHANNELS", "Other channels", "Further channels that the agent may name, by login."
)
SCENE: Final = Field("OBS_STREAM_SCENE", "Scene at start", "OBS switches to it before the agent starts the stream.")
STREAM: Final = (
    Field("OBS_STREAM_OPERATION_TIMEOUT_MS", "Start and stop timeout"),
    Field("OBS_OPERATION_RETRIES", "Retries"),
)
RATE: Final = Field("TOOL_ACTION_RATE_LIMIT_PER_MIN", "Limit of each action")
ASKING: Final = (
    Field("TOOL_APPROVAL_TIMEOUT_MS", "A question waits for you"),
    Field("TOOL_START_COUNTDOWN_MS", "Countdown after your yes to a start"),
)
DISABLED: Final = Field("TOOL_DISABLED_ACTIONS", "Switched off")
POLICY: Final = Field("TOOL_ACTION_POLICY", "Policies")
WEBHOOK: Final = Field(
    "TOOL_ALERT_WEBHOOK_URL",
    "Webhook for alerts",
    "From Discord (channel, Integrations, Webhooks) or Slack: it is told when a start fails, the stream drops, the "
    "Twitch login ends, OBS hangs or the disk is full, and when that is over. Keep the address to yourself.",
)
OWN_LIMITS: Final = Field("TOOL_ACTION_RATE_LIMITS", "Own limits")
EVENTS: Final = Field("TWITCH_EVENTS", "Heard")

RAILS: Final = (
    Field("TOOL_MAX_STREAM_MINUTES", "Longest stream"),
    Field("TOOL_START_HOURS", "Hours for a start"),
    Field("TOOL_STARTS_PER_HOUR", "Starts an hour"),
    Field("TOOL_ALLOWED_SCENES", "Scenes allowed"),
    Field("TOOL_REFUSED_WORDS", "Words refused"),
    Field("TOOL_REFUSE_LINKS", "Refuse links"),
    Field("TWITCH_RAID_TARGETS", "Channels to raid"),
)

FIELDS: Final = (
    *(*SERVICE, TOKEN, SIGNATURE, TIMESTAMP, CLIENT_ID, CLIENT_SECRET, CHANNELS, SCENE, *STREAM, RATE, WEBHOOK),
    *ASKING,
    *RAILS,
)
SECRETS: Final = tuple(field for field in FIELDS if field.setting.secret)
IN_COLLECTION: Final = tuple(field for field in FIELDS if not (field.setting.secret or field.setting.rail))
"""What the scene collection says of these counts."""
SHOWN_TOKEN: Final = "shown_token"
SHOWN_AGENT_TOKEN: Final = "shown_agent_token"
HANDOVER: Final = "copy_for_agent"
AGENT_HANDOVER: Final = "copy_for_new_agent"
KEEP_PAUSED: Final = "keep_paused"
HOTKEYS = PAUSE_HOTKEY, ALLOW_HOTKEY, DENY_HOTKEY = "pause_hotkey", "allow_hotkey", "deny_hotkey"
NEVER_SAVED: Final = (
    *(SHOWN_TOKEN, SHOWN_AGENT_TOKEN, shown_key(HANDOVER), shown_key(AGENT_HANDOVER)),
    *(name.lower() for name in SECRET_NAMES),
    *map(policy_key, ACTIONS),
    *HOTKEYS,
)


def rows_of(field: Field, typed: str) -> Iterator[Row]:
    """The rows of a setting: its widget and, below a text that is wrong, why; ``typed`` is what stands in it. What the
    environment sets is shown instead, and cannot be edited here."""
    row = field.setting
    origin = environment_origin(field)
    if origin:
        yield Info(f"{field.key}_set", field.label, origin)
    elif isinstance(row.parse, Whole):
        suffix, step = f" {row.unit}" if row.unit else "", 1000 if row.unit == "ms" else 1
        yield Number(field.key, field.label, row.parse.minimum, row.parse.maximum, suffix, step)
    elif isinstance(row.default, bool):
        yield Switch(field.key, field.label, help=field.help)
    else:
        yield Text(field.key, field.label, row.secret, help=field.help)
        yield Info(f"{field.key}_problem", "", coloured(AMBER, field.problem(typed)))


def environment_origin(field: Field) -> str:
    """What the environment sets this field to, as a text for the panel; empty if it does not."""
    value = os.environ.get(field.name, "").strip()
    if value:
        shown = "" if field.setting.secret else f"{escape(value)} "
        return f"{shown}<i>set by the environment variable {field.name}</i>"
    path = os.environ.get(f"{field.name}_FILE", "").strip()
    return f"<i>set by {field.name}_FILE, {escape(path)}</i>" if path else ""


def set_defaults(settings: ScriptSettings) -> None:
    """script_defaults: give OBS the default of each field, so that an untouched field shows what is in force."""
    for field in FIELDS:
        default = field.setting.default
        if default is not None:
            settings.set_default(field.key, default)
    for action in ACTIONS:
        settings.set_default(limit_key(action), 0)
    for kind in KINDS:
        settings.set_default(hear_key(kind), False)
    settings.set_default(KEEP_PAUSED, False)


def undrawn(raw: Mapping[str, Any]) -> list[str]:
    """The settings in ``raw`` that do not count: secrets and guard rails, which are kept elsewhere, and what the panel
    does not draw."""
    counts = {field.name for field in IN_COLLECTION}
    return [name for name in BY_NAME if name not in counts and str(raw.get(name.lower()) or "").strip()]


def service_values(raw: Mapping[str, Any]) -> dict[str, object]:
    """The panel's values by the lower-case names of SETTINGS: of what it draws, since somebody must be able to see what
    counts, and without secrets and guard rails."""
    values: dict[str, object] = {field.key: raw[field.key] for field in IN_COLLECTION if field.key in raw}
    lists = {
        EVENTS: [kind.name for kind in KINDS if raw.get(hear_key(kind))],
        OWN_LIMITS: [f"{action.name}={raw[limit_key(action)]}" for action in ACTIONS if raw.get(limit_key(action))],
    }
    return values | {field.key: ",".join(parts) for field, parts in lists.items() if parts}
