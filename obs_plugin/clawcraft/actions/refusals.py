"""What Twitch's refusals mean for an action: the hint for each status, a channel that is offline, a limit."""

import contextlib
from collections.abc import Container, Iterator, Mapping

from clawcraft.errors import ChannelOffline, RateLimited, TwitchRejected, TwitchUnavailable


@contextlib.contextmanager
def explained(
    hints: Mapping[int, str], *, offline: Container[int] = (), limit: str = "", limit_s: float = 0.0
) -> Iterator[None]:
    """Around the calls of one action. A refusal gets the hint of its status; a status in ``offline`` is what Twitch
    answers for a channel that is not live. ``limit`` says what Twitch's 429 means where the action has a limit of its
    own, and ``limit_s`` how long that lasts at most. Raises ChannelOffline, RateLimited or what came."""
    try:
        yield
    except TwitchRejected as error:
        status = int(error.details.get("twitch_status") or 0)
        hint = hints.get(status, error.hint)
        if status in offline:
            raise ChannelOffline(error.message, details=error.details, hint=hint) from None
        error.hint = hint
        raise
    except TwitchUnavailable as error:
        # Twitch names a wait where the limit of all calls is used up.
        if not limit or error.details.get("twitch_status") != 429 or error.retry_after_s is not None:
            raise
        raise RateLimited(error.message, details=error.details, hint=limit, retry_after_s=limit_s) from None
