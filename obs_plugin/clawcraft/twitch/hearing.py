"""What the service hears of the channel: owns the EventSub thread, started, changed and ended as the settings say.

``apply`` is the supervisor's, as is the end; everything else any thread's.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.clock import Clock, rfc3339
from clawcraft.settings import Settings
from clawcraft.telemetry.events import EventLog
from clawcraft.text import cleaned
from clawcraft.twitch.call import Wait
from clawcraft.twitch.event_memory import EventMemory
from clawcraft.twitch.eventsub import Account, Choice, EventSub, Heard

OFF: Final = (
    "Nothing is heard: the streamer can switch it on in the OBS script panel under Hearing, or by TWITCH_EVENTS. "
    "Do not ask again until then."
)
_JOIN_S: Final = 1.0
_MAX_PROBLEM: Final = 1000

OnHeard = Callable[[str], None]


@dataclass(eq=False)
class Hearing:
    """Off until the streamer chooses something to hear. ``on_heard`` is told the type of each event."""

    _settings: Callable[[], Settings]
    _account: Account
    _clock: Clock
    _wait: Wait
    _log: EventLog
    _on_heard: OnHeard

    def __post_init__(self) -> None:
        self.memory = EventMemory(self._clock)
        self._heard = Heard(self.memory, self._tell)
        self._closed = False
        self._running: EventSub | None = None
        self._ending: list[threading.Thread] = []
        self._stream: tuple[Mapping[str, Any], float] | None = None

    def apply(self) -> None:
        """Hear what the settings say now."""
        choice, running = self._choice(), self._running
        if self._closed or (running.choice if running else None) == choice:
            return
        if running is not None:
            running.begin_stop()
            until_s = time.monotonic() + _JOIN_S
            for thread in running.threads:
                thread.join(max(0.0, until_s - time.monotonic()))
            running.leave()
            self._ending = [thread for thread in (*self._ending, *running.threads) if thread.is_alive()]
        self._running = None
        if choice is not None:
            self._running = EventSub(choice, self._account, self._heard, self._clock, self._wait, self._log)
            self._running.start()

    def begin_stop(self) -> None:
        """End for good; idempotent. ``threads`` are to be joined once the transport is closed."""
        self._closed = True
        self.memory.close()
        if self._running is not None:
            self._running.begin_stop()

    @property
    def threads(self) -> list[threading.Thread]:
        return [*self._ending, *(self._running.threads if self._running else ())]

    @property
    def enabled(self) -> bool:
        return self._running is not None

    @property
    def connected(self) -> bool:
        return self._running is not None and self._running.connected_since_s is not None

    def status(self) -> dict[str, Any]:
        """``{"enabled", "connected", "since", "subscriptions": [{"kind", "active", "problem"}], "problem"}``. Never
        waits."""
        running = self._running
        if running is None:
            return {"enabled": False, "connected": False, "since": None, "subscriptions": [], "problem": None}
        since_s = running.connected_since_s
        problem = cleaned(running.problem or running.subscriptions.problem, _MAX_PROBLEM)
        return {
            "enabled": True,
            "connected": since_s is not None,
            "since": None if since_s is None else rfc3339(since_s),
            "subscriptions": running.subscriptions.to_json(),
            "problem": problem or None,
        }

    def live_since(self, since_s: float, channel: str | None) -> Mapping[str, Any] | None:
        """The ``stream_online`` of ``channel`` (a login; None: the service's own) that was heard after ``since_s``
        (monotonic), unless the stream ended again."""
        if channel is not None and (self._running is None or channel.lower() != self._running.channel):
            return None
        if self._stream is None or self._stream[0]["type"] != "stream_online" or self._stream[1] < since_s:
            return None
        return self._stream[0]

    def _choice(self) -> Choice | None:
        settings = self._settings()
        if not settings.twitch_events:
            return None
        channel = (settings.broadcaster_id, settings.broadcaster_login)
        return Choice(settings.twitch_events, settings.twitch_eventsub_url, channel)

    def _tell(self, entry: Mapping[str, Any]) -> None:
        if entry["type"] in ("stream_online", "stream_offline"):
            self._stream = (entry, self._clock.monotonic())
        self._on_heard(entry["type"])
