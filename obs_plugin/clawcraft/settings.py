"""Every setting, in one table: environment, NAME_FILE, secret store, OBS panel, default, in that order.

``SETTINGS`` is the single source for the loader, the panel and the configuration reference. Read on the service's
starter thread; the result is frozen.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from clawcraft.secrets import Secret, SecretStore, new_token

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

ACTION_NAMES: Final = (
    "twitch.start_stream",
    "twitch.stop_stream",
    "twitch.set_title",
    "twitch.set_game",
    "twitch.post_chat_message",
    "twitch.create_clip",
)
DEFAULT_CHAT_LIMIT_PER_MIN: Final = 40
"""Twitch's own limit for a channel's chat, 20 messages per 30 s."""


class SettingsError(ValueError):
    """One or more settings are wrong; ``problems`` has a sentence for each, never the text of a secret."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table. ``name`` is the environment variable; the panel's key is the same in lower case."""

    name: str
    default: Any
    parse: Callable[[str], Any]
    help: str
    secret: bool = False
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Whole:
    """Parses a whole number within a range, which the panel and the reference show."""

    minimum: int
    maximum: int

    def __call__(self, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,15}", text.strip()) or not self.minimum <= int(text) <= self.maximum:
            raise ValueError(f"must be a whole number from {self.minimum} to {self.maximum}")
        return int(text)


def _flag(text: str) -> bool:
    value = text.strip().lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise ValueError("must be true or false")


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
    for part in filter(None, re.split(r"[,\s]+", text.strip())):
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
    logins = tuple(part.lower() for part in filter(None, re.split(r"[,\s]+", text.strip())))
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
    return tuple(part.lower() for part in filter(None, re.split(r"[,\s]+", text.strip())))


def require_safe_url(url: str) -> str:
    """``url`` without a slash at its end. Raises ValueError unless it is HTTPS, or HTTP to this machine (a mock)."""
    value = url.strip().rstrip("/")
    parts = urlsplit(value)
    if parts.username or parts.password or parts.query or parts.fragment or not parts.hostname:
        raise ValueError("must be a plain URL such as https://api.twitch.tv/helix")
    if parts.scheme == "https":
        return value
    try:
        loopback = parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        loopback = False
    if parts.scheme != "http" or not loopback:
        raise ValueError("must use https (plain http only for a server on this machine)")
    return value


def _actions(text: str) -> tuple[str, ...]:
    names = []
    for part in filter(None, re.split(r"[,\s]+", text.strip())):
        name = part if part.startswith("twitch.") else f"twitch.{part}"
        if name not in ACTION_NAMES:
            raise ValueError(f"{part!r} is not an action; the actions are {', '.join(ACTION_NAMES)}")
        names.append(name)
    return tuple(names)


def _limits(text: str) -> Mapping[str, int]:
    limits: dict[str, int] = {}
    for part in filter(None, re.split(r"[,\s]+", text.strip())):
        name, separator, number = part.partition("=")
        if not separator:
            raise ValueError("must look like twitch.set_title=10,twitch.create_clip=5")
        limits[_actions(name)[0]] = Whole(1, 100_000)(number)
    return limits


_DAY_MS = 24 * 3600 * 1000

