"""Another channel that an action is about, by its login."""

from clawcraft.errors import TwitchRejected
from clawcraft.twitch.client import HelixSession


def find_target(session: HelixSession, login: str) -> tuple[str, str]:
    """``(id, login)``. Raises TwitchRejected where Twitch knows no such channel."""
    found = session.helix.user(login=login.lower())
    if found is None:
        raise TwitchRejected(
            f"Twitch knows no channel {login!r}",
            details={"target": login},
            hint="Give the channel's login, as in its address twitch.tv/<login>; ask the user if you are not sure.",
        )
    return found
