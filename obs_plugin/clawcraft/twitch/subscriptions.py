"""What is subscribed to in one EventSub session, what could not be, and since when something is not heard.

The EventSub thread's; ``to_json`` and ``problem`` from any.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from clawcraft.clock import Clock
from clawcraft.errors import ClawcraftError, Stopping, TwitchNotConfigured, TwitchTokenInvalid
from clawcraft.heard import KINDS, Kind, Topic
from clawcraft.text import cleaned
from clawcraft.twitch.event_memory import EventMemory
from clawcraft.twitch.foreign import LENGTHS
from clawcraft.twitch.helix import Helix

RETRY_S: Final = 10.0
MAX_RETRY_S: Final = 600.0
_DUPLICATE: Final = 409
_HOPELESS: Final = (Stopping, TwitchNotConfigured, TwitchTokenInvalid)
"""What no further subscription of the session would get around."""

Lost = dict[str, tuple[float, str, str]]
"""By subscription type: since when it is not heard (wall clock), why in a word, and in a sentence. Outlives the
session."""


@dataclass(slots=True)
class _Subscription:
    kind: Kind
    topic: Topic
    active: bool = False
    problem: str = ""
    tries: int = 0
    next_try_at_s: float = float("-inf")


class Subscriptions:
    """Those of the chosen kinds that the token's ``scopes`` allow; None: not known yet."""

    def __init__(
        self, chosen: Collection[str], scopes: Collection[str] | None, memory: EventMemory, lost: Lost, clock: Clock
    ) -> None:
        self._memory = memory
        self._lost = lost
        self._clock = clock
        self._all = [_Subscription(kind, topic) for kind in KINDS if kind.name in chosen for topic in kind.topics]
        for each in self._all:
            if scopes is not None and each.kind.scope is not None and each.kind.scope not in scopes:
                each.problem = f"the Twitch token lacks the scope {each.kind.scope}: connect Twitch again"
                each.next_try_at_s = float("inf")

    @property
    def possible(self) -> bool:
        """Whether there is anything to subscribe to."""
        return any(each.active or each.next_try_at_s != float("inf") for each in self._all)

    @property
    def active(self) -> bool:
        return any(each.active for each in self._all)

    @property
    def due(self) -> bool:
        now_s = self._clock.monotonic()
        return any(not each.active and each.next_try_at_s <= now_s for each in self._all)

    @property
    def problem(self) -> str:
        """What keeps something from being heard, in a sentence; empty if nothing does."""
        told = dict.fromkeys(f"{each.kind.name}: {each.problem}" for each in self._all if each.problem)
        return "; ".join(told)

    def to_json(self) -> list[dict[str, Any]]:
        """``[{"kind", "active", "problem"}]``, one for each chosen kind; active if nothing of it is missing."""
        kinds = dict.fromkeys(each.kind.name for each in self._all)
        return [
            {
                "kind": kind,
                "active": all(each.active for each in self._all if each.kind.name == kind),
                "problem": next((each.problem for each in self._all if each.kind.name == kind and each.problem), None),
            }
            for kind in kinds
        ]

    def create(self, helix: Helix, own_id: str, channel_id: str, session_id: str, stopping: Callable[[], bool]) -> None:
        """Subscribe to what is due as ``own_id``, and say the gaps that end with it. Raises Stopping,
        TwitchNotConfigured, TwitchTokenInvalid; what fails otherwise is tried again later."""
        try:
            for each in self._all:
                if each.active or each.next_try_at_s > self._clock.monotonic() or stopping():
                    continue
                condition = {
                    name: own_id if name in ("user_id", "moderator_user_id") else channel_id
                    for name in each.topic.condition
                }
                self._create(each, helix, condition, session_id)
        finally:
            self._say_ended_gaps()

    def lose(self, reason: str, message: str, since_s: float) -> None:
        """The session is over: nothing is heard since then."""
        for each in self._all:
            if each.active:
                each.active = False
                self._lost.setdefault(each.topic.type, (since_s, reason, message))

    def leave(self, reason: str, message: str, since_s: float) -> None:
        """Any thread. As ``lose``; what these do from now on is nobody's: others hear in their place."""
        self.lose(reason, message, since_s)
        self._lost = {}

    def revoke(self, topic: str, status: str) -> None:
        """Twitch ended one subscription. Said at once, since nobody knows for how long."""
        now_s = self._clock.time()
        for each in self._all:
            if each.topic.type == topic and each.active:
                each.active = False
                each.problem = cleaned(f"Twitch ended the subscription: {status}", LENGTHS["message"])
                self._later(each)
                self._lost.setdefault(topic, (now_s, "revoked", each.problem))
                self._memory.add_gap([each.kind.name], now_s, None, "revoked", each.problem)

    def _create(self, each: _Subscription, helix: Helix, condition: dict[str, str], session_id: str) -> None:
        try:
            helix.subscribe(each.topic, condition, session_id)
        except _HOPELESS:
            raise
        except ClawcraftError as error:
            if error.details.get("twitch_status") != _DUPLICATE:
                each.problem = error.message
                self._lost.setdefault(each.topic.type, (self._clock.time(), "not_subscribed", error.message))
                self._later(each, error.retry_after_s, patient=not error.retryable)
                return
        each.active, each.problem, each.tries = True, "", 0

    def _later(self, each: _Subscription, told_s: float | None = None, *, patient: bool = True) -> None:
        each.tries += 1
        wait_s = MAX_RETRY_S if patient else max(told_s or 0.0, RETRY_S * 2.0 ** (each.tries - 1))
        each.next_try_at_s = self._clock.monotonic() + min(MAX_RETRY_S, wait_s)

    def _say_ended_gaps(self) -> None:
        heard = [each for each in self._all if each.active and each.topic.type in self._lost]
        if not heard:
            return
        lost = [self._lost.pop(each.topic.type) for each in heard]
        since_s, reason, message = min(lost)
        kinds = dict.fromkeys(each.kind.name for each in heard)
        self._memory.add_gap(kinds, since_s, self._clock.time(), reason, cleaned(message, LENGTHS["message"]))
