"""The secrets that no text of an agent may carry: what goes to chat or into a title, everybody can read. Any thread."""

import contextlib
from collections.abc import Callable
from dataclasses import fields
from typing import Final

from clawcraft.secrets import Secret, SecretStore, SecretStoreError
from clawcraft.settings import SECRET_NAMES, Settings

SHORTEST: Final = 8
"""A shorter signing secret may be a word that people use."""


class KnownSecrets:
    """Those in force, and those stored: a refresh may have made another since; and the tokens of named agents, of which
    only ``holds_token`` knows."""

    def __init__(
        self, settings: Callable[[], Settings], store: SecretStore, holds_token: Callable[[str], bool]
    ) -> None:
        self._settings = settings
        self._store = store
        self._holds_token = holds_token
        self._read_last: tuple[Settings, object, frozenset[str]] | None = None

    def one_in(self, text: str) -> bool:
        """Whether ``text`` holds a secret, in whatever case and with whatever spaces in it."""
        return _holds_one_of(self._look(), text) or self._holds_token(text)

    def known_one_in(self, text: str) -> bool:
        """The same for the secrets as ``one_in`` saw them last, at the cost of no look at the disk."""
        last = self._read_last
        return _holds_one_of(self._look() if last is None else last[2], text) or self._holds_token(text)

    def _look(self) -> frozenset[str]:
        """Read anew where the settings or the file are others; a file that changes is another one."""
        settings, last, file = self._settings(), self._read_last, None
        with contextlib.suppress(OSError):
            status = self._store.path.stat()
            file = (status.st_ino, status.st_mtime_ns, status.st_size)
        if last is not None and last[0] is settings and last[1] == file:
            return last[2]
        found = [getattr(settings, field.name) for field in fields(settings)]
        readable = False
        with contextlib.suppress(SecretStoreError):  # the panel says so; those in force are known all the same
            found += self._store.get_all(SECRET_NAMES).values()
            readable = True
        texts = {_squeezed(secret.reveal()) for secret in found if isinstance(secret, Secret)}
        known = frozenset(text for text in texts if len(text) >= SHORTEST)
        self._read_last = (settings, file, known) if readable else None
        return known


def _holds_one_of(secrets: frozenset[str], text: str) -> bool:
    squeezed = _squeezed(text)
    return any(secret in squeezed for secret in secrets)


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()
