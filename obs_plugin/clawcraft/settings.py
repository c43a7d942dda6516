"""Every setting, in one table: environment, NAME_FILE, secret store, OBS panel, default, in that order.

A field of ``Settings`` is a setting's one definition; the loader, the panel and the configuration reference take it
from there. Read on the service's starter thread; the result is frozen.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from clawcraft.actions.catalogue import BY_NAME, Action, Limit, Policy
from clawcraft.heard import KINDS_BY_NAME
from clawcraft.hours import Hours, parse_hours
from clawcraft.secrets import Secret, SecretStore, new_token
from clawcraft.wording import can_be_refused

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
T = TypeVar("T")
Chosen = TypeVar("Chosen", bound=StrEnum)

OBSOLETE: Final = ("OBS_WS_URL", "OBS_WS_PASSWORD")
MAX_PER_MIN: Final = 100_000
MAX_REFUSED_WORDS: Final = 500


class SettingsError(ValueError):
    """One or more settings are wrong; ``problems`` has a sentence for each, never the text of a secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. ``name`` is the environment variable; the panel's key is the same in lower case.
    ``default`` is as somebody would write it, None for a secret that is not set; a row in ``ms`` is kept in seconds. A
    ``rail`` is set in the panel, and kept outside the scene collection (kept_rails.py)."""

    name: str
    default: int | bool | str | None
    parse: Callable[[str], Any]
    help: str
    secret: bool = False
    unit: str = ""
    rail: bool = False

    def value(self, text: str) -> Any:
        """What ``text`` means. Raises ValueError with what it must be."""
        value = self.parse(text)
        return value / 1000 if self.unit == "ms" else value

    def default_value(self) -> Any:
        return None if self.default is None else self.value(str(self.default))

    def field(self) -> Any:
        """This row as a field of ``Settings``."""
        return field(default_factory=self.default_value, metadata={"row": self})


@dataclass(frozen=True, slots=True)
class Whole:
    """Parses a whole number within a range, which the panel and the reference show."""

    minimum: int
    maximum: int

    def __call__(self, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,15}", text.strip()) or not self.minimum <= int(text) <= self.maximum:
            raise ValueError(f"must be a whole number from {self.minimum} to {self.maximum}")
        return int(text)


def _words(text: str) -> list[str]:
    return re.findall(r"[^,\s]+", text)


def _flag(text: str) -> bool:
    value = text.strip().lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise ValueError("must be true or false")


def _one_of(choices: type[Chosen]) -> Callable[[str], Chosen]:
    def parse(text: str) -> Chosen:
        try:
            return choices(text.strip().lower())
        except ValueError:
            raise ValueError(f"must be one of {', '.join(choices)}") from None

    return parse


def _text(text: str) -> str:
    return text.strip()


def _secret(text: str) -> Secret:
    value = text.strip()
    if re.search(r"[\x00-\x20\x7f]", value):
        raise ValueError("must not contain spaces or control characters")
    return Secret(value)


def _service_token(text: str) -> Secret:
    secret = _secret(text)
    if len(secret.reveal()) < 16:
        raise ValueError("must be at least 16 characters long")
    return secret


def _twitch_token(text: str) -> Secret:
    # Chat tools hand tokens out with the IRC prefix; Helix wants them without.
    return _secret(text.strip().removeprefix("oauth:"))


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise ValueError("must be an IP address such as 127.0.0.1 or ::1") from None


def _networks(text: str) -> tuple[IpNetwork, ...]:
    networks: list[IpNetwork] = []
    for part in _words(text):
        if part == "loopback":
            networks += [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")]
            continue
        try:
            networks.append(ipaddress.ip_network(part, strict=False))
        except ValueError:
            raise ValueError(
                f"{part!r} is not an IP address, a network such as 192.168.1.0/24, or 'loopback'"
            ) from None
    if not networks:
        raise ValueError("must name at least one address; 'loopback' is this machine only")
    return tuple(networks)


def _logins(text: str) -> tuple[str, ...]:
    logins = tuple(part.lower() for part in _words(text))
    for login in logins:
        if not re.fullmatch(r"[a-z0-9_]{2,25}", login):
            raise ValueError(f"{login!r} is not a Twitch login")
    return logins


def _login(text: str) -> str:
    logins = _logins(text)
    if len(logins) > 1:
        raise ValueError("must be one Twitch login")
    return logins[0] if logins else ""


def _digits(text: str) -> str:
    value = text.strip()
    if value and not re.fullmatch(r"[0-9]{1,20}", value):
        raise ValueError("must be a numeric Twitch user id")
    return value


def _hosts(text: str) -> tuple[str, ...]:
    return tuple(part.lower() for part in _words(text))


def require_safe_url(url: str) -> str:
    """``url`` without a slash at its end. Raises ValueError unless it is HTTPS, or HTTP to this machine (a mock)."""
    return _safe_url(url, "http", "https://api.twitch.tv/helix")


def require_safe_websocket_url(url: str) -> str:
    """The same for a WebSocket: ``wss``, or ``ws`` to this machine."""
    return _safe_url(url, "ws", "wss://eventsub.wss.twitch.tv/ws")


def _safe_url(url: str, plain: str, example: str) -> str:
    value = url.strip().rstrip("/")
    parts = urlsplit(value)
    if parts.username or parts.password or parts.query or parts.fragment or not parts.hostname:
        raise ValueError(f"must be a plain URL such as {example}")
    if parts.scheme == f"{plain}s":
        return value
    if parts.scheme != plain or not _is_this_machine(parts.hostname):
        raise ValueError(f"must use {plain}s (plain {plain} only for a server on this machine)")
    return value


def _is_this_machine(host: str | None) -> bool:
    try:
        return host is not None and (host == "localhost" or ipaddress.ip_address(host).is_loopback)
    except ValueError:
        return False


def require_webhook_url(url: str) -> str:
    """``url`` itself. Raises ValueError unless it is HTTPS, or HTTP to this machine; never with ``url`` in the text."""
    value = url.strip()
    try:
        parts = urlsplit(value)
        fits = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc and not parts.fragment
    except ValueError:
        fits = False
    if not fits or re.search(r"[\x00-\x20\x7f\\]", value):
        raise ValueError("must be an address such as https://discord.com/api/webhooks/…")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_this_machine(parts.hostname)):
        raise ValueError("must use https (plain http only for a receiver on this machine)")
    return value


def _webhook_url(text: str) -> Secret:
    return Secret(require_webhook_url(text))


class AlertFormat(StrEnum):
    """What the webhook's receiver understands."""

    AUTO = "auto"
    DISCORD = "discord"
    SLACK = "slack"
    JSON = "json"


