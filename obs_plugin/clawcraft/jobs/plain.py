"""What an action came to, as something that can be stored and sent: plain JSON, whatever a handler gave, without what
is answered and kept nowhere, a picture of the streamer's screen. No state."""

import math
from collections.abc import Mapping
from typing import Any, Final

from clawcraft.actions.catalogue import BY_NAME

MAX_DEPTH: Final = 20
NOT_KEPT: Final = "This part was answered once and is not kept; send the request again with a new request_id."


def storable(action: str, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """``result`` as it may be stored: in the place of the part that may not be, null, and ``not_kept`` says why."""
    name = BY_NAME[action].unkept
    if name is None or result.get(name) is None:
        return result
    return {**result, name: None, "not_kept": NOT_KEPT}


def plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """``value`` as JSON in UTF-8 can hold it: names are texts, halves of surrogate pairs become U+FFFD, numbers that
    are none become null, and of anything else stays what it prints."""
    kept: dict[str, Any] = _plain(value, 0)
    return kept


def plain_text(text: str) -> str:
    """``text`` without halves of surrogate pairs, which no file and no answer can hold."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return plain_text(str(value))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if depth < MAX_DEPTH and isinstance(value, Mapping):
        return {plain_text(str(name)): _plain(inner, depth + 1) for name, inner in value.items()}
    if depth < MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner, depth + 1) for inner in value]
    return plain_text(str(value))
