"""``twitch.create_clip`` and ``twitch.get_clip``: makes a clip of the last moments of the live stream, and tells later
whether Twitch has it. Called on an HTTP worker."""

from collections.abc import Mapping
from typing import Any, Final

from clawcraft.actions.handlers import ActionContext, Result
from clawcraft.actions.refusals import explained
from clawcraft.errors import ChannelNotAllowed, ChannelOffline, ClawcraftError, Stopping
from clawcraft.twitch.client import HelixSession
from clawcraft.twitch.foreign import foreign

CONFIRM_PAUSES_S: Final = (1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0)
_RESERVE_S: Final = 1.0
CHECK_LATER: Final = (
    "Twitch has taken the clip and does not list it yet: say that it is being made, not that it is there. In a minute "
    "ask twitch.get_clip for this clip_id (if that action is on), or open the url. If it is not there after 10 "
    "minutes, it was not made. Do not make another one in its place before."
)
_HINTS: Final[Mapping[int, str]] = {
    400: "Twitch's reason is details.twitch_message. If it is about the title or the duration, change that or leave it "
    "out; a category that allows no clips stays so until the streamer changes it.",
    403: "The channel restricts clips; the streamer can allow them in Twitch's creator dashboard.",
    404: ChannelOffline.default_hint,
}


def create_clip(context: ActionContext) -> Result:
    """Gives ``{"status": "created", "clip_id", "url", "edit_url", "confirmed", "channel", "broadcaster_id", …}``.

    ``confirmed`` tells whether Twitch lists the clip; it can take a minute and more, so that false is no failure, and
    ``check_later`` says how to ask again.
    Raises ChannelOffline; TwitchRejected for a restricted or refused clip.
    """
    args = context.args
    with context.session() as session, explained(_HINTS, offline=(404,)):
        row = session.helix.create_clip(session.broadcaster.id, args.get("title"), args.get("duration"))
        clip_id = foreign(row, "id", "id")
        clip = _confirm(session, clip_id)
        result: Result = {
            "status": "created",
            **described(clip_id, clip),
            "edit_url": foreign(row, "edit_url", "url"),
            "channel": session.broadcaster.login,
            "broadcaster_id": session.broadcaster.id,
        }
        if clip is None:
            result["check_later"] = CHECK_LATER
        return result


def described(clip_id: str, clip: Mapping[str, Any] | None) -> Result:
    """``{"clip_id", "url", "confirmed"}``, and ``{"title", "duration_s"}`` of a clip that Twitch lists (``clip``)."""
    if clip is None:
        return {"clip_id": clip_id, "url": f"https://clips.twitch.tv/{clip_id}", "confirmed": False}
    duration = clip.get("duration")
    return {
        "clip_id": clip_id,
        "url": foreign(clip, "url", "url") or f"https://clips.twitch.tv/{clip_id}",
        "confirmed": True,
        "title": foreign(clip, "title", "title"),
        "duration_s": duration if isinstance(duration, int | float) else None,
    }


def get_clip(context: ActionContext) -> Result:
    """Gives ``{"status": "confirmed" | "unconfirmed", "clip_id", "url", "confirmed", "channel", …}``: a clip that
    Twitch does not list may still be being made, or have failed. Raises ChannelNotAllowed for the clip of another
    channel."""
    clip_id = context.args["clip_id"]
    with context.session() as session:
        clip = session.helix.clip(clip_id)
        result: Result = {
            "status": "unconfirmed" if clip is None else "confirmed",
            **described(clip_id, clip),
            "channel": session.broadcaster.login,
        }
        if clip is None:
            result["warning"] = "Twitch does not list it: it takes a minute or more to be made, and some never are"
            return result
        if foreign(clip, "broadcaster_id", "id") != session.broadcaster.id:
            raise ChannelNotAllowed(
                f"the clip {clip_id!r} is not of the service's own channel",
                details={"own_channel": session.broadcaster.login},
                hint="Use the clip_id that twitch.create_clip gave.",
            )
        result["created_at"] = foreign(clip, "created_at", "time")
        return result


def _confirm(session: HelixSession, clip_id: str) -> Mapping[str, Any] | None:
    """The clip once Twitch lists it. The clip is made already, so nothing that fails here fails the action."""
    for pause_s in CONFIRM_PAUSES_S:
        if pause_s + _RESERVE_S > session.helix.deadline.remaining_s:
            return None
        try:
            session.pause(pause_s)
            clip = session.helix.clip(clip_id)
        except Stopping:
            return None
        except ClawcraftError:
            continue
        if clip is not None:
            return clip
    return None