def _events(text: str) -> tuple[str, ...]:
    chosen = {part.lower() for part in _words(text)}
    if unknown := sorted(chosen - KINDS_BY_NAME.keys()):
        raise ValueError(f"{unknown[0]!r} is no kind of event; there are {', '.join(KINDS_BY_NAME)}")
    return tuple(name for name in KINDS_BY_NAME if name in chosen)


def _action(text: str) -> str:
    name = text if "." in text else f"twitch.{text}"
    if name not in BY_NAME:
        raise ValueError(f"{text!r} is not an action; the actions are {', '.join(BY_NAME)}")
    return name


def _actions(text: str) -> tuple[str, ...]:
    return tuple(_action(part) for part in _words(text))


def _by_action(example: str, parse: Callable[[str], T]) -> Callable[[str], Mapping[str, T]]:
    def parse_all(text: str) -> dict[str, T]:
        values: dict[str, T] = {}
        for part in _words(text):
            name, separator, value = part.partition("=")
            if not separator:
                raise ValueError(f"must look like {example}")
            values[_action(name)] = parse(value)
        return values

    return parse_all


def _policy(text: str) -> Policy:
    try:
        return Policy(text.lower())
    except ValueError:
        raise ValueError(f"{text!r} is not a policy; the policies are {', '.join(Policy)}") from None


def _scenes(text: str) -> tuple[str, ...]:
    # A comma is common in a scene's name.
    return tuple(scene.strip() for scene in re.split(r"[;\r\n]", text) if scene.strip())


def _refused_words(text: str) -> tuple[str, ...]:
    words = tuple(_words(text))
    if len(words) > MAX_REFUSED_WORDS:
        raise ValueError(f"must be at most {MAX_REFUSED_WORDS} words")
    for word in words:
        if not can_be_refused(word):
            raise ValueError(f"{word!r} has no letter, digit or symbol")
    return words


class McpAccess(StrEnum):
    """Who gets in by ``POST /mcp``."""

    ON = "on"
    """Whoever has a token, unless a signing secret is set: MCP clients cannot sign."""
    UNSIGNED = "unsigned"
    """Whoever has a token, also with a signing secret set."""
    OFF = "off"


