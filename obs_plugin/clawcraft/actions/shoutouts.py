"""``twitch.shoutout``: recommends another channel in chat. Called on an HTTP worker."""

from typing import Final

from clawcraft.actions.handlers import ActionContext, Result
from clawcraft.actions.refusals import explained
from clawcraft.actions.targets import find_target
from clawcraft.errors import RateLimited

_HINTS: Final = {
    400: "Read details.twitch_message: shoutouts need the channel to be live, with viewers, and another one as target.",
    403: "The connected account is not a moderator of the channel: connect Twitch with the streamer's own account.",
}
_LIMIT: Final = "Twitch takes one shoutout in 2 minutes, and one an hour for the same channel. Do not repeat it before."
_GENERAL_S: Final = 120.0


def shoutout(context: ActionContext) -> Result:
    """Gives ``{"status": "sent", "target", "channel"}``. Raises RateLimited for the same channel within an hour."""
    with context.session() as session, explained(_HINTS, limit=_LIMIT, limit_s=_GENERAL_S):
        target_id, login = find_target(session, context.args["target"])
        own_id = session.broadcaster.id
        wait_s = session.shoutouts.wait_s(own_id, target_id)
        if wait_s:
            raise RateLimited(
                f"{login} has had a shoutout within the last hour; the next is possible in {wait_s:.0f} s",
                details={"retry_after_s": wait_s, "target": login},
                hint=_LIMIT,
                retry_after_s=wait_s,
            )
        session.helix.shoutout(own_id, target_id)
        session.shoutouts.note(own_id, target_id)
        return {"status": "sent", "target": login, "channel": session.broadcaster.login}
