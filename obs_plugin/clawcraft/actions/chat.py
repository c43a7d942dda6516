"""``twitch.post_chat_message``: says something in the channel's chat, as the bot or the streamer. Called on an HTTP
worker."""

from typing import Any

from clawcraft.actions.handlers import ActionContext, Result
from clawcraft.errors import ChatMessageDropped
from clawcraft.twitch.foreign import foreign


def post_chat_message(context: ActionContext) -> Result:
    """Gives ``{"status": "sent", "message_id", "channel", "broadcaster_id", "sender"}``; sent once or not at all.

    Raises ChatMessageDropped: Twitch answers 200 for a message that nobody will see.
    """
    args = context.args
    with context.chat_session() as session:
        row = session.speaker.say(session.broadcaster.id, args["message"], args.get("reply_parent_message_id"))
        if row.get("is_sent") is not True:
            reason = _drop_reason(row.get("drop_reason"))
            said = reason["message"] or reason["code"] or "without a reason"
            raise ChatMessageDropped(f"Twitch dropped the message: {said}", details={"drop_reason": reason})
        return {
            "status": "sent",
            "message_id": foreign(row, "message_id", "id"),
            "channel": session.broadcaster.login,
            "broadcaster_id": session.broadcaster.id,
            "sender": session.speaker.login,
        }


def _drop_reason(value: Any) -> dict[str, str]:
    # Twitch documents an object and has sent an array and null.
    found = value[0] if isinstance(value, list) and value else value
    if not isinstance(found, dict):
        return {"code": "", "message": ""}
    return {"code": foreign(found, "code", "code"), "message": foreign(found, "message", "message")}
