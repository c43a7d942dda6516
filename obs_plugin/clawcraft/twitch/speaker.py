"""Who speaks in chat: the bot, where one is connected, else the streamer. Lives for one action, on its thread.

All that anybody can do with the bot's token is to say something with it: its Helix never leaves this module.
"""

import contextlib
from collections.abc import Iterator
from typing import Final

from clawcraft.errors import (
    ActionDisabled,
    ClawcraftError,
    PausedByOperator,
    RefusedByGuardRail,
    TwitchMissingScope,
    TwitchTokenInvalid,
)
from clawcraft.twitch.helix import Helix, Row

_CONNECT_BOT: Final = (
    "The streamer has to connect the bot for chat again, or disconnect it (OBS script panel, or "
    "tools/twitch_login.py --bot). Until then nothing is said in chat."
)


class Speaker:
    """``is_bot`` tells whose token ``helix`` has. Its methods raise what ``Helix`` raises; what is wrong with the bot's
    account says so, with ``details.account``: nobody speaks in its place."""

    def __init__(self, helix: Helix, *, is_bot: bool) -> None:
        self._helix = helix
        self._is_bot = is_bot
        with self._named():
            self.login = helix.ready().identity.login
            """Under which name it speaks."""

    def say(self, broadcaster_id: str, message: str, reply_to: str | None) -> Row:
        """See ``Helix.send_chat_message``."""
        with self._named():
            return self._helix.send_chat_message(broadcaster_id, message, reply_to)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (PausedByOperator, ActionDisabled, RefusedByGuardRail):
            raise  # the streamer's word, and nothing of the bot's
        except ClawcraftError as error:
            if not self._is_bot:
                raise
            again = isinstance(error, TwitchTokenInvalid | TwitchMissingScope)
            raise type(error)(
                f"the bot's account: {error.message}",
                details={**error.details, "account": "bot"},
                hint=_CONNECT_BOT if again else error.hint,
                retryable=error.retryable,
                retry_after_s=error.retry_after_s,
            ) from None
