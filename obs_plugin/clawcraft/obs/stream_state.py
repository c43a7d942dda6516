"""Whose start it is and how far it is: one record per start, and the one function that moves it. Calls nothing of OBS.

OBS tells of a start by frontend events (UI thread) and output signals (any thread). Both hold the GIL, and the lock
here is held for field updates only: neither thread of OBS ever waits for one of ours. The record belongs to whoever
asked: a STREAMING_STARTING that nobody here asked for is the streamer's. A stop that was promised is a mark on one
record and dies with it, so it can never hit a later start.
"""

from __future__ import annotations  # typing caches evaluated ones, and through them a reloaded module's old self

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Final, TypeVar

from clawcraft.clock import Clock
from clawcraft.obs.libobs import Window
from clawcraft.obs.port import FrontendEvent, StreamSnapshot

T = TypeVar("T")
PREPARATION_S: Final = 60.0
"""How long OBS may prepare (Enhanced Broadcasting asks its service) before a start counts as not begun. A failed
preparation is told by no event (MultitrackVideoOutput; DisplayStreamStartError)."""


class Owner(StrEnum):
    AGENT = "agent"
    STREAMER = "streamer"


class Phase(StrEnum):
    """``asked``: OBS is inside our call. ``preparing``: out of it, and STREAMING_STARTING is still to come.
    ``connecting``: from STREAMING_STARTING on; OBS can neither be asked for it nor stopped in it, and a second start
    crashes it. ``unknown``: OBS may be connecting, since we were not there when that could have begun."""

    UNKNOWN = "unknown"
    ASKED = "asked"
    PREPARING = "preparing"
    CONNECTING = "connecting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    STOPPING = "stopping"
    ENDED = "ended"

    @property
    def is_up(self) -> bool:
        return self in (Phase.LIVE, Phase.RECONNECTING)

    @property
    def is_beginning(self) -> bool:
        return self in (Phase.ASKED, Phase.PREPARING, Phase.CONNECTING)

    @property
    def shown(self) -> str:
        """The ``state`` of ``GET /status``."""
        return "starting" if self.is_beginning else "offline" if self is Phase.ENDED else str(self)


_UP: Final = (Phase.LIVE, Phase.RECONNECTING, Phase.STOPPING, Phase.ENDED)
MOVES: Final[Mapping[Phase, tuple[Phase, ...]]] = {
    Phase.UNKNOWN: _UP,
    Phase.ASKED: (Phase.PREPARING, Phase.CONNECTING, Phase.ENDED),
    Phase.PREPARING: (Phase.CONNECTING, *_UP),
    Phase.CONNECTING: _UP,
    Phase.LIVE: _UP,
    Phase.RECONNECTING: _UP,
    Phase.STOPPING: (Phase.ENDED,),
    Phase.ENDED: (),
}


