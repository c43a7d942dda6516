"""``twitch.set_title`` and ``twitch.set_game``. Called on an HTTP worker."""

from clawcraft.actions.registry import Envelope, Result
from clawcraft.twitch.client import Twitch


class ChannelActions:
    """Both give ``{"status": "updated", "channel", "broadcaster_id", "previous", "current", "verified"}``, where
    previous and current are ``{"title", "game_id", "game"}`` as Helix showed them before and after."""

    def __init__(self, twitch: Twitch) -> None:
        self._twitch = twitch

    def set_title(self, envelope: Envelope) -> Result:
        return self._change(envelope)

    def set_game(self, envelope: Envelope) -> Result:
        """Raises GameNotFound with suggestions: a near name is never taken for the one meant."""
        return self._change(envelope)

    def _change(self, envelope: Envelope) -> Result:
        with self._twitch.session(envelope.action, envelope.args.get("channel")) as session:
            return session.metadata.apply(session.helix, session.broadcaster.id, envelope.args)
