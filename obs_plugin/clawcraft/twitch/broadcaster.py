"""Whose channel an action is for, and whether the agent may name it. Any thread.

An agent must not be able to talk in a stranger's chat with the streamer's token: only the service's own channel and
those the operator allowlisted pass.
"""

from collections.abc import Callable
from dataclasses import dataclass

from clawcraft.errors import ChannelNotAllowed, TwitchNotConfigured
from clawcraft.settings import Settings
from clawcraft.twitch.helix import Helix
from clawcraft.twitch.oauth import Identity


@dataclass(frozen=True, slots=True)
class Broadcaster:
    """A channel of Twitch."""

    id: str
    login: str


class Broadcasters:
    """Resolves channels, asking Twitch once for each."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._known: dict[tuple[str, str], Broadcaster] = {}

    def resolve(self, helix: Helix, channel: str | None) -> Broadcaster:
        """The channel named by the agent, or the service's own. Raises ChannelNotAllowed, TwitchNotConfigured."""
        if channel is None:
            return self._own(helix)
        login = channel.lower()
        if login in self._settings().allowed_channels:
            found = self._find(helix, login=login)
            if found is None:
                raise ChannelNotAllowed(f"Twitch knows no channel {login!r}", details={"channel": login})
            return found
        own = self._own(helix)
        self._refuse_stranger(login, own.login)
        return own

    def check(self, channel: str, helix: Callable[[], Helix], identity: Identity | None) -> None:
        """Whether an agent may name ``channel``, asking Twitch only if nothing known here decides it.
        Raises ChannelNotAllowed; TwitchNotConfigured, TwitchUnavailable and the like where only Twitch could tell."""
        login, settings = channel.lower(), self._settings()
        if login in settings.allowed_channels:
            return
        own = settings.broadcaster_login if not settings.broadcaster_id else ""
        if not own and identity is not None and settings.broadcaster_id in ("", identity.user_id):
            own = identity.login
        self._refuse_stranger(login, own or self._own(helix()).login)

    def _own(self, helix: Helix) -> Broadcaster:
        settings, identity = self._settings(), helix.identity
        if settings.broadcaster_id not in ("", identity.user_id):
            found = self._find(helix, user_id=settings.broadcaster_id)
        elif not settings.broadcaster_id and settings.broadcaster_login not in ("", identity.login):
            found = self._find(helix, login=settings.broadcaster_login)
        else:
            return Broadcaster(identity.user_id, identity.login)
        if found is None:
            raise TwitchNotConfigured(
                "Twitch knows no channel with the configured id or login",
                hint="Correct TWITCH_BROADCASTER_ID or TWITCH_BROADCASTER_LOGIN, or leave both out.",
            )
        return found

    def _find(self, helix: Helix, *, login: str = "", user_id: str = "") -> Broadcaster | None:
        known = self._known.get(("login", login) if login else ("id", user_id))
        if known is not None:
            return known
        row = helix.user(login=login, user_id=user_id)
        if row is None:
            return None
        found = Broadcaster(*row)
        self._known[("id", found.id)] = self._known[("login", found.login)] = found
        return found

    @staticmethod
    def _refuse_stranger(login: str, own: str) -> None:
        if login != own:
            raise ChannelNotAllowed(
                f"{login!r} is not the service's own channel", details={"channel": login, "own_channel": own}
            )
