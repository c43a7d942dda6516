"""The longest stream: one that an agent's start put on air ends when its time is over. Never the streamer's own.

It is bound to the record of its start, which outlives a reload of the script and another scene collection. The
supervisor asks ``enforce``, which returns at once; the rest is for any thread.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.clock import Clock, rfc3339
from clawcraft.obs.stream import StreamController
from clawcraft.settings import Settings
from clawcraft.telemetry.events import EventLog

NOTICE_S: Final = 60.0
"""A limit that is set or lowered below what has passed already ends the stream no earlier: it may be half typed."""
AGAIN_S: Final = 5.0
"""OBS may be busy with something else when it is told."""


@dataclass(eq=False)
class LongestStream:
    """See the module. ``told`` takes a line for OBS's script log."""

    _stream: StreamController
    _settings: Callable[[], Settings]
    _clock: Clock
    _log: EventLog
    _told: Callable[[str], None]

    def __post_init__(self) -> None:
        self._seen: tuple[int, int] = (0, 0)
        """The start and the limit of the last look."""
        self._not_before_s = float("-inf")
        self._ended_number = 0
        self._ended_at_s: float | None = None

    def enforce(self) -> float | None:
        """Supervisor. End what is over; the seconds until the next look, None while there is nothing to look for."""
        stream, limit_min = self._stream.agents_stream(), self._settings().max_stream_min
        if stream is None or not limit_min:
            self._seen = (0, 0)
            return None
        now_s = self._clock.monotonic()
        if (stream.number, limit_min) != self._seen:
            fresh = stream.number != self._seen[0] and now_s - stream.live_since_s <= NOTICE_S
            self._seen = (stream.number, limit_min)
            self._not_before_s = float("-inf") if fresh else now_s + NOTICE_S
        remaining_s = self._ends_s(stream.live_since_s, limit_min) - now_s
        if remaining_s > 0:
            return remaining_s
        if stream.number != self._ended_number:
            self._ended_number, self._ended_at_s = stream.number, self._clock.time()
            self._told(f"the agent's stream has run for {limit_min} minutes, the longest you allow: it is stopped")
            self._log.event("stream_ended_by_guard_rail", limit_min=limit_min)
        self._stream.end_agents_stream(stream.number)
        return AGAIN_S

    def status(self) -> dict[str, Any]:
        """``{"max_stream_minutes", "stream_ends_at", "last_stream_ended_at"}``, null where there is nothing to say."""
        stream, limit_min = self._stream.agents_stream(), self._settings().max_stream_min
        ends_at = None
        if stream is not None and limit_min:
            in_s = self._ends_s(stream.live_since_s, limit_min) - self._clock.monotonic()
            ends_at = rfc3339(round(self._clock.time() + max(0.0, in_s)))
        return {
            "max_stream_minutes": limit_min or None,
            "stream_ends_at": ends_at,
            "last_stream_ended_at": None if self._ended_at_s is None else rfc3339(self._ended_at_s),
        }

    def _ends_s(self, live_since_s: float, limit_min: int) -> float:
        return max(live_since_s + limit_min * 60, self._not_before_s)
