"""Why a start failed, in the contract's words: OBS's output codes mapped to error classes. Pure."""

from __future__ import annotations  # typing caches evaluated ones, and through them a reloaded module's old self

from collections.abc import Mapping
from typing import Any, Final

from clawcraft.errors import (
    EncoderNotStarted,
    StreamConnectFailed,
    StreamDisconnected,
    StreamKeyRefused,
    StreamStartFailed,
)

STOPPED_HINT: Final = "Somebody pressed Stop in OBS. Start again only if the streamer asks for it."

_KINDS: Final[Mapping[int, tuple[type[StreamStartFailed], str, str]]] = {
    0: (StreamStartFailed, "stopped", "The stream was stopped before it was up."),
    -1: (StreamStartFailed, "bad path", "OBS cannot use the server address or the key it is set to."),
    -2: (StreamConnectFailed, "connect failed", "OBS could not connect to the streaming server."),
    -3: (StreamKeyRefused, "invalid stream", "The streaming server refused the stream key."),
    -4: (StreamStartFailed, "error", "OBS reported an output error."),
    -5: (StreamDisconnected, "disconnected", "The connection was lost before the stream was up."),
    -6: (StreamStartFailed, "unsupported", "OBS or the streaming server does not support these settings."),
    -7: (StreamStartFailed, "no space", "OBS reports that there is no disk space left."),
    -8: (StreamStartFailed, "encode error", "An encoder failed while the stream started."),
    -9: (StreamStartFailed, "HDR disabled", "The stream settings need HDR, which is off."),
}


def start_failure(refused: bool, code: int | None, obs_error: str | None) -> StreamStartFailed:
    """The error of a start that ended: ``refused`` when the output never started, else the ``stop`` signal's code
    (None when the signal was not heard). ``obs_error`` is the output's own last error."""
    details: dict[str, Any] = {"obs_error": obs_error} if obs_error else {}
    if refused:
        return EncoderNotStarted(
            "OBS did not start the output: an encoder or the stream settings failed.",
            details={"obs_reason": "output not started", **details},
        )
    if code is None:
        return StreamStartFailed(
            "OBS ended the stream before it was up and gave no reason.", details={"obs_reason": "unknown", **details}
        )
    unknown = (StreamStartFailed, "unknown", f"OBS ended the stream before it was up, with code {code}.")
    kind, reason, sentence = _KINDS.get(code, unknown)
    hint = STOPPED_HINT if code == 0 else None
    return kind(sentence, details={"obs_code": code, "obs_reason": reason, **details}, hint=hint)
