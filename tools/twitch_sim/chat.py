"""What Twitch's chat refuses by itself: each rule with the code it gives.

A dropped message is answered with 200, ``is_sent: false`` and one of these as its ``drop_reason``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

RATE_WINDOW_S = 30.0


@dataclass(frozen=True)
class ChatRules:
    """``slow_s``: between two messages of one sender; ``repeat_s``: how long the same text is a repetition;
    ``per_window``: messages in 30 s; ``held_words`` wait for a moderator, ``blocked_words`` are refused;
    ``timed_out_until``: until when the sender may not write (Unix seconds)."""

    slow_s: float = 0.0
    repeat_s: float = 0.0
    per_window: int = 0
    held_words: tuple[str, ...] = ()
    blocked_words: tuple[str, ...] = ()
    timed_out_until: float = 0.0

    def broken_by(self, text: str, now_s: float, said: Sequence[dict[str, Any]]) -> dict[str, str] | None:
        """The ``drop_reason`` of ``text`` after ``said`` (``{"message", "at_s"}``), or None if it goes through."""
        if now_s < self.timed_out_until:
            return _reason("msg_timedout", f"You are timed out for {self.timed_out_until - now_s:.0f} more seconds.")
        if said and now_s - said[-1]["at_s"] < self.slow_s:
            return _reason("msg_slowmode", "This room is in slow mode and you are sending messages too quickly.")
        if self.per_window and sum(now_s - each["at_s"] < RATE_WINDOW_S for each in said) >= self.per_window:
            return _reason("msg_ratelimit", "Your message was not sent because you are sending messages too quickly.")
        if any(now_s - each["at_s"] < self.repeat_s and each["message"] == text for each in said):
            return _reason("msg_duplicate", "Your message was not sent because it is identical to the previous one.")
        words = text.lower().split()
        if any(word in words for word in self.blocked_words):
            return _reason(
                "msg_rejected_mandatory",
                "Your message wasn't posted: the channel's settings.",
            )
        if any(word in words for word in self.held_words):
            return _reason("msg_rejected", "Your message is being checked by mods and has not been posted.")
        return None


def _reason(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}
