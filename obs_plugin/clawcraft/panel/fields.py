"""What the panel offers, as data: which setting is edited where, under which words. No OBS, no state."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from clawcraft.actions import catalogue
from clawcraft.settings import MAX_PER_MIN, SETTINGS, Setting, Whole

BY_NAME: Final = {row.name: row for row in SETTINGS}


class Kind(StrEnum):
    """How a setting is edited."""

    NUMBER = "number"
    TEXT = "text"
    FLAG = "flag"
    SCENE = "scene"
    SECRET = "secret"


@dataclass(frozen=True, slots=True)
class Field:
    """One setting in the panel. ``label`` replaces the variable's name, ``help`` its help text where the streamer
    needs other words."""

    name: str
    label: str
    kind: Kind
    help: str = ""

    @property
    def key(self) -> str:
        """The key in the script's settings."""
        return self.name.lower()

    @property
    def setting(self) -> Setting:
        return BY_NAME[self.name]

    @property
    def help_text(self) -> str:
        return self.help or self.setting.help

    @property
    def limits(self) -> Whole:
        """The range of a NUMBER."""
        parse = self.setting.parse
        if not isinstance(parse, Whole):
            raise TypeError(f"{self.name} is no whole number")
        return parse


@dataclass(frozen=True, slots=True)
class ActionFields:
    """The switch and the limit of one action; both are parts of a setting that lists actions."""

    action: catalogue.Action

    @property
    def switch_key(self) -> str:
        return f"action_{self.action.key}"

    @property
    def limit_key(self) -> str:
        return f"limit_{self.action.key}"

    @property
    def on_at_first(self) -> bool:
        return self.action.policy is not catalogue.Policy.OFF


SERVICE: Final = (
    Field("PORT", "Port", Kind.NUMBER),
    Field("TOOL_SERVICE_BIND", "Listen on", Kind.TEXT),
    Field("TOOL_SERVICE_ALLOWED_CLIENTS", "Allowed clients", Kind.TEXT),
)
ACCESS: Final = (
    Field(
        "TOOL_SERVICE_TOKEN",
        "Own token",
        Kind.SECRET,
        "Only if you want a token of your own, at least 16 characters; else the generated one is used.",
    ),
    Field(
        "TOOL_SERVICE_SIGNATURE_SECRET",
        "Signing secret",
        Kind.SECRET,
        "If set, the agent must sign every request with it (HMAC-SHA256).",
    ),
)
TIMESTAMP: Final = Field("TOOL_SERVICE_REQUIRE_TIMESTAMP", "Require a timestamp in signatures", Kind.FLAG)
CLIENT_ID: Final = Field(
    "TWITCH_CLIENT_ID", "Client id", Kind.TEXT, "Of your application at dev.twitch.tv/console (type: public)."
)
TWITCH_SECRETS: Final = (
    Field("TWITCH_CLIENT_SECRET", "Client secret", Kind.SECRET, "Leave empty for a public application."),
)
CHANNELS: Final = Field(
    "TWITCH_ALLOWED_CHANNELS", "Other channels", Kind.TEXT, "Further channels that the agent may name, by login."
)
SCENE: Final = Field(
    "OBS_STREAM_SCENE", "Scene at start", Kind.SCENE, "OBS switches to it before the agent starts the stream."
)
STREAM: Final = (
    SCENE,
    Field("OBS_STREAM_OPERATION_TIMEOUT_MS", "Start and stop timeout", Kind.NUMBER),
    Field("OBS_OPERATION_RETRIES", "Retries", Kind.NUMBER),
)
RATE: Final = Field("TOOL_ACTION_RATE_LIMIT_PER_MIN", "Limit of each action", Kind.NUMBER)
ACTIONS: Final = tuple(ActionFields(action) for action in catalogue.ACTIONS)
DISABLED: Final = Field("TOOL_DISABLED_ACTIONS", "Switched off", Kind.TEXT)
POLICY: Final = Field("TOOL_ACTION_POLICY", "Policies", Kind.TEXT)
OWN_LIMITS: Final = Field("TOOL_ACTION_RATE_LIMITS", "Own limits", Kind.TEXT)

FIELDS: Final = (*SERVICE, *ACCESS, TIMESTAMP, CLIENT_ID, *TWITCH_SECRETS, CHANNELS, *STREAM, RATE)
SECRETS: Final = tuple(field for field in FIELDS if field.kind is Kind.SECRET)
LARGEST_LIMIT: Final = MAX_PER_MIN
