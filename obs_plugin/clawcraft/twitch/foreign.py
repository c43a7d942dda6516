"""Texts from Twitch, as the rest of the service gets them: cleaned and of bounded length, whatever was sent. What of
them reaches an agent is marked ``untrusted`` in ``schemas/responses/``."""

from collections.abc import Mapping
from typing import Any, Final

from clawcraft.text import cleaned

LENGTHS: Final = {
    **{"login": 25, "id": 64, "code": 64, "time": 40, "url": 300},
    **{"title": 140, "game": 120, "message": 300},
    **{"chat": 500, "name": 50, "address": 1000},
}
"""The most characters of each kind of text, which are more than Twitch's own."""


def foreign(row: Mapping[str, Any], name: str, kind: str) -> str:
    """The text ``name`` of what Twitch sent; empty if it is not there or no text."""
    return cleaned(row.get(name), LENGTHS[kind])
