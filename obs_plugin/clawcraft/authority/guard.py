"""May an agent do this now? What the streamer paused, switched off or bounded. ``check`` on any thread, and again when
a job begins and when OBS is about to start; ``admit`` on HTTP workers."""

from clawcraft.actions.catalogue import BY_NAME, Action, Policy
from clawcraft.authority.guard_rails import GuardRails
from clawcraft.authority.pause import PauseSwitch
from clawcraft.authority.policy import Policies
from clawcraft.authority.rate_limit import RateLimiter
from clawcraft.errors import ActionDisabled, PausedByOperator
from clawcraft.jobs.model import Envelope, Job


class Guard:
    """``check`` comes before idempotency: what is paused or off is refused even to a repeat. ``admit`` comes after it:
    a repeat costs nothing."""

    def __init__(self, pause: PauseSwitch, limiter: RateLimiter, policies: Policies, rails: GuardRails) -> None:
        self._pause = pause
        self._limiter = limiter
        self._policies = policies
        self._rails = rails

    def policy(self, action: str, holder: str) -> Policy:
        """What ``holder`` may do with ``action``. Raises ActionDisabled if it may do nothing any more."""
        return self._policies.of(action, holder)

    def check(self, request: Envelope | Job) -> None:
        """Raises PausedByOperator, ActionDisabled, RefusedByGuardRail."""
        if self._pause.paused and not BY_NAME[request.action].supersedes:  # a stop is the safe direction
            raise PausedByOperator("the streamer has paused agent access", details=self._pause.status())
        if self.policy(request.action, request.holder) is Policy.OFF:
            raise ActionDisabled(f"{request.action} is switched off")
        self._rails.check(request.action, request.args)

    def check_job(self, job: Job) -> None:
        """Of a job that waits, begins, or is about to have OBS start. Raises as ``check``."""
        self.check(job)
        self._rails.check_time(job.action)

    def admit(self, action: Action, holder: str) -> None:
        """Count a request that is not a repeat. Raises RefusedByGuardRail, RateLimited."""
        self._rails.check_time(action.name)
        self._limiter.take(action, holder)
