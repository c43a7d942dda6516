"""Whether Helix shows the channel live: the last, slow step of a start. Runs on the stream worker."""

from collections.abc import Callable
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
from clawcraft.twitch.helix import Row
from clawcraft.twitch.transport import Transport

MAX_WAIT_S: Final = 180.0
POLL_EVERY_S: Final = 3.0
_LOOKS: Final = 6
"""How often it is looked, between two polls, whether EventSub told of it."""
_FIRST_PERCENT: Final = 80
_LAST_PERCENT: Final = 99
_HOPELESS: Final = (TwitchNotConfigured, TwitchTokenInvalid, TwitchMissingScope)


def wait_until_live(
    transport: Transport,
    find: Callable[[Deadline], Row | None],
    progress: Callable[[int, str], None],
    heard: Callable[[], Row | None],
) -> dict[str, Any]:
    """Until ``find``, called with the deadline of the whole wait, gives the stream as ``GET /streams`` lists it, or
    ``heard`` gives it as EventSub tells of it, which is sooner, and without title and game.

    ``{"live": True, "waited_s", "started_at", "title", "game"}``, or after 180 s ``{"live": False, "waited_s",
    "warning"}``: OBS streams, so that a Helix that lags or fails is no failure. Raises Interrupted.
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
            stream, trouble = heard(), ""
            if stream is not None:
                return {
                    "live": True,
                    "waited_s": round(MAX_WAIT_S - deadline.remaining_s, 1),
                    "started_at": foreign(stream, "started_at", "time"),
                }
            try:
                stream = find(deadline)
            except Stopping:
                raise
            except ClawcraftError as error:
                trouble = error.message
                if isinstance(error, _HOPELESS):
                    return _unconfirmed(waited_s, trouble)
            if stream is not None:
                return {
                    "live": True,
                    "waited_s": round(MAX_WAIT_S - deadline.remaining_s, 1),
                    "started_at": foreign(stream, "started_at", "time"),
                    "title": foreign(stream, "title", "title"),
                    "game": foreign(stream, "game_name", "game"),
                }
            if deadline.remaining_s <= POLL_EVERY_S:
                return _unconfirmed(MAX_WAIT_S, trouble)
            for _ in range(_LOOKS):
                transport.pause(POLL_EVERY_S / _LOOKS)
                if heard() is not None:
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