_DAY_MS: Final = 24 * 3600 * 1000
_limits: Final = _by_action("twitch.set_title=10,twitch.create_clip=5", Whole(1, MAX_PER_MIN))
_policies: Final = _by_action("twitch.create_clip=off,twitch.start_stream=ask", _policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, checked. Durations in seconds; ``origins`` tells where each row of SETTINGS came from."""

    port: int = Setting("PORT", 3040, Whole(1, 65535), "TCP port of the tool API.").field()
    bind: str = Setting(
        "TOOL_SERVICE_BIND", "127.0.0.1", _address, "Address to listen on; 127.0.0.1 is this machine only."
    ).field()
    allowed_clients: tuple[IpNetwork, ...] = Setting(
        "TOOL_SERVICE_ALLOWED_CLIENTS",
        "loopback",
        _networks,
        "Addresses or networks that may call; 'loopback' is this machine.",
    ).field()
    allowed_hosts: tuple[str, ...] = Setting(
        "TOOL_SERVICE_ALLOWED_HOSTS",
        "",
        _hosts,
        "Further Host names a client may use, besides loopback names and the bind address.",
    ).field()
    service_token: Secret = Setting(
        "TOOL_SERVICE_TOKEN",
        None,
        _service_token,
        "Bearer token of the agent, at least 16 characters; generated and stored if not set.",
        secret=True,
    ).field()
    signature_secret: Secret | None = Setting(
        "TOOL_SERVICE_SIGNATURE_SECRET", None, _secret, "If set, every POST must carry an HMAC signature.", secret=True
    ).field()
    require_timestamp: bool = Setting(
        "TOOL_SERVICE_REQUIRE_TIMESTAMP",
        True,
        _flag,
        "Refuse signatures without X-Tool-Timestamp, which can be replayed.",
    ).field()
    mcp: McpAccess = Setting(
        "TOOL_MCP",
        "on",
        _one_of(McpAccess),
        "MCP at /mcp: on, off, or unsigned. With a signing secret set, on means off, since MCP clients cannot sign; "
        "unsigned lets them in with the token alone.",
    ).field()
    action_timeout_s: float = Setting(
        "TOOL_SERVICE_TIMEOUT_MS", 25_000, Whole(1_000, 300_000), "Longest time of a sync action.", unit="ms"
    ).field()
    rate_limit_per_min: int = Setting(
        "TOOL_ACTION_RATE_LIMIT_PER_MIN",
        60,
        Whole(1, MAX_PER_MIN),
        "Requests a minute for each action (chat: 20 per 30 s, Twitch's own limit, unless listed below).",
    ).field()
    own_rate_limits: Mapping[str, int] = Setting(
        "TOOL_ACTION_RATE_LIMITS", "", _limits, "Own limits a minute, such as twitch.create_clip=5."
    ).field()
    disabled_actions: tuple[str, ...] = Setting(
        "TOOL_DISABLED_ACTIONS", "", _actions, "Actions that are switched off."
    ).field()
    action_policies: Mapping[str, Policy] = Setting(
        "TOOL_ACTION_POLICY",
        "",
        _policies,
        "What an agent may do with single actions: allow, ask (the streamer is asked each time) or off, such as "
        "twitch.start_stream=ask. What is not listed is chosen in the panel.",
    ).field()
    approval_timeout_s: float = Setting(
        "TOOL_APPROVAL_TIMEOUT_MS",
        120_000,
        Whole(1_000, 3_600_000),
        "How long a question to the streamer waits; no answer is a no.",
        unit="ms",
    ).field()
    start_countdown_s: float = Setting(
        "TOOL_START_COUNTDOWN_MS",
        5_000,
        Whole(0, 60_000),
        "Time between the streamer's yes and the start, in which a pause or a no still ends it.",
        unit="ms",
    ).field()
    alert_webhook_url: Secret | None = Setting(
        "TOOL_ALERT_WEBHOOK_URL",
        None,
        _webhook_url,
        "A webhook of Discord, of Slack, or one that takes JSON, which is told what goes wrong in a show.",
        secret=True,
    ).field()
    alert_format: AlertFormat = Setting(
        "TOOL_ALERT_FORMAT",
        "auto",
        _one_of(AlertFormat),
        "What that webhook understands: discord, slack, json, or auto (by its host).",
    ).field()
    job_ttl_s: float = Setting(
        "TOOL_JOB_TTL_MS", 7 * _DAY_MS, Whole(60_000, 365 * _DAY_MS), "How long ended jobs are kept.", unit="ms"
    ).field()
    max_stream_min: int = Setting(
        "TOOL_MAX_STREAM_MINUTES",
        0,
        Whole(0, 2880),
        "A stream that an agent started ends after that long, never one that you started; 0 is no limit.",
        unit="min",
        rail=True,
    ).field()
    start_hours: Hours | None = Setting(
        "TOOL_START_HOURS",
        "",
        parse_hours,
        "The only hours in which an agent may start the stream, by this machine's clock, such as 18:00-02:00.",
        rail=True,
    ).field()
    starts_per_hour: int = Setting(
        "TOOL_STARTS_PER_HOUR", 0, Whole(0, 60), "Starts that agents may make in an hour; 0 is no limit.", rail=True
    ).field()
    allowed_scenes: tuple[str, ...] = Setting(
        "TOOL_ALLOWED_SCENES",
        "",
        _scenes,
        "The only scenes an agent may show, besides the scene at start, separated by semicolons (so none with one in"
        " its name). While it is empty, a start may show any, and obs.switch_scene none.",
        rail=True,
    ).field()
    refused_words: tuple[str, ...] = Setting(
        "TOOL_REFUSED_WORDS",
        "",
        _refused_words,
        "Words an agent may not use in chat, titles and whatever else viewers read, separated by commas or spaces.",
        rail=True,
    ).field()
    refuse_links: bool = Setting(
        "TOOL_REFUSE_LINKS",
        False,
        _flag,
        "Refuse what looks like a link or a domain in whatever viewers read from an agent.",
        rail=True,
    ).field()
    raid_targets: tuple[str, ...] = Setting(
        "TWITCH_RAID_TARGETS",
        "",
        _logins,
        "The only channels an agent may raid, by login, separated by commas or spaces; empty is none.",
        rail=True,
    ).field()
    stream_operation_timeout_s: float = Setting(
        "OBS_STREAM_OPERATION_TIMEOUT_MS",
        20_000,
        Whole(1_000, 600_000),
        "Longest time of one try to start or stop.",
        unit="ms",
    ).field()
    obs_retries: int = Setting(
        "OBS_OPERATION_RETRIES", 2, Whole(0, 10), "Further tries when OBS cannot connect."
    ).field()
    default_scene: str = Setting(
        "OBS_STREAM_SCENE", "", _text, "Scene to switch to before each start; empty keeps the current one."
    ).field()
    twitch_client_id: str = Setting("TWITCH_CLIENT_ID", "", _text, "Client id of your Twitch application.").field()
    twitch_client_secret: Secret | None = Setting(
        "TWITCH_CLIENT_SECRET", None, _secret, "Only for a confidential Twitch application.", secret=True
    ).field()
    twitch_oauth_token: Secret | None = Setting(
        "TWITCH_OAUTH_TOKEN", None, _twitch_token, "Twitch user access token.", secret=True
    ).field()
    twitch_refresh_token: Secret | None = Setting(
        "TWITCH_REFRESH_TOKEN", None, _secret, "Twitch refresh token.", secret=True
    ).field()
    twitch_bot_oauth_token: Secret | None = Setting(
        "TWITCH_BOT_OAUTH_TOKEN",
        None,
        _twitch_token,
        "User access token of a second account, in whose name chat messages are sent; without it, in the streamer's.",
        secret=True,
    ).field()
    twitch_bot_refresh_token: Secret | None = Setting(
        "TWITCH_BOT_REFRESH_TOKEN", None, _secret, "Refresh token of the second account.", secret=True
    ).field()
    broadcaster_id: str = Setting(
        "TWITCH_BROADCASTER_ID", "", _digits, "User id of the channel, if not the token's own."
    ).field()
    broadcaster_login: str = Setting(
        "TWITCH_BROADCASTER_LOGIN", "", _login, "Login of the channel, if not the token's own."
    ).field()
    allowed_channels: tuple[str, ...] = Setting(
        "TWITCH_ALLOWED_CHANNELS", "", _logins, "Other channels an agent may name."
    ).field()
    twitch_timeout_s: float = Setting(
        "TWITCH_API_TIMEOUT_MS", 10_000, Whole(500, 120_000), "Longest time of one call to Twitch.", unit="ms"
    ).field()
    twitch_retries: int = Setting(
        "TWITCH_API_RETRIES", 2, Whole(0, 10), "Further tries of calls that are safe to repeat."
    ).field()
    twitch_api_url: str = Setting(
        "TWITCH_API_BASE_URL", "https://api.twitch.tv/helix", require_safe_url, "Helix; another for a local mock."
    ).field()
    twitch_auth_url: str = Setting(
        "TWITCH_AUTH_BASE_URL", "https://id.twitch.tv/oauth2", require_safe_url, "OAuth; another for a local mock."
    ).field()
    twitch_events: tuple[str, ...] = Setting(
        "TWITCH_EVENTS",
        "",
        _events,
        f"What an agent may hear by GET /events: any of {', '.join(KINDS_BY_NAME)}; empty is nothing.",
    ).field()
    twitch_eventsub_url: str = Setting(
        "TWITCH_EVENTSUB_URL",
        "wss://eventsub.wss.twitch.tv/ws",
        require_safe_websocket_url,
        "EventSub; another for a local mock.",
    ).field()
    data_dir: Path
    origins: Mapping[str, str]
    notices: tuple[str, ...]

    @property
    def given_policies(self) -> Mapping[str, Policy]:
        """What the environment says of single actions; see ``authority/policy.py`` for what counts."""
        return {**self.action_policies, **dict.fromkeys(self.disabled_actions, Policy.OFF)}

    def limit(self, action: Action) -> Limit:
        """How often: what the streamer set for this action, else the general limit, or less where Twitch takes less."""
        most = action.limit.per_min if action.limit else self.rate_limit_per_min
        per_min = self.own_rate_limits.get(action.name, min(self.rate_limit_per_min, most))
        burst = action.limit.burst if action.limit else per_min
        return Limit(per_min, max(1, min(int(per_min), int(burst))))


def alert_format_of(settings: Settings) -> AlertFormat:
    """What the webhook of ``settings`` understands, never auto."""
    if settings.alert_format is not AlertFormat.AUTO or settings.alert_webhook_url is None:
        return AlertFormat.JSON if settings.alert_format is AlertFormat.AUTO else settings.alert_format
    host = f".{urlsplit(settings.alert_webhook_url.reveal()).hostname}"
    if host.endswith((".discord.com", ".discordapp.com")):
        return AlertFormat.DISCORD
    return AlertFormat.SLACK if host.endswith((".slack.com", ".slack-gov.com")) else AlertFormat.JSON


# Not "Final[tuple[Setting, ...]]": typing keeps what it is given, and with it each reloaded module.
SETTINGS: Final = tuple(row for each in fields(Settings) if isinstance(row := each.metadata.get("row"), Setting))
SECRET_NAMES: Final = tuple(row.name for row in SETTINGS if row.secret)
RAIL_NAMES: Final = tuple(row.name for row in SETTINGS if row.rail)


def load_settings(env: Mapping[str, str], store: SecretStore, panel: Mapping[str, object], data_dir: Path) -> Settings:
    """The checked settings of ``env``, ``NAME_FILE`` files, ``store``, ``panel`` (keys in lower case) and defaults.

    An empty value counts as not set. Without a token one is generated and stored. Raises SettingsError with every
    problem at once, SecretStoreError if the store cannot be read or written.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for each in fields(Settings):
        row: Setting | None = each.metadata.get("row")
        if row is None:
            continue
        text, origins[row.name] = _find(row, env, store, panel, problems)
        if text is None:
            continue
        try:
            values[each.name] = row.value(text)
        except ValueError as error:
            shown = "" if row.secret else f" (it is {text!r})"
            problems.append(f"{row.name} from the {origins[row.name]} {error}{shown}")
    if problems:
        raise SettingsError(problems)
    if "service_token" not in values:
        values["service_token"] = new_token()
        store.update({"TOOL_SERVICE_TOKEN": values["service_token"]})
        origins["TOOL_SERVICE_TOKEN"] = "secret store"
    notices = tuple(
        f"{name} is set and ignored: this service calls OBS directly, not over WebSocket"
        for name in OBSOLETE
        if env.get(name)
    )
    return Settings(**values, data_dir=data_dir, origins=origins, notices=notices)


def _find(
    row: Setting, env: Mapping[str, str], store: SecretStore, panel: Mapping[str, object], problems: list[str]
) -> tuple[str | None, str]:
    """The text of one setting and the name of its origin; None and 'default' where nobody set it."""
    text = env.get(row.name, "")
    if text.strip():
        return text, "environment"
    path = env.get(f"{row.name}_FILE", "")
    if path.strip():
        try:
            text = Path(path.strip()).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{row.name}_FILE names {path!r}, which cannot be read ({type(error).__name__})")
            return None, "file"
        if text.strip():
            return text, "file"
    if row.secret:
        stored = store.get(row.name)
        if stored:
            return stored.reveal(), "secret store"
        return None, "default"  # never from the panel: a scene collection is a file that people share
    value = panel.get(row.name.lower())
    if value is not None and str(value).strip():
        return str(value), "panel"
    return None, "default"