@dataclass(slots=True)
class Start:
    """One start."""

    number: int = 0
    owner: Owner = Owner.STREAMER
    phase: Phase = Phase.ENDED
    armed: bool = False
    """To be stopped as soon as it is up."""
    level: int = 0
    """Qt's loop level at its STREAMING_STARTING."""
    output_started: bool = False
    """OBS's signal ``starting``."""
    connected: bool = False
    """OBS's signal ``start``."""
    started_told: bool = False
    """STREAMING_STARTED, which may overtake the signal. Alone it means nothing: where the window hung meanwhile, it may
    be the start's before, which has come and gone."""
    refused: bool = False
    """The output did not even start."""
    stop_code: int | None = None
    """The code of OBS's signal ``stop``."""
    stopped_told: bool = False
    """STREAMING_STOPPED, which may overtake the signal. Alone it ends nothing: it may be the start's before, since it
    can come twice."""
    asked_s: float = 0.0
    asked_level: int = 0
    """Qt's loop level at our call."""
    boxed: bool = False
    """A box was open between our call and STREAMING_STARTING: OBS may have told the streamer that it will not start."""
    live_since_s: float | None = None
    connected_s: float | None = None
    """When OBS connected, the last time: its counters are from then on. None if we were not there."""
    behind_drop: bool = False
    """The last stream that was up before this start has dropped, and nobody has made a stop since."""

    @property
    def has_dropped(self) -> bool:
        """The last stream that was up ended with an error: OBS gave up, nobody stopped it. A start that follows puts it
        right once it is up."""
        if self.live_since_s is None:
            return self.behind_drop
        return self.phase is Phase.ENDED and bool(self.stop_code)

    @property
    def may_be_stopped(self) -> bool:
        """Whether a word of OBS that it stops can be about this start, and new."""
        return Phase.STOPPING in MOVES[self.phase] and not self.is_silent

    @property
    def is_silent(self) -> bool:
        """OBS emits ``starting`` before it returns to its event loop. Until then nothing says how this will end."""
        begun = self.output_started or self.connected
        return self.phase is Phase.CONNECTING and not begun and self.stop_code is None

    def is_told_at(self, level: int) -> bool:
        """A STREAMING_STARTING at this loop level is ours. Once OBS has shown a box it may have given up, and the
        streamer may have clicked; beneath that box nobody can."""
        asked = self.phase in (Phase.ASKED, Phase.PREPARING)
        return asked and not (self.phase is Phase.PREPARING and self.boxed and level <= self.asked_level)


