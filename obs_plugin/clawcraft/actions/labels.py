"""``twitch.set_tags`` and ``twitch.set_labels``: how the channel is found, and what viewers are warned of. Called on
an HTTP worker. Each sets the whole list, and reads back what Twitch made of it: Helix has answered 204 and changed
nothing.
"""

from collections.abc import Callable, Mapping
from typing import Final

from clawcraft.actions.handlers import ActionContext, Result
from clawcraft.actions.refusals import explained
from clawcraft.errors import ClawcraftError, Stopping
from clawcraft.twitch.client import HelixSession
from clawcraft.twitch.foreign import foreign_texts
from clawcraft.twitch.helix import Row
from clawcraft.twitch.helix_show import LABELS, ShowHelix
from clawcraft.twitch.metadata import READ_BACK_PAUSES_S, READ_S

_MAX_LISTED: Final = 20
_TAG_HINTS: Final = {400: "Read details.twitch_message: Twitch refuses one of the tags. Take it out, or word it anew."}
_LABEL_HINTS: Final = {
    400: "Read details.twitch_message: Twitch does not let this channel change one of the labels.",
    403: "Read details.twitch_message: Twitch does not let this channel change one of the labels.",
}


def set_tags(context: ActionContext) -> Result:
    """Gives ``{"status": "updated", "previous_tags", "tags", "verified", "channel"}``, where ``tags`` are those that
    Twitch shows; both lists are null where they could not be read."""
    return _set(context, "tags", _TAG_HINTS, _tags, ShowHelix.set_tags)


def set_labels(context: ActionContext) -> Result:
    """As ``set_tags``, with ``previous_labels`` and ``labels``. What Twitch itself sets by the category stays."""
    return _set(context, "labels", _LABEL_HINTS, _labels, ShowHelix.set_labels)


_Read = Callable[[HelixSession], list[str]]
_Write = Callable[[ShowHelix, str, list[str]], None]


def _set(context: ActionContext, name: str, hints: Mapping[int, str], read: _Read, write: _Write) -> Result:
    wanted: list[str] = context.args[name]
    with context.session() as session, explained(hints):
        previous = _read_once(session, read)
        write(session.helix, session.broadcaster.id, wanted)
        shown, verified = _read_back(session, read, {text.casefold() for text in wanted})
        result: Result = {"status": "updated", f"previous_{name}": previous, name: shown, "verified": verified}
        result["channel"] = session.broadcaster.login
        if not verified:
            result["warning"] = "Twitch accepted the change, but does not show it yet"
        return result


def _tags(session: HelixSession) -> list[str]:
    return foreign_texts(_row(session), "tags", "tag", _MAX_LISTED)


def _labels(session: HelixSession) -> list[str]:
    shown = foreign_texts(_row(session), "content_classification_labels", "code", _MAX_LISTED)
    return [label for label in shown if label in LABELS]


def _row(session: HelixSession) -> Row:
    # Before the change, half of the action's time is left for it.
    within_s = min(READ_S, session.helix.deadline.remaining_s / 2)
    return session.helix.channel_row(session.broadcaster.id, within_s=within_s)


def _read_once(session: HelixSession, read: _Read) -> list[str] | None:
    """None where Twitch does not say: what was there before is worth no failure."""
    try:
        return read(session)
    except Stopping:
        raise
    except ClawcraftError:
        return None


def _read_back(session: HelixSession, read: _Read, wanted: set[str]) -> tuple[list[str] | None, bool]:
    """What Twitch shows now, and whether that is ``wanted``. Twitch has accepted it: nothing here undoes that."""
    shown: list[str] | None = None
    for pause_s in (*READ_BACK_PAUSES_S, None):
        try:
            shown = read(session)
            if {text.casefold() for text in shown} == wanted:
                return shown, True
            if pause_s is None or pause_s >= session.helix.deadline.remaining_s:
                break
            session.pause(pause_s)
        except ClawcraftError:
            break
    return shown, False
