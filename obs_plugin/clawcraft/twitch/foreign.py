"""Texts from Twitch, as the rest of the service gets them: cleaned and of bounded length, whatever was sent. What of
them reaches an agent is marked ``untrusted`` in ``schemas/responses/``."""

from collections.abc import Mapping
from typing import Any, Final

from clawcraft.text import cleaned

LENGTHS: Final = {
    **{"login": 25, "id": 64, "code": 64, "time": 40, "url": 300},
    **{"title": 140, "game": 120, "message": 300},
    **{"chat": 500, "name": 50, "address": 1000},
    **{"tag": 25, "choice": 25},
}
"""The most characters of each kind of text, which are more than Twitch's own."""


def foreign(row: Mapping[str, Any], name: str, kind: str) -> str:
    """The text ``name`` of what Twitch sent; empty if it is not there or no text."""
    return cleaned(row.get(name), LENGTHS[kind])


def foreign_row(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object ``name`` of what Twitch sent; empty if it is not there or none."""
    found = row.get(name)
    return found if isinstance(found, dict) else {}


def foreign_texts(row: Mapping[str, Any], name: str, kind: str, most: int) -> list[str]:
    """The texts in the list ``name`` of what Twitch sent, at most so many."""
    found = row.get(name)
    texts = [cleaned(text, LENGTHS[kind]) for text in found[:most]] if isinstance(found, list) else []
    return [text for text in texts if text]


def foreign_number(row: Mapping[str, Any], name: str) -> int | None:
    """The whole number ``name`` of what Twitch sent; None if it is not there, or no number that anything counts."""
    value = row.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53 else None
