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

    def one_in(self, text: str) -> bool:
        """Whether ``text`` holds a secret, in whatever case and with whatever spaces in it."""
        squeezed = _squeezed(text)
        known = (secret for secret in self._known() if len(secret) >= SHORTEST)
        return any(secret in squeezed for secret in known) or self._holds_token(text)

    def _known(self) -> set[str]:
        settings = self._settings()
        known = [getattr(settings, field.name) for field in fields(settings)]
        with contextlib.suppress(SecretStoreError):  # the panel says so; those in force are known all the same
            known += self._store.get_all(SECRET_NAMES).values()
        return {_squeezed(secret.reveal()) for secret in known if isinstance(secret, Secret)}


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()
