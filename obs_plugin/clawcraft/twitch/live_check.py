"""Whether Helix shows the stream that OBS has just started: the last, slow step of a start. Runs on the stream worker.

``GET /streams`` is late on both edges: a stream that has ended stays listed for minutes, so that a row alone says
nothing. It counts if it is not the one that was listed before the start, and not older than OBS's own stream.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.errors import (
    ClawcraftError,
    Interrupted,
    Stopping,
    TwitchMissingScope,
    TwitchNotConfigured,
    TwitchTokenInvalid,
)
from clawcraft.twitch.call import Deadline
from clawcraft.twitch.foreign import foreign
from clawcraft.twitch.helix import Stream
from clawcraft.twitch.transport import Transport

MAX_WAIT_S: Final = 180.0
POLL_EVERY_S: Final = 3.0
AGE_SLACK_S: Final = 60.0
"""OBS and Twitch count a stream from different moments, and Twitch's from whole seconds."""
_LOOKS: Final = 6
"""How often it is looked, between two polls, whether EventSub told of it."""
_FIRST_PERCENT: Final = 80
_LAST_PERCENT: Final = 99
_HOPELESS: Final = (TwitchNotConfigured, TwitchTokenInvalid, TwitchMissingScope)


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of the stream that Twitch should show: ``up_s`` for how long OBS streams, None if nobody knows;
    ``before`` the id that was listed before the start, empty for none."""

    up_s: float | None = None
    before: str = ""

    def is_shown_by(self, row: Stream, waited_s: float) -> bool:
        """Whether ``row`` is this stream, ``waited_s`` after these figures were taken."""
        if self.before and row.id == self.before:
            return False
        return self.up_s is None or row.age_s is None or row.age_s <= self.up_s + waited_s + AGE_SLACK_S


ANY: Final = Expected()


def wait_until_live(
    transport: Transport,
    find: Callable[[Deadline], Stream | None],
    progress: Callable[[int, str], None],
    expected: Expected,
    heard: Callable[[], Mapping[str, Any] | None],
    is_over: Callable[[], bool],
) -> dict[str, Any]:
    """Until ``find``, called with the deadline of the whole wait, gives the stream that is expected, or ``heard`` gives
    it as EventSub tells of it, which is sooner, and without title and game; or until it ``is_over`` in OBS.

    ``{"live": True, "waited_s", "started_at", "title", "game"}``, or once it is over, or after 180 s, ``{"live": False,
    "waited_s", "warning"}``: OBS started it, so that a Helix that lags or fails is no failure. Raises Interrupted.
    """
    deadline = transport.deadline(MAX_WAIT_S)
    try:
        while True:
            waited_s = round(MAX_WAIT_S - deadline.remaining_s, 1)
            share = waited_s / MAX_WAIT_S
            progress(
                _FIRST_PERCENT + int(share * (_LAST_PERCENT - _FIRST_PERCENT)),
                f"connected; waiting for Twitch to show the channel live ({waited_s:.0f} s)",
            )
            if is_over():
                why = f"the stream ended in OBS within {waited_s:.0f} s, before Twitch showed the channel live"
                return {"live": False, "waited_s": waited_s, "warning": why}
            if (told := heard()) is not None:
                return {"live": True, "waited_s": waited_s, "started_at": foreign(told, "started_at", "time")}
            stream, trouble = None, ""
            try:
                stream = find(deadline)
            except Stopping:
                raise
            except ClawcraftError as error:
                trouble = error.message
                if isinstance(error, _HOPELESS):
                    return _unconfirmed(waited_s, trouble)
            passed_s = MAX_WAIT_S - deadline.remaining_s
            if is_over():
                continue  # first to progress: a stop that an agent asked for ends the job in its own way
            if stream is not None and expected.is_shown_by(stream, passed_s):
                return {
                    "live": True,
                    "waited_s": round(passed_s, 1),
                    "started_at": stream.started_at,
                    "title": stream.title,
                    "game": stream.game,
                }
            if stream is not None:
                trouble = "it still lists one from before"
            if deadline.remaining_s <= POLL_EVERY_S:
                return _unconfirmed(MAX_WAIT_S, trouble)
            for _ in range(_LOOKS):
                transport.pause(POLL_EVERY_S / _LOOKS)
                if heard() is not None or is_over():
                    break
    except Stopping:
        raise Interrupted("the service stops") from None


def _unconfirmed(waited_s: float, trouble: str) -> dict[str, Any]:
    why = f": {trouble}" if trouble else ""
    return {
        "live": False,
        "waited_s": waited_s,
        "warning": f"OBS streams, but after {waited_s:.0f} s Twitch does not show the channel live{why}",
    }
