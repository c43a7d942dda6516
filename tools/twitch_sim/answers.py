"""The forms of Twitch's answers, shared by both halves of the API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True)
class Answer:
    """A status, a body (mapping: JSON; text: HTML; empty mapping and 204: none) and further headers."""

    status: int
    body: Mapping[str, Any] | str = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A request: query and form with one value a name, as every endpoint here takes them."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Mapping[str, Any]
    form: Mapping[str, str]
    headers: Mapping[str, str]


def helix_error(status: int, message: str) -> Answer:
    """Helix: ``{"error", "status", "message"}``."""
    return Answer(status, {"error": HTTPStatus(status).phrase, "status": status, "message": message})


def oauth_error(status: int, message: str) -> Answer:
    """id.twitch.tv: ``{"status", "message"}``."""
    return Answer(status, {"status": status, "message": message})


def rows(found: list[dict[str, Any]], status: int = 200) -> Answer:
    return Answer(status, {"data": found})
