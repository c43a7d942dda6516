"""``twitch.post_chat_message`` and ``twitch.announce``: say something in the channel's chat as the token's user. Called
on an HTTP worker. Each is sent once or not at all."""

from typing import Any, Final

from clawcraft.actions.handlers import ActionContext, Result
from clawcraft.actions.refusals import explained
from clawcraft.errors import ChatMessageDropped
from clawcraft.twitch.foreign import foreign

_ANNOUNCE_HINTS: Final = {
    400: "Read details.twitch_message: Twitch does not take the announcement as it is.",
    401: "The connected account is not a moderator of the channel: connect Twitch with the streamer's own account.",
    403: "The connected account is not a moderator of the channel: connect Twitch with the streamer's own account.",
}
_ANNOUNCE_LIMIT: Final = "Twitch takes one announcement in 2 seconds."


def post_chat_message(context: ActionContext) -> Result:
    """Gives ``{"status": "sent", "message_id", "channel", "broadcaster_id", "sender"}``; sent once or not at all.

    Raises ChatMessageDropped: Twitch answers 200 for a message that nobody will see.
    """
    args = context.args
    with context.session() as session:
        row = session.helix.send_chat_message(
            session.broadcaster.id, args["message"], args.get("reply_parent_message_id")
        )
        if row.get("is_sent") is not True:
            reason = _drop_reason(row.get("drop_reason"))
            said = reason["message"] or reason["code"] or "without a reason"
            raise ChatMessageDropped(f"Twitch dropped the message: {said}", details={"drop_reason": reason})
        return {
            "status": "sent",
            "message_id": foreign(row, "message_id", "id"),
            "channel": session.broadcaster.login,
            "broadcaster_id": session.broadcaster.id,
            "sender": session.helix.identity.login,
        }


def announce(context: ActionContext) -> Result:
    """Gives ``{"status": "sent", "colour", "channel"}``. Twitch says nothing of what viewers get to see."""
    args = context.args
    colour = args.get("colour", "primary")
    with context.session() as session, explained(_ANNOUNCE_HINTS, limit=_ANNOUNCE_LIMIT, limit_s=2.0):
        session.helix.announce(session.broadcaster.id, args["message"], colour)
        return {"status": "sent", "colour": colour, "channel": session.broadcaster.login}


def _drop_reason(value: Any) -> dict[str, str]:
    # Twitch documents an object and has sent an array and null.
    found = value[0] if isinstance(value, list) and value else value
    if not isinstance(found, dict):
        return {"code": "", "message": ""}
    return {"code": foreign(found, "code", "code"), "message": foreign(found, "message", "message")}
