"""``twitch.set_title`` and ``twitch.set_game``. Called on an HTTP worker.

Both give ``{"status": "updated", "channel", "broadcaster_id", "previous", "current", "verified"}``, where previous and
current are ``{"title", "game_id", "game"}`` as Helix showed them before and after, null where it did not say.
"""

from clawcraft.actions.handlers import ActionContext, Result
from clawcraft.twitch.metadata import change_metadata


def set_title(context: ActionContext) -> Result:
    """``args`` has the title."""
    return _change(context)


def set_game(context: ActionContext) -> Result:
    """Raises GameNotFound with suggestions: a near name is never taken for the one meant."""
    return _change(context)


def _change(context: ActionContext) -> Result:
    with context.session() as session:
        return change_metadata(session.helix, session.broadcaster, context.args, session.pause)
