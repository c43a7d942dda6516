"""What will go wrong with Twitch, told hours before it does: in the panel, ``GET /status``, its checks and the metrics.

Pure: judges the ``twitch`` object of ``GET /status`` and the settings. Any thread.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from clawcraft.settings import Settings

REVOKED: Final = "token_revoked"
RENEWAL_REFUSED: Final = "renewal_refused"
TOKEN_ENDS: Final = "token_ends"
NOT_STORED: Final = "token_not_stored"
UNREACHABLE: Final = "twitch_unreachable"
MISSING_SCOPE: Final = "missing_scope"
NOT_THE_OWNER: Final = "not_the_owner"
CODES: Final = (REVOKED, RENEWAL_REFUSED, TOKEN_ENDS, NOT_STORED, UNREACHABLE, MISSING_SCOPE, NOT_THE_OWNER)
SECRET_STORE: Final = "secret_store"
"""The code of a ``last_error`` that says that the pair of tokens cannot be read or written."""
CONNECT: Final = "Connect Twitch in the panel, or run tools/twitch_login.py."


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong or will be. ``fix`` says what to do."""

    code: str
    message: str
    fix: str

    def to_json(self) -> dict[str, str]:
        return asdict(self)


def troubles(twitch: Mapping[str, Any], settings: Settings) -> list[Trouble]:
    """Those there are, the worst first; none where Twitch is not connected, since streaming works without."""
    return [] if twitch["state"] == "not_configured" else list(_found(twitch, settings))


def _found(twitch: Mapping[str, Any], settings: Settings) -> Iterator[Trouble]:
    error = twitch.get("last_error") or {}
    ends, message, hint = twitch.get("expires_at"), error.get("message", ""), error.get("hint") or CONNECT
    if twitch["state"] == "revoked":
        yield Trouble(REVOKED, message or "the token is not valid any more", hint)
    elif twitch.get("renewal") == "refused":
        until = f"; title, game, chat and clips work until {ends}" if ends else ""
        yield Trouble(RENEWAL_REFUSED, f"{message}{until}", hint)
    elif ends and not twitch["refreshable"]:
        yield Trouble(TOKEN_ENDS, f"the token ends at {ends} and cannot be renewed", CONNECT)
    elif error.get("code") == SECRET_STORE:
        yield Trouble(NOT_STORED, message, hint)
    elif twitch["state"] == "unreachable" or error.get("code") in ("twitch_unavailable", "timeout"):
        yield Trouble(UNREACHABLE, message, error.get("hint") or "Wait a moment and check again.")
    for missing in twitch["scopes_missing"]:
        blocked = ", ".join(missing["blocks"])
        yield Trouble(MISSING_SCOPE, f"the token lacks {missing['scope']}, which {blocked} needs", CONNECT)
    if (identity := twitch["identity"]) and (other := _other_channel(identity, settings)):
        named_by = "TWITCH_BROADCASTER_ID" if settings.broadcaster_id else "TWITCH_BROADCASTER_LOGIN"
        yield Trouble(
            NOT_THE_OWNER,
            f"the token is that of {identity['login']}, and the channel is {other}: Twitch will refuse title and game",
            f"Connect Twitch as the owner of the channel, or correct {named_by}.",
        )


def _other_channel(identity: Mapping[str, str], settings: Settings) -> str:
    """The configured channel if it is not the token's own."""
    if settings.broadcaster_id:
        return "" if settings.broadcaster_id == identity["user_id"] else settings.broadcaster_id
    return "" if settings.broadcaster_login in ("", identity["login"]) else settings.broadcaster_login
