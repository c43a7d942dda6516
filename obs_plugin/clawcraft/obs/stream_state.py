"""What is known of OBS's streaming output, from its frontend events and output signals. Calls nothing of OBS.

Events come on the UI thread, signals on OBS's output threads. Both hold the GIL, and the lock here is held for field
updates only, never across a call: neither thread of OBS ever waits for one of ours.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final, TypeVar

from clawcraft.clock import Clock
from clawcraft.obs.port import FrontendEvent

T = TypeVar("T")
STOPPED_OVERDUE_S: Final = 2.0


class Phase(StrEnum):
    """``starting``: from STREAMING_STARTING until OBS is connected or gives up. OBS cannot be asked for that phase,
    and a second start in it crashes OBS."""

    OFFLINE = "offline"
    STARTING = "starting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    STOPPING = "stopping"

    @property
    def is_up(self) -> bool:
        return self in (Phase.LIVE, Phase.RECONNECTING)


@dataclass(slots=True)
class StreamState:
    """One moment of the stream."""

    phase: Phase = Phase.OFFLINE
    attempt: int = 0
    """How many STREAMING_STARTINGs there were."""
    signals: bool = False
    """This attempt's signals are heard."""
    output_started: bool = False
    """OBS's signal ``starting``."""
    connected: bool = False
    """OBS's signal ``start``."""
    refused: bool = False
    """The output did not even start."""
    stop_code: int | None = None
    """The code of OBS's signal ``stop``."""
    stop_armed: bool = False
    """To be stopped as soon as it is up."""
    in_call: bool = False
    """OBS is inside our call to start or stop."""
    live_since_s: float | None = None
    changing: str = ""
    """What OBS is exchanging right now: its profile or its scene collection."""
    closed: bool = False
    """The script is being unloaded."""

    def has_ended(self, attempt: int) -> bool:
        return self.attempt >= attempt and self.phase is Phase.OFFLINE

    def is_over(self, attempt: int) -> bool:
        """It is up, or it has ended."""
        return self.has_ended(attempt) or (self.attempt >= attempt and self.phase.is_up)

    @property
    def reason_known(self) -> bool:
        """All there is to know about why the attempt ended."""
        return self.refused or self.stop_code is not None or not self.signals


class StreamTracker:
    """Follows the stream, and lets others wait for it to change."""

    def __init__(self, clock: Clock, carried: Mapping[str, Any] | None = None) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._now = StreamState()
        self._inactive_since_s: float | None = None
        if carried:
            # The signals stay with the script that connected them: the next start brings them back.
            gone = {"signals": False, "in_call": False, "changing": "", "closed": False}
            self._now = StreamState(**{**carried, "phase": Phase(carried["phase"]), **gone})

    def carry(self) -> dict[str, Any]:
        """Plain data from which the next life of the script goes on; its classes may be another version's."""
        with self._changed:
            return {**asdict(self._now), "phase": str(self._now.phase)}

    def snapshot(self) -> StreamState:
        """A copy."""
        with self._changed:
            return replace(self._now)

    def read(self, of: Callable[[StreamState], T]) -> T:
        """``of`` applied to the state of one moment; it must only look and return at once."""
        with self._changed:
            return of(self._now)

    def set(self, **fields: object) -> None:
        """Change these fields and wake who waits."""
        with self._changed:
            for name, value in fields.items():
                setattr(self._now, name, value)
            self._changed.notify_all()

    def arm_stop(self, attempt: int) -> None:
        """See to it that ``attempt`` is stopped once it is up, unless it has ended. One that has not begun counts
        only while OBS is still inside the start call: a later one is the streamer's own."""
        with self._changed:
            now = self._now
            begun = now.attempt >= attempt
            if (now.phase is Phase.STARTING or now.phase.is_up) if begun else now.in_call:
                now.stop_armed = True

    def leave_call(self) -> None:
        """OBS is out of our call to start or stop. If nothing began in it, nothing is left to be stopped."""
        with self._changed:
            self._now.in_call = False
            if self._now.phase is Phase.OFFLINE:
                self._now.stop_armed = False
            self._changed.notify_all()

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def wait(self, reached: Callable[[StreamState], T], deadline_s: float) -> T:
        """The first true value of ``reached``, or its last value when the clock shows ``deadline_s``."""
        with self._changed:
            while not (value := reached(self._now)):
                remaining_s = deadline_s - self._clock.monotonic()
                if remaining_s <= 0:
                    return value
                self._changed.wait(remaining_s)
            return value

    def on_event(self, event: FrontendEvent) -> None:
        """UI thread."""
        with self._changed:
            now = self._now
            match event:
                case FrontendEvent.STREAMING_STARTING:
                    now.phase = Phase.STARTING
                    now.attempt += 1
                    now.signals = now.output_started = now.connected = now.refused = False
                    now.stop_code = now.live_since_s = None
                case FrontendEvent.STREAMING_STARTED:
                    now.phase = Phase.LIVE
                    now.live_since_s = self._clock.monotonic()
                case FrontendEvent.STREAMING_STOPPING:
                    now.phase = Phase.STOPPING
                case FrontendEvent.STREAMING_STOPPED:
                    self._offline()
                case FrontendEvent.SCENE_COLLECTION_CHANGING:
                    now.changing = "scene collection"
                case FrontendEvent.PROFILE_CHANGING:
                    now.changing = "profile"
                case FrontendEvent.SCENE_COLLECTION_CHANGED | FrontendEvent.PROFILE_CHANGED:
                    now.changing = ""
            self._changed.notify_all()

    def on_signal(self, name: str, code: int) -> None:
        """Any thread of OBS."""
        with self._changed:
            now = self._now
            match name:
                case "starting":
                    now.output_started = True
                case "start":
                    now.output_started = now.connected = True
                case "stop":
                    now.stop_code = code
                case "reconnect" if now.phase is Phase.LIVE:
                    now.phase = Phase.RECONNECTING
                case "reconnect_success" if now.phase is Phase.RECONNECTING:
                    now.phase = Phase.LIVE
            self._changed.notify_all()

    def settle(self, up: bool, reconnecting: bool) -> None:
        """UI thread, inside a queued task, with what OBS says of itself.

        OBS emits ``starting`` before its event loop, and with it any task, can run again. So a task that finds an
        attempt without it knows that the output refused to start: OBS sends nothing more about that attempt.
        The other corrections are for events missed while the script was being loaded.
        """
        with self._changed:
            now = self._now
            if up:
                self._inactive_since_s = None
                if now.phase is not Phase.STOPPING:
                    now.phase = Phase.RECONNECTING if reconnecting else Phase.LIVE
            elif now.phase is Phase.STARTING:
                self._refuse_if_silent()
            elif now.phase is not Phase.OFFLINE:
                now_s = self._clock.monotonic()
                self._inactive_since_s = self._inactive_since_s or now_s
                now.phase = Phase.STOPPING  # STOPPED is on its way
                if now_s - self._inactive_since_s > STOPPED_OVERDUE_S:
                    self._offline()
            self._changed.notify_all()

    def _refuse_if_silent(self) -> None:
        now = self._now
        if now.phase is Phase.STARTING and now.signals and not now.output_started and now.stop_code is None:
            now.refused = True
            self._offline()

    def _offline(self) -> None:
        self._inactive_since_s = None
        self._now.phase = Phase.OFFLINE
        self._now.stop_armed = False
        self._now.live_since_s = None
