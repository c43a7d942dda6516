"""Token buckets by a clock that only the test turns."""

import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clawcraft.authority.rate_limit import AUTH_FAILURES_PER_MIN, AuthFailureLimiter, RateLimiter, TokenBuckets
from clawcraft.errors import RateLimited

CHAT = "twitch.post_chat_message"
TITLE = "twitch.set_title"


class HandClock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def time(self) -> float:
        return self.now_s

    def monotonic(self) -> float:
        return self.now_s


def granted(limiter: RateLimiter, key: str, tries: int) -> int:
    count = 0
    for _ in range(tries):
        try:
            limiter.take(key)
            count += 1
        except RateLimited:
            pass
    return count


def wait_for(limiter: RateLimiter, key: str) -> float:
    with pytest.raises(RateLimited) as caught:
        limiter.take(key)
    retry_after_s = caught.value.retry_after_s
    assert retry_after_s is not None
    assert caught.value.details["retry_after_s"] == retry_after_s
    assert caught.value.retryable
    return retry_after_s


def test_a_minutes_worth_at_once_then_one_each_interval() -> None:
    clock = HandClock()
    limiter = RateLimiter(lambda: {TITLE: 60}, clock)
    assert granted(limiter, TITLE, 100) == 60
    assert wait_for(limiter, TITLE) == pytest.approx(1.0)
    clock.now_s += 2.5
    assert granted(limiter, TITLE, 100) == 2
    clock.now_s += 3600
    assert granted(limiter, TITLE, 100) == 60


def test_chat_bursts_to_20_and_refills_20_in_30_s() -> None:
    clock = HandClock()
    limiter = RateLimiter(lambda: {CHAT: 40}, clock)
    assert granted(limiter, CHAT, 100) == 20
    assert wait_for(limiter, CHAT) == pytest.approx(1.5)
    clock.now_s += 30
    assert granted(limiter, CHAT, 100) == 20


def test_a_chat_limit_below_the_burst_bounds_it() -> None:
    assert granted(RateLimiter(lambda: {CHAT: 5}, HandClock()), CHAT, 100) == 5


def test_each_action_has_its_own_bucket() -> None:
    limiter = RateLimiter(lambda: {CHAT: 40, TITLE: 3}, HandClock())
    assert granted(limiter, TITLE, 10) == 3
    assert granted(limiter, CHAT, 30) == 20


@given(per_min=st.integers(1, 100_000), late_s=st.floats(0, 200), start_s=st.floats(0, 1e9))
def test_who_waits_exactly_as_told_is_served_and_not_a_moment_earlier(
    per_min: int, late_s: float, start_s: float
) -> None:
    clock = HandClock()
    clock.now_s = start_s
    limiter = RateLimiter(lambda: {TITLE: per_min}, clock, bursts={TITLE: 3})
    assert granted(limiter, TITLE, 3) == min(3, per_min)
    clock.now_s += late_s
    for _ in range(5):
        if granted(limiter, TITLE, 1):
            continue
        wait_s = wait_for(limiter, TITLE)
        clock.now_s += wait_s * 0.9
        if wait_s > 1e-3:
            wait_for(limiter, TITLE)
        clock.now_s += wait_s * 0.1
        limiter.take(TITLE)


def test_a_changed_limit_counts_at_once() -> None:
    clock, limits = HandClock(), {TITLE: 1}
    limiter = RateLimiter(lambda: limits, clock)
    assert granted(limiter, TITLE, 5) == 1
    assert wait_for(limiter, TITLE) == pytest.approx(60)
    limits = {TITLE: 120}
    clock.now_s += 1
    assert granted(limiter, TITLE, 1000) >= 1
    limits = {TITLE: 1}
    assert wait_for(limiter, TITLE) <= 120


def test_a_refusal_costs_nothing() -> None:
    clock = HandClock()
    limiter = RateLimiter(lambda: {TITLE: 1}, clock)
    limiter.take(TITLE)
    assert granted(limiter, TITLE, 1000) == 0
    clock.now_s += 60
    limiter.take(TITLE)


def test_threads_share_one_bucket() -> None:
    limiter = RateLimiter(lambda: {TITLE: 50}, HandClock())
    counts: list[int] = []
    threads = [threading.Thread(target=lambda: counts.append(granted(limiter, TITLE, 40))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 50


def test_failed_authentication_is_limited_by_address() -> None:
    clock = HandClock()
    limiter = AuthFailureLimiter(clock)
    for _ in range(10):
        limiter.failed("192.0.2.1")
    with pytest.raises(RateLimited) as caught:
        limiter.failed("192.0.2.1")
    assert caught.value.retryable is False
    assert math.isclose(caught.value.retry_after_s or 0, 60 / AUTH_FAILURES_PER_MIN)
    limiter.failed("192.0.2.2")


def test_memory_is_bounded_and_forgets_the_longest_unused() -> None:
    buckets = TokenBuckets(HandClock(), max_keys=3)
    for key in ("a", "b", "c", "a", "d"):
        buckets.take(key, per_min=60, burst=2)
    assert buckets.take("a", per_min=60, burst=2) > 0
    assert buckets.take("b", per_min=60, burst=1) == 0.0
