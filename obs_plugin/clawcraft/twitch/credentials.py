"""Which pair of tokens counts: the operator's, or the one in the secret store. No network. Any thread.

Settings rank environment and files above the secret store, and a refreshed pair lives in the store. So the store
keeps, beside the pair, a fingerprint of the operator's pair it came from or took the place of: the stored pair counts
as long as that is still what the operator gives, and no longer once the operator gives another. Without tokens from
the operator the stored pair counts always.

It also keeps whether a refresh has given the pair (``proved``), and which refresh token was sent to Twitch and not
answered yet (``doubtful``): what comes after a crash must not send that one again before it knows that Twitch has not
used it up (``tokens.py``).
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from clawcraft.files import LockHeld, locked
from clawcraft.secrets import Secret, SecretStore, SecretStoreError
from clawcraft.settings import Settings

ACCESS: Final = "TWITCH_OAUTH_TOKEN"
REFRESH: Final = "TWITCH_REFRESH_TOKEN"
ORIGIN: Final = "TWITCH_TOKEN_ORIGIN"
CLIENT: Final = "TWITCH_TOKEN_CLIENT_ID"
PROVED: Final = "TWITCH_TOKEN_PROVED"
ASKED: Final = "TWITCH_REFRESH_ASKED"
LOCK_NAME: Final = "twitch_refresh.lock"
_STORE: Final = "secret store"


@dataclass(frozen=True, slots=True)
class Credentials:
    """One pair and the client it is for; ``client_id`` is empty where nobody said it yet. ``stored``: it is the one in
    the secret store; ``proved``: a refresh gave it, so that the next one will work too."""

    access: Secret | None
    refresh: Secret | None
    client_id: str
    client_secret: Secret | None
    stored: bool = False
    proved: bool = False


class CredentialStore:
    """Reads and writes the pair. ``pair``, ``trouble``, ``doubtful`` and ``unsaved`` are as of the last ``look`` or
    ``save``, which the token keeper's lock guards: the pair that counts, why the store cannot be read, whether its
    refresh token was sent without an answer so far, and whether the pair is still to be stored."""

    def __init__(self, store: SecretStore, settings: Callable[[], Settings]) -> None:
        self._store = store
        self._settings = settings
        self.pair: Credentials | None = None
        self.trouble = ""
        self.doubtful = False
        self.unsaved = False

    def look(self) -> bool:
        """Look again: true if it is another pair than before."""
        try:
            found, self.trouble = self.current(), ""
        except SecretStoreError as error:
            self.trouble = str(error)
            return False
        if found == self.pair:
            return False
        self.pair = found
        self.unsaved = False
        return True

    def save(self, pair: Credentials) -> Credentials:
        """Store ``pair``, which a refresh gave; gives it as it will be found. Raises SecretStoreError, and ``unsaved``
        says so."""
        if pair.access is None:
            return pair
        self.unsaved = True
        self.write(pair.access, pair.refresh, pair.client_id, proved=True)
        self.look()
        self.unsaved = False
        return self.pair or pair

    def current(self) -> Credentials | None:
        """The pair that counts now, or None if there is none. Raises SecretStoreError."""
        settings = self._settings()
        stored = self._store.get_all((ACCESS, REFRESH, ORIGIN, CLIENT, PROVED, ASKED))
        asked = stored.get(ASKED)
        origin = stored.get(ORIGIN)
        given = _given(settings)
        if any(given) and (origin is None or origin.reveal() != fingerprint(settings)):
            self.doubtful = asked is not None and asked == _digest(given[1])
            return Credentials(*given, settings.twitch_client_id, settings.twitch_client_secret)
        access, refresh, client = stored.get(ACCESS), stored.get(REFRESH), stored.get(CLIENT)
        if not access and not refresh:
            return None
        client_id = client.reveal() if client else settings.twitch_client_id
        # A secret belongs to its own application, which need not be the one the stored pair was made for. Where the
        # settings name none, as in a scene collection that is new, it can only be the pair's.
        secret = settings.twitch_client_secret if settings.twitch_client_id in ("", client_id) else None
        self.doubtful = asked is not None and asked == _digest(refresh)
        return Credentials(access, refresh, client_id, secret, stored=True, proved=PROVED in stored)

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """True if nobody else renews the pair while the block lasts: no other process, no former life of the script
        that still waits for its answer. It ends with its holder, however that dies."""
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(locked(self._store.beside(LOCK_NAME), 0.0))
            except LockHeld:
                yield False
                return
            except OSError:
                pass  # A file system without locks: single-flight holds within this process, as it always does.
            yield True

    def ask(self, refresh: Secret) -> None:
        """Note, durably, that ``refresh`` is about to be sent. Raises SecretStoreError."""
        self._store.update({ASKED: _digest(refresh)})

    def answered(self) -> None:
        """Twitch has not used it up. ``write`` says the same with the next pair. Raises SecretStoreError."""
        self._store.update({ASKED: None})
        self.doubtful = False

    def write(self, access: Secret, refresh: Secret | None, client_id: str, *, proved: bool = False) -> None:
        """Store a pair, in one atomic and durable write, as the successor of what the operator gives now. Any thread.
        Raises SecretStoreError."""
        client = Secret(client_id) if client_id else None
        origin = Secret(fingerprint(self._settings()))
        mark = Secret("yes") if proved else None
        self._store.update(
            {ACCESS: access, REFRESH: refresh, CLIENT: client, ORIGIN: origin, PROVED: mark, ASKED: None}
        )

    def forget(self) -> None:
        """Remove the stored pair. What the operator gave by environment counts again. Raises SecretStoreError."""
        self._store.update(dict.fromkeys((ACCESS, REFRESH, CLIENT, ORIGIN, PROVED, ASKED)))


def fingerprint(settings: Settings) -> str:
    """A digest of the operator's pair, which tells only whether it is still the same."""
    parts = [secret.reveal() if secret else "" for secret in _given(settings)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _digest(refresh: Secret | None) -> Secret:
    return Secret(hashlib.sha256(refresh.reveal().encode() if refresh else b"").hexdigest())


def _given(settings: Settings) -> tuple[Secret | None, Secret | None]:
    """The operator's pair: by environment, file or panel, never what the settings took from the secret store."""
    pair = ((ACCESS, settings.twitch_oauth_token), (REFRESH, settings.twitch_refresh_token))
    access, refresh = (None if settings.origins[name] == _STORE else secret for name, secret in pair)
    return access, refresh