class StreamState:
    """The latest start, and what else decides whether another may follow. Others may wait for it to change.

    ``must_stop`` is called, on any thread, when a start comes up that was to be stopped; ``loop_level`` on the UI
    thread.
    """

    def __init__(
        self,
        clock: Clock,
        log: Callable[[str], None],
        loop_level: Callable[[], int],
        must_stop: Callable[[], object],
        carried: Mapping[str, Any] | None = None,
    ) -> None:
        self._clock = clock
        self._log = log
        self._loop_level = loop_level
        self.must_stop = must_stop
        self._changed = threading.Condition()
        self._now = Start(phase=Phase.UNKNOWN)
        self.changing = ""
        """What OBS is exchanging right now: its profile or its scene collection."""
        self.stopped_level = 0
        """Qt's loop level at the last STREAMING_STOPPED."""
        self.closed = False
        """The script is being unloaded."""
        if carried:
            self._now = Start(**{**carried, "owner": Owner(carried["owner"]), "phase": Phase(carried["phase"])})
            if self._now.stop_code is not None and self._now.phase is not Phase.ENDED:
                self._move(Phase.ENDED)  # STOPPED is not told while a collection is exchanged, and is over by now
            if self._now.phase is Phase.ASKED:
                self._now.boxed = True  # else nobody could have unloaded the script inside our call, whose end it hears
                self._move(Phase.PREPARING)

    def carry(self) -> dict[str, Any]:
        """Plain data from which the next life of the script goes on; its classes may be another version's."""
        with self._changed:
            return {name: value if not isinstance(value, StrEnum) else str(value) for name, value in _fields(self._now)}

    def snapshot(self) -> Start:
        """A copy."""
        with self._changed:
            return replace(self._now)

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Until something changes, at most so long."""
        with self._changed:
            self._changed.wait(seconds)

    def wait(self, reached: Callable[[Start], T], deadline_s: float) -> T:
        """The first true value of ``reached``, or its last value when the clock shows ``deadline_s``."""
        with self._changed:
            while not (value := reached(self._now)):
                remaining_s = deadline_s - self._clock.monotonic()
                if remaining_s <= 0:
                    return value
                self._changed.wait(remaining_s)
            return value

    # --- what we do -----------------------------------------------------------------------------------------------

    def ask(self) -> int:
        """UI thread, right before our call: the number of the start that is ours from here on."""
        with self._changed:
            self._begin(Owner.AGENT, Phase.ASKED)
            self._now.asked_s = self._clock.monotonic()
            self._now.asked_level = self._loop_level()
            return self._now.number

    def asked(self, asynchronous: bool) -> None:
        """UI thread, right behind our call. Where it does all by itself, or asked a question and came back, a start
        that has not begun never will."""
        with self._changed:
            if self._now.phase is Phase.ASKED:
                self._move(Phase.PREPARING if asynchronous and not self._now.boxed else Phase.ENDED)
            self._changed.notify_all()

    def stopping(self) -> None:
        """OBS is about to be told: a second stop would be a forced one, which cuts off the stream's end."""
        with self._changed:
            self._move(Phase.STOPPING)
            self._changed.notify_all()

    def arm(self, number: int, armed: bool = True) -> bool:
        """See to it that this start is stopped once it is up; whether it is up already, so that nothing is to come that
        would tell of it. One that has ended needs nothing, and a later one is not meant."""
        with self._changed:
            now = self._now
            if now.number != number or now.phase in (Phase.STOPPING, Phase.ENDED):
                return False
            now.armed = armed
            return armed and (now.phase.is_up or now.connected)

    # --- what OBS tells -------------------------------------------------------------------------------------------

    def hear_event(self, code: int) -> bool:
        """UI thread. Whether somebody else than the service has OBS stop."""
        stopping = False
        with self._changed:
            now = self._now
            match code:
                case FrontendEvent.STREAMING_STARTING:
                    level = self._loop_level()
                    if now.is_told_at(level):
                        self._move(Phase.CONNECTING)
                    else:
                        self._begin(Owner.STREAMER, Phase.CONNECTING)
                    self._now.level = level
                case FrontendEvent.STREAMING_STARTED if now.phase in (Phase.CONNECTING, Phase.UNKNOWN):
                    now.started_told = True
                    self._up_if_told()
                case FrontendEvent.STREAMING_STOPPING if now.may_be_stopped:
                    stopping = True
                    self._move(Phase.STOPPING)
                case FrontendEvent.STREAMING_STOPPED if now.phase not in (Phase.ASKED, Phase.PREPARING, Phase.ENDED):
                    self.stopped_level = self._loop_level()
                    now.stopped_told = True
                    self._end_if_told()
                case FrontendEvent.SCENE_COLLECTION_CHANGING:
                    self.changing = "scene collection"
                case FrontendEvent.PROFILE_CHANGING:
                    self.changing = "profile"
                case FrontendEvent.SCENE_COLLECTION_CHANGED | FrontendEvent.PROFILE_CHANGED:
                    self.changing = ""
                case FrontendEvent.SCRIPTING_SHUTDOWN:
                    self.closed = True
            self._changed.notify_all()
        return stopping

    def hear_signal(self, name: str, code: int) -> bool:
        """Any thread. As ``hear_event``."""
        stopping = False
        with self._changed:
            now = self._now
            match name:
                case "starting":
                    self._output_starting()
                case "start" if now.phase in (Phase.CONNECTING, Phase.UNKNOWN):
                    now.connected = True  # before "starting" where the window's thread had to wait for us
                    self._up_if_told()
                case "stopping" if now.may_be_stopped:
                    stopping = True
                    self._move(Phase.STOPPING)  # STREAMING_STOPPING is not told while a collection is exchanged
                case "stop" if now.phase not in (Phase.ASKED, Phase.PREPARING, Phase.ENDED):
                    now.stop_code = code
                    self._end_if_told()
                case "reconnect" if now.phase is Phase.LIVE:
                    self._move(Phase.RECONNECTING)
                case "reconnect_success" if now.phase is Phase.RECONNECTING:
                    self._move(Phase.LIVE)
            must_stop = name == "start" and self._now.armed
            self._changed.notify_all()
        if must_stop:
            self.must_stop()
        return stopping

    def settle(self, stream: StreamSnapshot, window: Window) -> None:
        """UI thread, inside a task, with what OBS and its window say of themselves.

        A task that is no deeper than the start's STREAMING_STARTING runs after all of it: without ``starting`` the
        output has refused, and OBS says nothing more about that start. Deeper, it may run inside another plugin's
        dialog, before the output is asked at all.
        """
        level = window.level
        with self._changed:
            now = self._now
            if now.is_silent and level <= now.level:
                now.refused = True
            # Not a menu, in which OBS tells nothing.
            if now.phase in (Phase.ASKED, Phase.PREPARING) and level > now.asked_level and window.modal:
                now.boxed = True
            found = self._found(stream, level)
            moved = found is not None and found is not now.phase
            if found is not None and moved:
                self._move(found)
            must_stop = moved and self._now.armed and self._now.phase.is_up
            self._changed.notify_all()
        if must_stop:
            self.must_stop()

    # --- under the lock -------------------------------------------------------------------------------------------

    def _output_starting(self) -> None:
        """Once a start, behind STREAMING_STARTING, unless OBS is exchanging its scene collection and tells nobody. A
        second one is another start's: what was promised to this one must not hit it."""
        if self._now.phase in (Phase.ASKED, Phase.PREPARING):
            self._move(Phase.CONNECTING)
        elif self._now.phase is not Phase.CONNECTING or self._now.output_started:
            self._begin(Owner.STREAMER, Phase.CONNECTING)
        self._now.output_started = True

    def _found(self, stream: StreamSnapshot, level: int) -> Phase | None:
        """The phase that what OBS says of itself leaves no doubt about."""
        now = self._now
        up = Phase.RECONNECTING if stream.reconnecting else Phase.LIVE
        match now.phase:
            case Phase.UNKNOWN:
                return up if stream.active else None if stream.exists else Phase.ENDED  # none: OBS never streamed yet
            case Phase.PREPARING if not stream.active:
                overdue = self._clock.monotonic() > now.asked_s + PREPARATION_S
                return Phase.ENDED if overdue and level <= 1 else None
            case Phase.PREPARING:
                return up
            case Phase.CONNECTING:
                return Phase.ENDED if now.refused else up if now.connected and stream.active else None
            case Phase.LIVE | Phase.RECONNECTING | Phase.STOPPING:
                if not stream.active and now.stop_code is None:
                    return Phase.ENDED
                return up if now.phase.is_up else None
        return None

    def _up_if_told(self) -> None:
        now = self._now
        if now.started_told and (now.connected or now.phase is Phase.UNKNOWN):
            self._move(Phase.LIVE)

    def _end_if_told(self) -> None:
        now = self._now
        if now.stopped_told and (now.stop_code is not None or now.phase is Phase.UNKNOWN):
            self._move(Phase.ENDED)

    def _begin(self, owner: Owner, phase: Phase) -> None:
        before = self._now
        over = before.phase in (Phase.ENDED, Phase.UNKNOWN) or before.stop_code is not None  # STOPPED can go untold
        if not (over or before.is_silent or before.boxed):
            self._log(f"defect: a start by the {owner} while one by the {before.owner} is {before.phase}")
        self._now = Start(number=before.number + 1, owner=owner, phase=phase, behind_drop=before.has_dropped)

    def _move(self, phase: Phase) -> None:
        """The one function that changes ``phase``."""
        now = self._now
        if phase not in MOVES[now.phase]:
            self._log(f"defect: a start by the {now.owner} went from {now.phase} to {phase}")
            self._now = Start(number=now.number + 1, phase=Phase.UNKNOWN)
            return
        if phase is Phase.LIVE and now.phase is not Phase.UNKNOWN:
            now.connected_s = self._clock.monotonic()
        now.phase = phase
        if phase.is_up and now.live_since_s is None:
            now.live_since_s = self._clock.monotonic()
        if phase is Phase.STOPPING:
            now.behind_drop = False
        if phase is Phase.ENDED:
            now.armed = False


def _fields(start: Start) -> list[tuple[str, Any]]:
    return list(asdict(start).items())
