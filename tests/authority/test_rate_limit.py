"""Token buckets by a clock that only the test turns."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawcraft.actions.catalogue import BY_NAME, Action
from clawcraft.authority.rate_limit import AUTH_FAILURES_PER_MIN, AuthFailureLimiter, RateLimiter, TokenBuckets
from clawcraft.errors import RateLimited
from tests.support.agents import no_agents
from tests.support.clock import ManualClock
from tests.support.job_rig import together
from tests.support.settings import make_settings

CHAT = BY_NAME["twitch.post_chat_message"]
TITLE = BY_NAME["twitch.set_title"]


@pytest.fixture
def clock() -> ManualClock:
    """At a moment of a monotonic clock: some time after boot."""
    return ManualClock(1000.0)


def limiter_of(clock: ManualClock, title: int = 60, chat: int = 40) -> RateLimiter:
    settings = make_settings(own_rate_limits={TITLE.name: title, CHAT.name: chat})
    return RateLimiter(lambda: settings, clock, no_agents())


def granted(limiter: RateLimiter, action: Action, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            limiter.take(action, "")
            count += 1
        except RateLimited:
            pass
    return count


def wait_for(limiter: RateLimiter, action: Action) -> float:
    with pytest.raises(RateLimited) as caught:
        limiter.take(action, "")
    retry_after_s = caught.value.retry_after_s
    assert retry_after_s is not None
    assert caught.value.details["retry_after_s"] == retry_after_s
    assert caught.value.retryable
    return retry_after_s


@pytest.mark.parametrize(
    ("action", "burst", "interval_s"),
    [(TITLE, 60, 1.0), (CHAT, 20, 1.5)],
    ids=["a minute's worth", "chat: 20, as many in 30 s"],
)
def test_so_many_at_once_then_one_each_interval(
    clock: ManualClock, action: Action, burst: int, interval_s: float
) -> None:
    limiter = limiter_of(clock)
    assert granted(limiter, action, 100) == burst
    assert wait_for(limiter, action) == pytest.approx(interval_s)
    clock.advance(2.5 * interval_s)
    assert granted(limiter, action, 100) == 2
    clock.advance(burst * interval_s)
    assert granted(limiter, action, 100) == burst


def test_a_chat_limit_below_the_burst_bounds_it(clock: ManualClock) -> None:
    assert granted(limiter_of(clock, chat=5), CHAT, 100) == 5


@given(per_min=st.integers(1, 100_000), late_s=st.floats(0, 200), start_s=st.floats(0, 1e9))
def test_who_waits_exactly_as_told_is_served_and_not_a_moment_earlier(
    per_min: int, late_s: float, start_s: float
) -> None:
    clock = ManualClock(start_s)
    buckets = TokenBuckets(clock, max_keys=1)

    def take() -> float:
        return buckets.take("key", per_min, min(per_min, 3))

    assert [take() for _ in range(min(per_min, 3))] == [0.0] * min(per_min, 3)
    clock.advance(late_s)
    for _ in range(5):
        wait_s = take()
        clock.advance(wait_s * 0.9)
        if wait_s > 1e-3:
            assert take() > 0
        clock.advance(wait_s * 0.1)
        assert not wait_s or take() == 0.0


def test_a_changed_limit_counts_at_once(clock: ManualClock) -> None:
    settings = make_settings(rate_limit_per_min=1)
    limiter = RateLimiter(lambda: settings, clock, no_agents())
    assert granted(limiter, TITLE, 5) == 1
    assert wait_for(limiter, TITLE) == pytest.approx(60)
    settings = make_settings(rate_limit_per_min=120)
    clock.advance(1)
    assert granted(limiter, TITLE, 1000) >= 1
    settings = make_settings(rate_limit_per_min=1)
    assert wait_for(limiter, TITLE) <= 120


def test_threads_share_one_bucket(clock: ManualClock) -> None:
    limiter = limiter_of(clock, title=50)
    assert sum(together([lambda: granted(limiter, TITLE, 40)] * 4)) == 50


def test_failed_authentication_is_limited_by_address(clock: ManualClock) -> None:
    limiter = AuthFailureLimiter(clock)
    for _ in range(10):
        limiter.failed("192.0.2.1")
    with pytest.raises(RateLimited) as caught:
        limiter.failed("192.0.2.1")
    assert caught.value.retryable is False
    assert math.isclose(caught.value.retry_after_s or 0, 60 / AUTH_FAILURES_PER_MIN)
    limiter.failed("192.0.2.2")


def test_memory_is_bounded_and_forgets_the_longest_unused(clock: ManualClock) -> None:
    buckets = TokenBuckets(clock, max_keys=3)
    for key in ("a", "b", "c", "a", "d"):
        buckets.take(key, per_min=60, burst=2)
    assert buckets.take("a", per_min=60, burst=2) > 0
    assert buckets.take("b", per_min=60, burst=1) == 0.0
