from __future__ import annotations

import asyncio

import pytest

from tests.kit.runtime import ManualClock
from vortex.adapters.binance.budget import Budget, whole
from vortex.ports import Usage

NOW_MS = 1_795_382_388_000


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(float(NOW_MS))


@pytest.fixture
def budget(clock: ManualClock) -> Budget:
    return Budget(clock)


def test_counts_are_the_exchange_s_and_end_with_the_interval_of_its_clock(budget: Budget, clock: ManualClock) -> None:
    """48 s of the minute and 8 of the ten seconds are over."""
    assert budget.usage() == Usage()
    budget.note({"x-mbx-used-weight-1m": "700", "x-mbx-order-count-10s": "4", "x-mbx-order-count-1m": "9"})
    budget.note({"x-mbx-used-weight-1m": "nonsense", "content-type": "text/html"})
    assert budget.usage() == Usage(weight_1m=700, orders_10s=4, orders_1m=9)
    clock.time_ms += 1_999
    assert budget.usage() == Usage(weight_1m=700, orders_10s=4, orders_1m=9)
    clock.time_ms += 1
    assert budget.usage() == Usage(weight_1m=700, orders_1m=9)
    clock.time_ms += 9_999
    assert budget.usage() == Usage(weight_1m=700, orders_1m=9)
    budget.offset_ms = 1.0  # the exchange is ahead of us
    assert budget.usage() == Usage()


def test_limits_are_the_exchange_s_own(budget: Budget) -> None:
    rows = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6_000},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
        {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 0},
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61_000},
    ]
    budget.learn_limits({"rateLimits": rows})
    odds: tuple[object, ...] = ({}, [], {"rateLimits": [{"limit": "many"}]})
    for odd in odds:
        budget.learn_limits(odd)
    assert budget.usage() == Usage(weight_limit_1m=6_000, orders_limit_10s=100)


@pytest.mark.parametrize(
    ("status", "code", "headers", "text", "wait_ms"),
    [
        (429, -1003, {"retry-after": "7"}, "Too many requests", 7_000),
        (418, None, {"retry-after": "120"}, "", 120_000),
        (418, -1003, {}, f"Way too many requests; IP banned until {NOW_MS + 9_500}. Please use", 9_000),
        (418, -1003, {}, f"IP banned until {NOW_MS - 1}.", 0),
        (400, -1015, {}, "Too many new orders", 10_000),
        (429, None, {}, "", 60_000),
        (400, -2019, {"retry-after": "7"}, "Margin is insufficient.", 0),
        (503, -1008, {}, "overloaded", 0),
    ],
)
def test_how_long_to_be_silent(
    budget: Budget, status: int, code: int | None, headers: dict[str, str], text: str, wait_ms: int
) -> None:
    budget.offset_ms = 500.0  # the exchange is ahead of us
    assert budget.silence_ms(status, code, headers, text) == wait_ms
    assert budget.usage().silent_until_ms == (NOW_MS + wait_ms if wait_ms else 0)


def test_a_shorter_silence_does_not_end_a_longer_one(budget: Budget, clock: ManualClock) -> None:
    budget.silence_ms(429, None, {"retry-after": "30"}, "")
    budget.silence_ms(429, None, {"retry-after": "1"}, "")
    assert budget.usage().silent_until_ms == NOW_MS + 30_000
    clock.time_ms += 30_000
    assert budget.usage().silent_until_ms == 0


def test_what_can_wait_waits_beyond_half_of_the_weight_and_while_silent(budget: Budget, clock: ManualClock) -> None:
    budget.note({"x-mbx-used-weight-1m": "1200"})
    assert not budget.tight
    budget.note({"x-mbx-used-weight-1m": "1201"})
    assert budget.tight
    clock.time_ms += 60_000
    assert not budget.tight
    budget.silence_ms(429, None, {"retry-after": "2"}, "")
    assert budget.tight


class HastyClock(ManualClock):
    """Time passes as soon as somebody sleeps."""

    def real_s(self, duration_ms: float) -> float:
        self.time_ms += duration_ms
        return 0.0


def test_room_and_silence_come_with_time() -> None:
    clock = HastyClock(float(NOW_MS))
    budget = Budget(clock)
    budget.note({"x-mbx-used-weight-1m": "1201"})
    asyncio.run(asyncio.wait_for(budget.silence_over(), 20.0))
    assert clock.time_ms == NOW_MS
    asyncio.run(asyncio.wait_for(budget.room(), 20.0))
    assert clock.time_ms == NOW_MS + 12_000, "the exchange's minute is over"
    budget.silence_ms(429, None, {"retry-after": "3"}, "")
    asyncio.run(asyncio.wait_for(budget.silence_over(), 20.0))
    assert clock.time_ms == NOW_MS + 15_000


@pytest.mark.parametrize(("value", "number"), [("5", 5), (5, 5), ("200", 200), ("x", None), (None, None), ([], None)])
def test_whole_numbers(value: object, number: int | None) -> None:
    assert whole(value) == number
