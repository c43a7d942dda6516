"""The second account, which only speaks in chat: where its tokens are kept. No state of its own. Any thread.

Its tokens lie beside the streamer's under names of their own, and whoever keeps tokens (``credentials.py``,
``tokens.py``, ``login.py``) sees of them what it sees of the streamer's: one pair under the usual names.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from clawcraft.secrets import Secret, SecretStore
from clawcraft.settings import Settings
from clawcraft.telemetry.events import EventLog

BOT_SCOPES: Final = ("user:write:chat",)
"""Twitch asks for ``user:bot`` and ``channel:bot`` only where an app token speaks; the bot speaks with its own."""
_SPEAKS: Final = "twitch.post_chat_message"
_STREAMER: Final = "TWITCH_"
_BOT: Final = "TWITCH_BOT_"
_PAIR: Final = ("TWITCH_OAUTH_TOKEN", "TWITCH_REFRESH_TOKEN")


class BotSecrets(SecretStore):
    """The bot's part of the secret store."""

    def __init__(self, store: SecretStore) -> None:
        self._store = store
        self.path = store.path

    def beside(self, name: str) -> Path:
        """Not the streamer's: each pair is renewed by itself, and neither waits for the other."""
        return self._store.beside(f"bot_{name}")

    def get(self, name: str) -> Secret | None:
        return self._store.get(_bots(name))

    def get_all(self, names: Iterable[str]) -> dict[str, Secret]:
        asked = {_bots(name): name for name in names}
        return {asked[name]: secret for name, secret in self._store.get_all(asked).items()}

    def update(self, changes: Mapping[str, Secret | None]) -> None:
        self._store.update({_bots(name): secret for name, secret in changes.items()})


class BotLog(EventLog):
    """The log, where each event says that it is about the bot."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def event(self, name: str, /, **fields: Any) -> None:
        self._log.event(name, account="bot", **fields)


def bot_settings(settings: Settings) -> Settings:
    """``settings`` with the bot's pair in the place of the streamer's."""
    return replace(
        settings,
        twitch_oauth_token=settings.twitch_bot_oauth_token,
        twitch_refresh_token=settings.twitch_bot_refresh_token,
        origins={**settings.origins, **{name: settings.origins[_bots(name)] for name in _PAIR}},
    )


def missing_bot_scopes(present: Iterable[str]) -> list[dict[str, Any]]:
    """As ``missing_scopes`` of the streamer's token."""
    return [{"scope": scope, "blocks": [_SPEAKS]} for scope in BOT_SCOPES if scope not in present]


def _bots(name: str) -> str:
    return _BOT + name.removeprefix(_STREAMER)
