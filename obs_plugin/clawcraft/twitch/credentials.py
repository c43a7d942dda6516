"""Which pair of tokens counts: the operator's, or the one in the secret store. No network. Any thread.

Settings rank environment and files above the secret store, and a refreshed pair lives in the store. So the store
keeps, beside the pair, a fingerprint of the operator's pair it came from or took the place of: the stored pair counts
as long as that is still what the operator gives, and no longer once the operator gives another. Without tokens from
the operator the stored pair counts always.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from clawcraft.secrets import Secret, SecretStore, SecretStoreError
from clawcraft.twitch.config import TwitchConfig

ACCESS: Final = "TWITCH_OAUTH_TOKEN"
REFRESH: Final = "TWITCH_REFRESH_TOKEN"
ORIGIN: Final = "TWITCH_TOKEN_ORIGIN"
CLIENT: Final = "TWITCH_TOKEN_CLIENT_ID"


@dataclass(frozen=True, slots=True)
class Credentials:
    """One pair and the client it is for; ``client_id`` is empty where nobody said it yet."""

    access: Secret | None
    refresh: Secret | None
    client_id: str
    client_secret: Secret | None


class CredentialStore:
    """Reads and writes the pair. Every method raises SecretStoreError if the store cannot be used."""

    def __init__(self, store: SecretStore) -> None:
        self._store = store

    def current(self, config: TwitchConfig) -> Credentials | None:
        """The pair that counts now, or None if there is none."""
        stored = self._store.get_all((ACCESS, REFRESH, ORIGIN, CLIENT))
        origin = stored.get(ORIGIN)
        given = config.access_token or config.refresh_token
        if given and (origin is None or origin.reveal() != fingerprint(config)):
            return Credentials(config.access_token, config.refresh_token, config.client_id, config.client_secret)
        access, refresh, client = stored.get(ACCESS), stored.get(REFRESH), stored.get(CLIENT)
        if not access and not refresh:
            return None
        client_id = client.reveal() if client else config.client_id
        # A secret belongs to its own application, which need not be the one the stored pair was made for.
        secret = config.client_secret if client_id == config.client_id else None
        return Credentials(access, refresh, client_id, secret)

    def save(self, access: Secret, refresh: Secret | None, client_id: str, config: TwitchConfig) -> None:
        """Store a pair, in one atomic and durable write, as the successor of what the operator gives now."""
        self._store.update(
            {
                ACCESS: access,
                REFRESH: refresh,
                CLIENT: Secret(client_id) if client_id else None,
                ORIGIN: Secret(fingerprint(config)),
            }
        )

    def forget(self) -> None:
        """Remove the stored pair. What the operator gave by environment counts again."""
        self._store.update(dict.fromkeys((ACCESS, REFRESH, CLIENT, ORIGIN)))


class StoredPair:
    """The pair that counts, as of the last look or save; tells when somebody else changed it. One lock guards it."""

    def __init__(self, store: CredentialStore, config: Callable[[], TwitchConfig]) -> None:
        self._store = store
        self._config = config
        self.pair: Credentials | None = None
        self.trouble = ""
        self.unsaved = False

    def look(self) -> bool:
        """Look again: true if it is another pair than before. ``trouble`` tells why the store cannot be read."""
        try:
            found, self.trouble = self._store.current(self._config()), ""
        except SecretStoreError as error:
            self.trouble = str(error)
            return False
        if found == self.pair:
            return False
        self.pair = found
        self.unsaved = False
        return True

    def save(self, pair: Credentials) -> Credentials:
        """Store ``pair``; gives it as it will be found. Raises SecretStoreError, and ``unsaved`` says so."""
        if pair.access is None:
            return pair
        self.unsaved = True
        self._store.save(pair.access, pair.refresh, pair.client_id, self._config())
        self.look()
        self.unsaved = False
        return self.pair or pair


def fingerprint(config: TwitchConfig) -> str:
    """A digest of the operator's pair, which tells only whether it is still the same."""
    parts = [secret.reveal() if secret else "" for secret in (config.access_token, config.refresh_token)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
