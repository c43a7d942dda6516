"""``twitch.raid`` and ``twitch.cancel_raid``: sends the viewers to another channel. Called on an HTTP worker.

Which channels those may be is a guard rail (TWITCH_RAID_TARGETS), looked at before anything comes here.
"""

from typing import Final

from clawcraft.actions.handlers import ActionContext, Result
from clawcraft.actions.refusals import explained
from clawcraft.actions.targets import find_target
from clawcraft.twitch.foreign import foreign

GOES_AFTER_S: Final = 90
"""Twitch's countdown, which the streamer can cut short."""
_HINTS: Final = {
    400: "Read details.twitch_message: the target takes no raids from this channel, or is the channel itself.",
    404: "The target cannot be raided; ask the user for another one.",
    409: "A raid is pending already: cancel it first if it goes to the wrong channel.",
}
_LIMIT: Final = "Twitch takes 10 raids in 10 minutes. Tell the user; do not repeat it before."
_LIMIT_S: Final = 600.0


def raid(context: ActionContext) -> Result:
    """Gives ``{"status": "pending", "target", "created_at", "goes_after_s", "channel"}``; it can be cancelled until it
    goes."""
    with context.session() as session, explained(_HINTS, limit=_LIMIT, limit_s=_LIMIT_S):
        target_id, login = find_target(session, context.args["target"])
        row = session.helix.raid(session.broadcaster.id, target_id)
        return {
            "status": "pending",
            "target": login,
            "created_at": foreign(row, "created_at", "time"),
            "goes_after_s": GOES_AFTER_S,
            "channel": session.broadcaster.login,
        }


def cancel_raid(context: ActionContext) -> Result:
    """Gives ``{"status": "cancelled" | "no_raid_pending", "channel"}``; safe to repeat. The latter says nothing of
    whether a raid was cancelled or has gone already."""
    with context.session() as session, explained({}, limit=_LIMIT, limit_s=_LIMIT_S):
        result: Result = {"status": "cancelled", "channel": session.broadcaster.login}
        reply = session.helix.cancel_raid(session.broadcaster.id)
        if reply.status == 404:
            result["status"] = "no_raid_pending"
            before = "this may have cancelled one, or it may" if reply.doubtful else "one that was may"
            result["warning"] = f"no raid is pending now; {before} have gone already"
        return result
