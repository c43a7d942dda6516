"""``twitch.post_chat_message``: says something in the channel's chat, as the bot or the streamer; and
``twitch.announce``, always as the streamer. Called on an HTTP worker. Each is sent once or not at all."""

from collections.abc import Mapping
from typing import Any, Final

from clawcraft.actions.handlers import ActionContext, Result
from clawcraft.actions.refusals import explained
from clawcraft.errors import ChatMessageDropped
from clawcraft.twitch.foreign import foreign

_LATER: Final = "It may be sent once more in {}, with a new request_id; change nothing in it."
_ROOM: Final = "The channel's chat lets only {} write at present; tell the streamer, and do not send it again."
HELD: Final = frozenset({"msg_rejected", "automod_held"})
"""Not sent, and not refused either: a moderator decides, and may let it through at any time."""
HINTS: Final[Mapping[str, str]] = {
    "msg_slowmode": _LATER.format("a minute (the chat is in slow mode)"),
    "msg_ratelimit": _LATER.format("half a minute (too many messages)"),
    "msg_timedout": "The sender is timed out for the time named in details.drop_reason; send nothing until then.",
    "msg_duplicate": "The same text was sent a moment ago: leave it, or say it in other words.",
    "msg_r9k": "The chat takes no text twice: say it in other words.",
    **dict.fromkeys(HELD, "A moderator has to release it: do not send it again, in these words or in others."),
    "msg_rejected_mandatory": "The channel's moderation refuses these words: say it in others, once.",
    "msg_followersonly": _ROOM.format("followers"),
    "msg_followersonly_followed": _ROOM.format("those who have followed for longer"),
    "msg_followersonly_zero": _ROOM.format("followers"),
    "msg_subsonly": _ROOM.format("subscribers"),
    "msg_emoteonly": _ROOM.format("those who use emotes alone"),
    "msg_verified_email": "Twitch wants a verified e-mail address of the sender: tell the streamer.",
    "msg_requires_verified_phone_number": "The channel wants a verified phone number of the sender: tell the streamer.",
    "msg_banned": "The sender is banned from this chat: tell the streamer, and send nothing more.",
    "msg_suspended": "The sender's account is suspended: tell the streamer, and send nothing more.",
    "user_warned": "The sender was warned and has to acknowledge that on Twitch first: tell the streamer.",
    "channel_settings": "The channel's settings refuse it: tell the streamer, and do not send it again.",
}
"""What to do about each of Twitch's codes, which are those of its chat's notices."""
DEFAULT_HINT: Final = "Read details.drop_reason; do not send the same text again, and tell the streamer if it matters."
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
    with context.chat_session() as session:
        row = session.speaker.say(session.broadcaster.id, args["message"], args.get("reply_parent_message_id"))
        if row.get("is_sent") is not True:
            reason = _drop_reason(row.get("drop_reason"))
            said = reason["message"] or reason["code"] or "without a reason"
            verb = "holds" if reason["code"] in HELD else "dropped"
            hint = HINTS.get(reason["code"], DEFAULT_HINT)
            raise ChatMessageDropped(f"Twitch {verb} the message: {said}", details={"drop_reason": reason}, hint=hint)
        return {
            "status": "sent",
            "message_id": foreign(row, "message_id", "id"),
            "channel": session.broadcaster.login,
            "broadcaster_id": session.broadcaster.id,
            "sender": session.speaker.login,
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
