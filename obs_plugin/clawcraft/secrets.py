"""Where secrets live: a file of the user's own beside the job table, never OBS's scene collection.

Called from HTTP workers, the token refresher and the panel; safe from any thread.
"""

import json
import secrets
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from clawcraft.files import LockHeld, locked, private_folder, write_atomically

LOCK_PATIENCE_S: Final = 2.0


class Secret:
    """A secret string whose ``repr``, ``str`` and JSON form are ``***``; ``reveal()`` is the one way to its text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and secrets.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)


class SecretStoreError(OSError):
    """The file of secrets cannot be read or written; the message names the file and what to do."""


class SecretStore:
    """Named secrets in one JSON file, mode 0600, replaced atomically; several processes may use it at once.

    On Windows the file inherits the access list of the user's profile, which is the user's own.
    """

    FILE_NAME: Final = "secrets.json"

    def __init__(self, folder: Path) -> None:
        self.path = folder / self.FILE_NAME
        self._lock = threading.Lock()

    def beside(self, name: str) -> Path:
        """Where a file lies that belongs to these secrets."""
        return self.path.with_name(name)

    def get(self, name: str) -> Secret | None:
        """The secret stored as ``name``, or None. Raises SecretStoreError."""
        text = self._read().get(name)
        return Secret(text) if text else None

    def get_all(self, names: Iterable[str]) -> dict[str, Secret]:
        """Those of ``names`` that are stored, all from the same moment. Raises SecretStoreError."""
        values = self._read()
        return {name: Secret(values[name]) for name in names if values.get(name)}

    def update(self, changes: Mapping[str, Secret | None]) -> None:
        """Set (or with None remove) several secrets in one atomic, durable replacement. Raises SecretStoreError."""
        try:
            private_folder(self.path.parent)
            # The login tool runs beside OBS, and an update reads before it writes.
            with self._lock, locked(self.path.with_suffix(".lock"), LOCK_PATIENCE_S):
                values = self._read()
                for name, secret in changes.items():
                    if secret:
                        values[name] = secret.reveal()
                    else:
                        values.pop(name, None)
                write_atomically(self.path, json.dumps(values).encode())
        except SecretStoreError:
            raise
        except LockHeld as error:
            raise SecretStoreError(f"{error}; close it and try again") from error
        except OSError as error:
            raise SecretStoreError(f"cannot write the secrets to {self.path}: {error.strerror or error}") from error

    def _read(self) -> dict[str, str]:
        try:
            values = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise SecretStoreError(
                f"cannot read the secrets in {self.path} ({type(error).__name__}); "
                "move the file away and enter them anew"
            ) from error
        if not isinstance(values, dict):
            raise SecretStoreError(f"{self.path} does not hold a JSON object; move it away and enter the secrets again")
        return {str(name): str(text) for name, text in values.items()}


def new_token() -> Secret:
    """A fresh random bearer token, 256 bits."""
    return Secret(secrets.token_urlsafe(32))
