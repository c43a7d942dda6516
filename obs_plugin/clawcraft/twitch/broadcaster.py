"""Whose channel an action is for, and whether the agent may name it. Any thread.

An agent must not be able to talk in a stranger's chat with the streamer's token: only the service's own channel and
those the operator allowlisted pass.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from clawcraft.errors import ChannelNotAllowed, TwitchNotConfigured
from clawcraft.twitch.config import TwitchConfig
from clawcraft.twitch.helix import Helix
from clawcraft.twitch.oauth import Identity


@dataclass(frozen=True, slots=True)
class Broadcaster:
    """A channel of Twitch."""

    id: str
    login: str

    def to_json(self) -> dict[str, str]:
        return {"id": self.id, "login": self.login}


class Broadcasters:
    """Resolves channels, asking Twitch once for each."""

    def __init__(self, config: Callable[[], TwitchConfig]) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._by_id: dict[str, Broadcaster] = {}
        self._by_login: dict[str, Broadcaster] = {}

    def resolve(self, helix: Helix, channel: str | None) -> Broadcaster:
        """The channel named by the agent, or the service's own. Raises ChannelNotAllowed, TwitchNotConfigured."""
        if channel is None:
            return self._own(helix)
        login = channel.lower()
        if login in self._config().allowed_channels:
            found = self._find(helix, login=login)
            if found is None:
                raise ChannelNotAllowed(f"Twitch knows no channel {login!r}", details={"channel": login})
            return found
        self._refuse_stranger(login, self._own(helix).login)
        return self._own(helix)

    def check(self, channel: str, helix: Callable[[], Helix], identity: Identity | None) -> None:
        """Whether an agent may name ``channel``, asking Twitch only if nothing known here decides it.
        Raises ChannelNotAllowed; TwitchNotConfigured, TwitchUnavailable and the like where only Twitch could tell."""
        login, config = channel.lower(), self._config()
        if login in config.allowed_channels:
            return
        own = config.broadcaster_login if not config.broadcaster_id else ""
        if not own and identity is not None and config.broadcaster_id in ("", identity.user_id):
            own = identity.login
        self._refuse_stranger(login, own or self._own(helix()).login)

    def _own(self, helix: Helix) -> Broadcaster:
        config, identity = self._config(), helix.identity
        token_owner = Broadcaster(identity.user_id, identity.login)
        if config.broadcaster_id:
            if config.broadcaster_id == token_owner.id:
                return token_owner
            found = self._find(helix, user_id=config.broadcaster_id)
        elif config.broadcaster_login:
            if config.broadcaster_login == token_owner.login:
                return token_owner
            found = self._find(helix, login=config.broadcaster_login)
        else:
            return token_owner
        if found is None:
            raise TwitchNotConfigured(
                "Twitch knows no channel with the configured id or login",
                hint="Correct TWITCH_BROADCASTER_ID or TWITCH_BROADCASTER_LOGIN, or leave both out.",
            )
        return found

    def _find(self, helix: Helix, *, login: str = "", user_id: str = "") -> Broadcaster | None:
        with self._lock:
            known = self._by_login.get(login) if login else self._by_id.get(user_id)
        if known is not None:
            return known
        row = helix.user(login=login, user_id=user_id)
        if row is None:
            return None
        found = Broadcaster(*row)
        with self._lock:
            self._by_id[found.id] = self._by_login[found.login] = found
        return found

    @staticmethod
    def _refuse_stranger(login: str, own: str) -> None:
        if login != own:
            raise ChannelNotAllowed(
                f"{login!r} is not the service's own channel", details={"channel": login, "own_channel": own}
            )
