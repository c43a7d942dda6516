"""``twitch.create_poll`` and ``twitch.end_poll``: asks the viewers. Called on an HTTP worker."""

from typing import Any, Final

from clawcraft.actions.handlers import ActionContext, Result
from clawcraft.actions.refusals import explained
from clawcraft.errors import TwitchRejected
from clawcraft.twitch.client import HelixSession
from clawcraft.twitch.foreign import foreign, foreign_number
from clawcraft.twitch.helix import Row

_MAX_CHOICES: Final = 5
_ACTIVE: Final = "ACTIVE"
_HINTS: Final = {
    400: "Read details.twitch_message: a poll may be running already (end it first), or a text be refused.",
    403: "Only affiliates and partners can have polls.",
    404: "Use the poll_id that twitch.create_poll gave, or leave it out for the newest poll.",
}


def create_poll(context: ActionContext) -> Result:
    """Gives ``{"status": "running", "poll_id", "title", "choices": [{"title", "votes"}], "duration_s", "channel"}``."""
    args = context.args
    with context.session() as session, explained(_HINTS):
        row = session.helix.create_poll(session.broadcaster.id, args["title"], args["choices"], args["duration"])
        return {**_shown(session, "running", row), "duration_s": foreign_number(row, "duration")}


def end_poll(context: ActionContext) -> Result:
    """Gives ``{"status": "ended" | "already_ended", "poll_id", "title", "choices": [{"title", "votes"}], "channel"}``;
    safe to repeat. Without ``poll_id`` it is the newest poll. Raises TwitchRejected where there is none."""
    args = context.args
    with context.session() as session, explained(_HINTS):
        poll = _find(session, args.get("poll_id"))
        if poll.get("status") != _ACTIVE:
            return _shown(session, "already_ended", poll)
        poll_id = foreign(poll, "id", "id")
        try:
            ended = session.helix.end_poll(session.broadcaster.id, poll_id, show_result=args.get("show_result", True))
        except TwitchRejected:
            # Its time may have run out between the two calls.
            poll = _find(session, poll_id)
            if poll.get("status") == _ACTIVE:
                raise
            return _shown(session, "already_ended", poll)
        return _shown(session, "ended", ended)


def _find(session: HelixSession, poll_id: str | None) -> Row:
    poll = session.helix.poll(session.broadcaster.id, poll_id)
    if poll is None:
        raise TwitchRejected(
            "Twitch has no such poll of this channel" if poll_id else "this channel has had no poll",
            details={"poll_id": poll_id},
            hint=_HINTS[404],
        )
    return poll


def _shown(session: HelixSession, status: str, poll: Row) -> Result:
    choices: Any = poll.get("choices")
    rows = [row for row in choices if isinstance(row, dict)] if isinstance(choices, list) else []
    return {
        "status": status,
        "poll_id": foreign(poll, "id", "id"),
        "title": foreign(poll, "title", "title"),
        "choices": [
            {"title": foreign(row, "title", "choice"), "votes": foreign_number(row, "votes")}
            for row in rows[:_MAX_CHOICES]
        ],
        "channel": session.broadcaster.login,
    }