SETTINGS: Final = (
    Setting("PORT", 3040, Whole(1, 65535), "TCP port of the tool API."),
    Setting("TOOL_SERVICE_BIND", "127.0.0.1", _address, "Address to listen on; 127.0.0.1 is this machine only."),
    Setting(
        "TOOL_SERVICE_ALLOWED_CLIENTS",
        _networks("loopback"),
        _networks,
        "Addresses or networks that may call; 'loopback' is this machine.",
    ),
    Setting(
        "TOOL_SERVICE_ALLOWED_HOSTS",
        (),
        _hosts,
        "Further Host names a client may use, besides loopback names and the bind address.",
    ),
    Setting(
        "TOOL_SERVICE_TOKEN",
        None,
        _service_token,
        "Bearer token of the agent, at least 16 characters; generated and stored if not set.",
        secret=True,
    ),
    Setting(
        "TOOL_SERVICE_SIGNATURE_SECRET", None, _secret, "If set, every POST must carry an HMAC signature.", secret=True
    ),
    Setting("TOOL_SERVICE_REQUIRE_TIMESTAMP", False, _flag, "Refuse signatures without X-Tool-Timestamp."),
    Setting("TOOL_SERVICE_TIMEOUT_MS", 25_000, Whole(1_000, 300_000), "Longest time of a sync action.", unit="ms"),
    Setting(
        "TOOL_ACTION_RATE_LIMIT_PER_MIN",
        60,
        Whole(1, 100_000),
        "Requests a minute for each action (chat: 20 per 30 s, Twitch's own limit, unless listed below).",
    ),
    Setting("TOOL_ACTION_RATE_LIMITS", {}, _limits, "Own limits a minute, such as twitch.create_clip=5."),
    Setting("TOOL_DISABLED_ACTIONS", (), _actions, "Actions that are switched off."),
    Setting("TOOL_JOB_TTL_MS", 7 * _DAY_MS, Whole(60_000, 365 * _DAY_MS), "How long ended jobs are kept.", unit="ms"),
    Setting(
        "OBS_STREAM_OPERATION_TIMEOUT_MS",
        20_000,
        Whole(1_000, 600_000),
        "Longest time of one try to start or stop.",
        unit="ms",
    ),
    Setting("OBS_OPERATION_RETRIES", 2, Whole(0, 10), "Further tries when OBS cannot connect."),
    Setting("OBS_STREAM_SCENE", "", _text, "Scene to switch to before each start; empty keeps the current one."),
    Setting("TWITCH_CLIENT_ID", "", _text, "Client id of your Twitch application."),
    Setting("TWITCH_CLIENT_SECRET", None, _secret, "Only for a confidential Twitch application.", secret=True),
    Setting("TWITCH_OAUTH_TOKEN", None, _twitch_token, "Twitch user access token.", secret=True),
    Setting("TWITCH_REFRESH_TOKEN", None, _secret, "Twitch refresh token.", secret=True),
    Setting("TWITCH_BROADCASTER_ID", "", _digits, "User id of the channel, if not the token's own."),
    Setting("TWITCH_BROADCASTER_LOGIN", "", _login, "Login of the channel, if not the token's own."),
    Setting("TWITCH_ALLOWED_CHANNELS", (), _logins, "Other channels an agent may name."),
    Setting("TWITCH_API_TIMEOUT_MS", 10_000, Whole(500, 120_000), "Longest time of one call to Twitch.", unit="ms"),
    Setting("TWITCH_API_RETRIES", 2, Whole(0, 10), "Further tries of calls that are safe to repeat."),
    Setting("TWITCH_API_BASE_URL", "https://api.twitch.tv/helix", require_safe_url, "Helix; another for a local mock."),
    Setting(
        "TWITCH_AUTH_BASE_URL", "https://id.twitch.tv/oauth2", require_safe_url, "OAuth; another for a local mock."
    ),
)
OBSOLETE: Final = ("OBS_WS_URL", "OBS_WS_PASSWORD")
SECRET_NAMES: Final = tuple(row.name for row in SETTINGS if row.secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, checked. Durations in seconds; ``origins`` tells where each row of SETTINGS came from."""

    port: int
    bind: str
    allowed_clients: tuple[IpNetwork, ...]
    allowed_hosts: tuple[str, ...]
    service_token: Secret
    signature_secret: Secret | None
    require_timestamp: bool
    action_timeout_s: float
    rate_limits_per_min: Mapping[str, int]
    disabled_actions: frozenset[str]
    job_ttl_s: float
    stream_operation_timeout_s: float
    obs_retries: int
    default_scene: str
    twitch_client_id: str
    twitch_client_secret: Secret | None
    twitch_oauth_token: Secret | None
    twitch_refresh_token: Secret | None
    broadcaster_id: str
    broadcaster_login: str
    allowed_channels: tuple[str, ...]
    twitch_timeout_s: float
    twitch_retries: int
    twitch_api_url: str
    twitch_auth_url: str
    data_dir: Path
    origins: Mapping[str, str]
    notices: tuple[str, ...]


def load_settings(env: Mapping[str, str], store: SecretStore, panel: Mapping[str, object], data_dir: Path) -> Settings:
    """The checked settings of ``env``, ``NAME_FILE`` files, ``store``, ``panel`` (keys in lower case) and defaults.

    An empty value counts as not set. Without a token one is generated and stored. Raises SettingsError with every
    problem at once, SecretStoreError if the store cannot be read or written.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for row in SETTINGS:
        text, origin = _find(row, env, store, panel, problems)
        origins[row.name] = origin
        if text is None:
            values[row.name] = row.default
            continue
        try:
            values[row.name] = row.parse(text)
        except ValueError as error:
            shown = "" if row.secret else f" (it is {text!r})"
            problems.append(f"{row.name} from the {origin} {error}{shown}")
    if problems:
        raise SettingsError(problems)
    if values["TOOL_SERVICE_TOKEN"] is None:
        values["TOOL_SERVICE_TOKEN"] = new_token()
        store.update({"TOOL_SERVICE_TOKEN": values["TOOL_SERVICE_TOKEN"]})
        origins["TOOL_SERVICE_TOKEN"] = "secret store"
    general = values["TOOL_ACTION_RATE_LIMIT_PER_MIN"]
    limits = dict.fromkeys(ACTION_NAMES, general)
    limits["twitch.post_chat_message"] = min(general, DEFAULT_CHAT_LIMIT_PER_MIN)
    limits.update(values["TOOL_ACTION_RATE_LIMITS"])
    notices = tuple(
        f"{name} is set and ignored: this service calls OBS directly, not over WebSocket"
        for name in OBSOLETE
        if env.get(name)
    )
    return Settings(
        port=values["PORT"],
        bind=values["TOOL_SERVICE_BIND"],
        allowed_clients=values["TOOL_SERVICE_ALLOWED_CLIENTS"],
        allowed_hosts=values["TOOL_SERVICE_ALLOWED_HOSTS"],
        service_token=values["TOOL_SERVICE_TOKEN"],
        signature_secret=values["TOOL_SERVICE_SIGNATURE_SECRET"],
        require_timestamp=values["TOOL_SERVICE_REQUIRE_TIMESTAMP"],
        action_timeout_s=values["TOOL_SERVICE_TIMEOUT_MS"] / 1000,
        rate_limits_per_min=limits,
        disabled_actions=frozenset(values["TOOL_DISABLED_ACTIONS"]),
        job_ttl_s=values["TOOL_JOB_TTL_MS"] / 1000,
        stream_operation_timeout_s=values["OBS_STREAM_OPERATION_TIMEOUT_MS"] / 1000,
        obs_retries=values["OBS_OPERATION_RETRIES"],
        default_scene=values["OBS_STREAM_SCENE"],
        twitch_client_id=values["TWITCH_CLIENT_ID"],
        twitch_client_secret=values["TWITCH_CLIENT_SECRET"],
        twitch_oauth_token=values["TWITCH_OAUTH_TOKEN"],
        twitch_refresh_token=values["TWITCH_REFRESH_TOKEN"],
        broadcaster_id=values["TWITCH_BROADCASTER_ID"],
        broadcaster_login=values["TWITCH_BROADCASTER_LOGIN"],
        allowed_channels=values["TWITCH_ALLOWED_CHANNELS"],
        twitch_timeout_s=values["TWITCH_API_TIMEOUT_MS"] / 1000,
        twitch_retries=values["TWITCH_API_RETRIES"],
        twitch_api_url=values["TWITCH_API_BASE_URL"],
        twitch_auth_url=values["TWITCH_AUTH_BASE_URL"],
        data_dir=data_dir,
        origins=origins,
        notices=notices,
    )


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
    value = panel.get(row.name.lower())
    if value is not None and str(value).strip():
        return str(value), "panel"
    return None, "default"
