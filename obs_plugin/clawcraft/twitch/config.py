"""What the Twitch side needs of the settings, as one frozen value. Built on any thread, never changed."""

import ipaddress
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from clawcraft.secrets import Secret
from clawcraft.settings import Settings

_STORE = "secret store"


@dataclass(frozen=True, slots=True)
class TwitchConfig:
    """Twitch settings. Durations in seconds.

    ``access_token`` and ``refresh_token`` are what the operator gave by environment, file or panel, never what the
    secret store holds: which of the two counts is decided in ``credentials.py``.
    Raises ValueError for a base URL that is neither HTTPS nor on this machine.
    """

    client_id: str = ""
    client_secret: Secret | None = None
    access_token: Secret | None = None
    refresh_token: Secret | None = None
    broadcaster_id: str = ""
    broadcaster_login: str = ""
    allowed_channels: tuple[str, ...] = ()
    action_timeout_s: float = 25.0
    call_timeout_s: float = 10.0
    retries: int = 2
    api_url: str = "https://api.twitch.tv/helix"
    auth_url: str = "https://id.twitch.tv/oauth2"

    def __post_init__(self) -> None:
        require_safe_url(self.api_url)
        require_safe_url(self.auth_url)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        given = {
            name: secret if settings.origins[name] != _STORE else None
            for name, secret in (
                ("TWITCH_OAUTH_TOKEN", settings.twitch_oauth_token),
                ("TWITCH_REFRESH_TOKEN", settings.twitch_refresh_token),
            )
        }
        return cls(
            client_id=settings.twitch_client_id,
            client_secret=settings.twitch_client_secret,
            access_token=given["TWITCH_OAUTH_TOKEN"],
            refresh_token=given["TWITCH_REFRESH_TOKEN"],
            broadcaster_id=settings.broadcaster_id,
            broadcaster_login=settings.broadcaster_login,
            allowed_channels=settings.allowed_channels,
            action_timeout_s=settings.action_timeout_s,
            call_timeout_s=settings.twitch_timeout_s,
            retries=settings.twitch_retries,
            api_url=settings.twitch_api_url,
            auth_url=settings.twitch_auth_url,
        )


def require_safe_url(url: str) -> None:
    """Raises ValueError unless ``url`` is HTTPS, or plain HTTP to this machine (a mock)."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" and host:
        return
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if parts.scheme != "http" or not loopback:
        raise ValueError("a Twitch URL must use https (plain http only for a server on this machine)")
