"""What is known of one pair of tokens, and what follows from it. Guarded by ``TokenKeeper``'s lock; no calls.

Reckoned on the monotonic clock: a wall clock that is set must neither end a good token nor keep a dead one.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from clawcraft.clock import Clock, rfc3339
from clawcraft.errors import ClawcraftError, TwitchTokenInvalid
from clawcraft.secrets import Secret
from clawcraft.twitch.credentials import Credentials
from clawcraft.twitch.oauth import Grant, Identity

VALIDATE_EVERY_S: Final = 3600.0
"""Twitch's rule for applications that keep a session."""
REFRESH_EARLY_S: Final = 3600.0
"""Long before the end: while the old access token lives it tells whether Twitch has used the refresh token up, a
refusal is known an hour before anything fails, and Twitch's token endpoint may be down for as long."""


@dataclass
class TokenState:
    """``refused``: the access token that Twitch calls invalid; ``spent``: the refresh token (with the client secret)
    that Twitch refused, and ``renewal_refused`` why; ``unproved``: a refresh gave the access token, and nothing has
    confirmed it since; ``lifetime_s``: how long a token lives that a refresh gave, 0 if none did yet; ``revoked``: the
    end, until other credentials come. Times are seconds of the monotonic clock."""

    clock: Clock
    credentials: Credentials | None = None
    identity: Identity | None = None
    expires_at: float | None = None
    lifetime_s: float = 0.0
    checked_at: float | None = None
    refused: Secret | None = None
    spent: tuple[Secret | None, Secret | None] | None = None
    unproved: bool = False
    revoked: TwitchTokenInvalid | None = None
    renewal_refused: TwitchTokenInvalid | None = None

    @property
    def access(self) -> Secret | None:
        return self.credentials.access if self.credentials else None

    @property
    def refreshable(self) -> bool:
        found = self.credentials
        return found is not None and found.refresh is not None and (found.refresh, found.client_secret) != self.spent

    @property
    def renewal(self) -> str:
        """Whether the token can be renewed, in one word, as ``GET /status`` has it."""
        if self.renewal_refused is not None:
            return "refused"
        if not self.refreshable:
            return "none"
        return "proven" if self.credentials is not None and self.credentials.proved else "untried"

    @property
    def expires_in_s(self) -> float | None:
        return None if self.expires_at is None else max(0.0, self.expires_at - self.clock.monotonic())

    def expires_within(self, seconds: float) -> bool:
        return self.expires_at is not None and self.expires_at - self.clock.monotonic() <= seconds

    def usable(self) -> bool:
        """Whether an action may use the access token now."""
        known = self.identity is not None and self.access is not None and self.access != self.refused
        return known and self.revoked is None and not self.expires_within(0)

    def refresh_due(self) -> bool:
        """Whether the access token is over, or will be soon; or a login gave it, and whether its application can renew
        a token at all was never tried: one that needs its secret and has none shows it only then."""
        found = self.credentials
        if self.access is None or self.access == self.refused or found is None:
            return True
        early_s = min(REFRESH_EARLY_S, self.lifetime_s / 4) if self.lifetime_s else REFRESH_EARLY_S
        return self.expires_within(early_s) or (found.stored and not found.proved)

    def check_due(self) -> bool:
        return self.checked_at is None or self.clock.monotonic() - self.checked_at >= VALIDATE_EVERY_S

    def validated(self, identity: Identity) -> None:
        """Twitch stands by the access token."""
        self.identity = identity
        self.unproved = False
        self.refused = self.revoked = None
        self._lives_for(identity.expires_in_s)

    def renewed(self, credentials: Credentials, grant: Grant) -> None:
        """A refresh gave another pair for the same account."""
        self.credentials = credentials
        self.unproved = True
        self.refused = self.renewal_refused = None
        self.lifetime_s = grant.expires_in_s or 0.0
        self._lives_for(grant.expires_in_s)
        if self.identity is None:
            # Whose token it is was never asked: the next check is due at once.
            self.checked_at = None
        elif grant.scopes is not None:
            self.identity = replace(self.identity, scopes=grant.scopes)

    def grant_refused(self, error: TwitchTokenInvalid) -> None:
        """Twitch refuses the refresh token: the access token may still live for a while."""
        found = self.credentials
        self.spent = (found.refresh, found.client_secret) if found else None
        self.renewal_refused = error
        if self.access is None or self.access == self.refused or self.expires_within(0):
            self.end(error)

    def end(self, error: TwitchTokenInvalid) -> None:
        """Neither token works any more."""
        self.revoked = error
        self.checked_at = self.clock.monotonic()

    def _lives_for(self, seconds: float | None) -> None:
        self.expires_at = None if seconds is None else self.clock.monotonic() + seconds

    def name(self, failure: ClawcraftError | None, *, refreshing: bool) -> str:
        """The state in one word, as ``GET /status`` has it."""
        if self.credentials is None:
            return "not_configured"
        if self.revoked is not None:
            return "revoked"
        if refreshing:
            return "refreshing"
        if self.usable():
            return "ok"
        return "unchecked" if failure is None else "unreachable"

    def to_json(self, failure: ClawcraftError | None, *, refreshing: bool) -> dict[str, Any]:
        """The ``twitch`` object of ``GET /status``, which holds no secret."""
        identity, error = self.identity, self.revoked or failure or self.renewal_refused
        return {
            "state": self.name(failure, refreshing=refreshing),
            "identity": {"login": identity.login, "user_id": identity.user_id} if identity else None,
            "client_id": identity.client_id if identity else None,
            "scopes": sorted(identity.scopes) if identity else [],
            "expires_at": self._shown(self.expires_at),
            "refreshable": self.refreshable,
            "renewal": self.renewal,
            "checked_at": self._shown(self.checked_at),
            "last_error": {"code": error.code, "message": error.message, "hint": error.hint} if error else None,
        }

    def _shown(self, at_s: float | None) -> str | None:
        return None if at_s is None else rfc3339(self.clock.time() + at_s - self.clock.monotonic())
