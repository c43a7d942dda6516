"""What is answered and kept nowhere: a picture of the streamer's screen. No state."""

from collections.abc import Mapping
from typing import Any, Final

from clawcraft.actions.catalogue import BY_NAME

NOT_KEPT: Final = "This part was answered once and is not kept; send the request again with a new request_id."


def storable(action: str, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """``result`` as it may be stored: in the place of the part that may not be, null, and ``not_kept`` says why."""
    name = BY_NAME[action].unkept
    if name is None or result.get(name) is None:
        return result
    return {**result, name: None, "not_kept": NOT_KEPT}
