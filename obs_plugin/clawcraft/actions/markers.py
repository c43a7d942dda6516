"""``twitch.create_marker``: marks this moment of the stream, for the recording. Called on an HTTP worker."""

from typing import Final

from clawcraft.actions.handlers import ActionContext, Result
from clawcraft.actions.refusals import explained
from clawcraft.twitch.foreign import foreign, foreign_number

_HINTS: Final = {
    403: "Only the streamer and their editors may set markers: connect Twitch with the streamer's own account.",
    404: "Markers need a live channel whose past broadcasts are kept (creator dashboard, Settings, Stream); Twitch can"
    " take up to 3 minutes to show a channel as live.",
}


def create_marker(context: ActionContext) -> Result:
    """Gives ``{"status": "created", "marker_id", "position_s", "created_at", "description", "channel"}``;
    ``position_s`` is counted from the beginning of the stream. Raises ChannelOffline."""
    with context.session() as session, explained(_HINTS, offline=(404,)):
        row = session.helix.create_marker(session.broadcaster.id, context.args.get("description"))
        return {
            "status": "created",
            "marker_id": foreign(row, "id", "id"),
            "position_s": foreign_number(row, "position_seconds"),
            "created_at": foreign(row, "created_at", "time"),
            "description": foreign(row, "description", "title"),
            "channel": session.broadcaster.login,
        }
