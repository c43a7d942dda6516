"""``twitch.run_ad`` and ``twitch.snooze_ad``: ads now, or later. Called on an HTTP worker."""

from typing import Final

from clawcraft.actions.handlers import ActionContext, Result
from clawcraft.actions.refusals import explained
from clawcraft.twitch.foreign import foreign, foreign_number

_RUN_HINTS: Final = {
    400: "Read details.twitch_message: ads need a live channel of an affiliate or partner, and 8 minutes between them.",
    404: "Ads need a live channel of an affiliate or partner.",
}
_SNOOZE_HINTS: Final = {
    400: "Read details.twitch_message: the channel is not live, has no ad ahead, or has no snooze left.",
}
_LIMIT: Final = "Twitch lets some time pass between ads, and gives a snooze back each hour. Do not repeat it before."
_AD_S: Final = 480.0
_SNOOZE_S: Final = 3600.0


def run_ad(context: ActionContext) -> Result:
    """Gives ``{"status": "started", "length_s", "retry_after_s", "message", "channel"}``: ``length_s`` is what Twitch
    runs, which may be less than was asked for; the next ad is possible after ``retry_after_s``."""
    with context.session() as session, explained(_RUN_HINTS, limit=_LIMIT, limit_s=_AD_S):
        row = session.helix.run_ad(session.broadcaster.id, context.args["length"])
        return {
            "status": "started",
            "length_s": foreign_number(row, "length"),
            "retry_after_s": foreign_number(row, "retry_after"),
            "message": foreign(row, "message", "message"),
            "channel": session.broadcaster.login,
        }


def snooze_ad(context: ActionContext) -> Result:
    """Gives ``{"status": "snoozed", "next_ad_at", "snooze_count", "snooze_refresh_at", "channel"}``: the next ad comes
    5 minutes later; ``snooze_count`` is how many snoozes are left. Times are as Twitch writes them."""
    with context.session() as session, explained(_SNOOZE_HINTS, limit=_LIMIT, limit_s=_SNOOZE_S):
        row = session.helix.snooze_ad(session.broadcaster.id)
        return {
            "status": "snoozed",
            "next_ad_at": foreign(row, "next_ad_at", "time"),
            "snooze_count": foreign_number(row, "snooze_count"),
            "snooze_refresh_at": foreign(row, "snooze_refresh_at", "time"),
            "channel": session.broadcaster.login,
        }
