"""May an agent do this now? What the streamer paused, switched off or bounded. ``check`` on any thread, and again when
a job begins and when OBS is about to start; ``admit`` on HTTP workers."""

from collections.abc import Callable, Mapping
from typing import Any

from clawcraft.actions.catalogue import BY_NAME, Action
from clawcraft.authority.guard_rails import GuardRails
from clawcraft.authority.pause import PauseSwitch
from clawcraft.authority.rate_limit import RateLimiter
from clawcraft.errors import ActionDisabled, PausedByOperator
from clawcraft.settings import Settings


class Guard:
    """``check`` comes before idempotency: what is paused or off is refused even to a repeat. ``admit`` comes after it:
    a repeat costs nothing."""

    def __init__(
        self, pause: PauseSwitch, limiter: RateLimiter, settings: Callable[[], Settings], rails: GuardRails
    ) -> None:
        self._pause = pause
        self._limiter = limiter
        self._settings = settings
        self._rails = rails

    def check(self, action: str, args: Mapping[str, Any]) -> None:
        """Raises PausedByOperator, ActionDisabled, RefusedByGuardRail."""
        if self._pause.paused and not BY_NAME[action].supersedes:  # a stop is the safe direction
            raise PausedByOperator("the streamer has paused agent access", details=self._pause.status())
        if not self._settings().is_on(action):
            raise ActionDisabled(f"{action} is switched off")
        self._rails.check(action, args)

    def check_job(self, action: str, args: Mapping[str, Any]) -> None:
        """Of a job that waits, begins, or is about to have OBS start. Raises as ``check``."""
        self.check(action, args)
        self._rails.check_time(action)

    def admit(self, action: Action) -> None:
        """Count a request that is not a repeat. Raises RefusedByGuardRail, RateLimited."""
        self._rails.check_time(action.name)
        self._limiter.take(action)
