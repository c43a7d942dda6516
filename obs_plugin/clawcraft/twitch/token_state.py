"""What is known of one pair of tokens, and what follows from it. Guarded by ``TokenKeeper``'s lock; no calls."""

from dataclasses import dataclass, replace
from typing import Any, Final

from clawcraft.clock import rfc3339
from clawcraft.errors import ClawcraftError, TwitchTokenInvalid
from clawcraft.secrets import Secret
from clawcraft.twitch.credentials import Credentials
from clawcraft.twitch.oauth import Grant, Identity
from clawcraft.twitch.scopes import missing_scopes

VALIDATE_EVERY_S: Final = 3600.0
"""Twitch's rule for applications that keep a session."""
REFRESH_EARLY_S: Final = 300.0


@dataclass
class TokenState:
    """``refused``: the access token that Twitch calls invalid; ``spent``: the refresh token (with the client secret)
    that Twitch refused; ``unproved``: a refresh gave the access token, and nothing has confirmed it since;
    ``revoked``: the end, until other credentials come. Times are Unix seconds."""

    credentials: Credentials | None = None
    identity: Identity | None = None
    expires_at: float | None = None
    lifetime_s: float = 0.0
    checked_at: float | None = None
    refused: Secret | None = None
    spent: tuple[Secret | None, Secret | None] | None = None
    unproved: bool = False
    revoked: TwitchTokenInvalid | None = None
    last_error: ClawcraftError | None = None

    @property
    def access(self) -> Secret | None:
        return self.credentials.access if self.credentials else None

    @property
    def refreshable(self) -> bool:
        found = self.credentials
        return found is not None and found.refresh is not None and (found.refresh, found.client_secret) != self.spent

    def expires_within(self, seconds: float, now_s: float) -> bool:
        return self.expires_at is not None and self.expires_at - now_s <= seconds

    def usable(self, now_s: float) -> bool:
        """Whether an action may use the access token now."""
        known = self.identity is not None and self.access is not None and self.access != self.refused
        return known and self.revoked is None and not self.expires_within(0, now_s)

    def refresh_due(self, now_s: float) -> bool:
        """Whether the access token is over, or nearly."""
        if self.access is None or self.access == self.refused:
            return True
        return self.expires_within(min(REFRESH_EARLY_S, self.lifetime_s / 10), now_s)

    def check_due(self, now_s: float) -> bool:
        return self.checked_at is None or now_s - self.checked_at >= VALIDATE_EVERY_S

    def validated(self, identity: Identity, now_s: float) -> None:
        """Twitch stands by the access token."""
        self.identity = identity
        self.unproved = False
        self.refused = self.revoked = self.last_error = None
        self._lives_for(identity.expires_in_s, now_s)

    def renewed(self, credentials: Credentials, grant: Grant, now_s: float) -> None:
        """A refresh gave another pair for the same account."""
        self.credentials = credentials
        self.unproved = True
        self.refused = self.last_error = None
        self._lives_for(grant.expires_in_s, now_s)
        if self.identity is None:
            # Whose token it is was never asked: the next check is due at once.
            self.checked_at = None
        elif grant.scopes is not None:
            self.identity = replace(self.identity, scopes=grant.scopes)

    def grant_refused(self, error: TwitchTokenInvalid, now_s: float) -> None:
        """Twitch refuses the refresh token: the access token may still live for a while."""
        found = self.credentials
        self.spent = (found.refresh, found.client_secret) if found else None
        self.last_error = error
        if not self.usable(now_s):
            self.end(error, now_s)

    def end(self, error: TwitchTokenInvalid, now_s: float) -> None:
        """Neither token works any more."""
        self.revoked = error
        self.checked_at = now_s

    def _lives_for(self, seconds: float | None, now_s: float) -> None:
        self.lifetime_s = seconds or 0.0
        self.expires_at = None if seconds is None else now_s + seconds

    def name(self, now_s: float, failure: ClawcraftError | None, *, refreshing: bool) -> str:
        """The state in one word, as ``GET /status`` has it."""
        if self.credentials is None:
            return "not_configured"
        if self.revoked is not None:
            return "revoked"
        if refreshing:
            return "refreshing"
        if self.usable(now_s):
            return "ok"
        return "unchecked" if failure is None else "unreachable"

    def to_json(self, now_s: float, failure: ClawcraftError | None, *, refreshing: bool) -> dict[str, Any]:
        """The ``twitch`` object of ``GET /status``, which holds no secret."""
        identity, error = self.identity, self.revoked or failure or self.last_error
        return {
            "state": self.name(now_s, failure, refreshing=refreshing),
            "identity": {"login": identity.login, "user_id": identity.user_id} if identity else None,
            "client_id": identity.client_id if identity else None,
            "scopes": sorted(identity.scopes) if identity else [],
            "scopes_missing": missing_scopes(identity.scopes) if identity else [],
            "expires_at": rfc3339(self.expires_at) if self.expires_at is not None else None,
            "refreshable": self.refreshable,
            "checked_at": rfc3339(self.checked_at) if self.checked_at is not None else None,
            "last_error": {"code": error.code, "message": error.message, "hint": error.hint} if error else None,
        }
