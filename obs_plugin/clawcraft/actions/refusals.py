"""What Twitch's refusals mean for an action: the hint for each status, a channel that is offline, a limit."""

import contextlib
from collections.abc import Container, Iterator, Mapping

from clawcraft.errors import ChannelOffline, RateLimited, TwitchRejected, TwitchUnavailable


@contextlib.contextmanager
def explained(
    hints: Mapping[int, str], *, offline: Container[int] = (), limit: str = "", limit_s: float | None = None
) -> Iterator[None]:
    """Around the calls of one action. A refusal gets the hint of its status; a status in ``offline`` is what Twitch
    answers for a channel that is not live. ``limit`` says what Twitch's 429 means where it is a limit of this action
    and not of all calls, and ``limit_s`` how long it is. Raises ChannelOffline, RateLimited or what came."""
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
        if not limit or error.details.get("twitch_status") != 429:
            raise
        wait_s = error.retry_after_s or limit_s
        raise RateLimited(error.message, details=error.details, hint=limit, retry_after_s=wait_s) from None
