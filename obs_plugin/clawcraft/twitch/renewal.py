"""One refresh of the pair, so that no refresh token is lost or sent twice. On the thread that renews.

A public client's refresh token works once, and Twitch answers its second use by cutting the application off: also the
pair that came in its place is dead then. So none is sent twice blindly. That it is sent is noted durably before. If no
answer came (OBS was killed, the connection broke) the access token beside it tells: Twitch revokes it when it uses the
refresh token up, so that while it is valid the refresh token is unused. Another process with the same store, or the
life of the script before a reload, which may still wait for its answer, holds a lock meanwhile: one for each pair.

What can still lose a login, of a public client alone: OBS is killed, or the connection breaks, between Twitch's using
up the refresh token and our storing the answer. The next refresh is refused then, and the error says why.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Final

from clawcraft.errors import ClawcraftError, TwitchTokenInvalid, TwitchUnavailable
from clawcraft.secrets import Secret, SecretStoreError
from clawcraft.telemetry.events import EventLog
from clawcraft.twitch.credentials import Credentials, CredentialStore
from clawcraft.twitch.oauth import Grant, GrantRefused, OAuth

CALL_TIMEOUT_S: Final = 30.0
"""Long on purpose: giving up on a refresh can cost the login, and no action waits beyond its own deadline."""
_TURN_S: Final = 0.1
_TURNS: Final = 400
"""How often the lock is tried: a little longer than the call that another may be making under it."""
_SECRET_HINT: Final = (
    "The Twitch application is of the type Confidential: store its client secret (panel, or TWITCH_CLIENT_SECRET), or "
    "make an application of the type Public and connect again."
)


class Renewal:
    """How the pair of ``store`` is renewed. ``closing`` ends the waiting for another's refresh."""

    def __init__(self, store: CredentialStore, oauth: OAuth, closing: threading.Event, log: EventLog) -> None:
        self._store = store
        self._oauth = oauth
        self._closing = closing
        self._log = log

    @contextlib.contextmanager
    def turn(self) -> Iterator[bool]:
        """Nobody else renews the pair while the block lasts; false if the service stopped first. Whoever waited looks
        at the store again. Raises TwitchUnavailable."""
        with contextlib.ExitStack() as held:
            for _ in range(_TURNS):
                if held.enter_context(self._store.alone()):
                    yield not self._closing.is_set()
                    return
                if self._closing.wait(_TURN_S):
                    yield False
                    return
        raise TwitchUnavailable("another program that uses the same tokens is renewing them, and does not end")

    def ask(self, pair: Credentials, refresh: Secret, client_id: str) -> Grant:
        """The next pair, which nobody has stored yet. Raises GrantRefused; ClawcraftError, ``retryable`` if Twitch has
        not seen the request."""
        try:
            self._store.ask(refresh)
        except SecretStoreError as error:
            self._log.event("twitch_token_not_stored", reason=str(error))
        try:
            return self._oauth.refresh(refresh, client_id, pair.client_secret, CALL_TIMEOUT_S)
        except (GrantRefused, ClawcraftError) as error:
            if isinstance(error, GrantRefused) or error.retryable:
                with contextlib.suppress(SecretStoreError):
                    self._store.answered()
            raise


def refusal(refused: GrantRefused, *, lost: bool) -> TwitchTokenInvalid:
    """What a refused refresh means; ``lost``: the same refresh token was sent before without an answer."""
    said = refused.reply.message
    message = f"Twitch refuses to refresh the token: {said}"
    if lost:
        message += "; the answer to the refresh before was lost (OBS ended, or the connection broke)"
    hint = _SECRET_HINT if "client secret" in said.lower() else None
    return TwitchTokenInvalid(message, details=refused.reply.evidence, hint=hint)
