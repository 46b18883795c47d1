from __future__ import annotations

import pytest

from vortex.sim.core.types import RequestRefused
from vortex.sim.server.usage import ORDERS_PER_10S, WEIGHT_PER_MINUTE, Usage

MINUTE_MS = 1_700_000_040_000


def test_weight_starts_again_every_minute() -> None:
    usage = Usage()
    usage.spend(MINUTE_MS, 40)
    usage.spend(MINUTE_MS + 59_999, 5)
    assert usage.headers(MINUTE_MS + 59_999, orders=False) == {"X-MBX-USED-WEIGHT-1M": "45"}
    assert usage.headers(MINUTE_MS + 60_000, orders=False) == {"X-MBX-USED-WEIGHT-1M": "0"}


def test_too_much_weight_is_refused_until_the_minute_ends() -> None:
    usage = Usage()
    usage.spend(MINUTE_MS, WEIGHT_PER_MINUTE)
    with pytest.raises(RequestRefused) as refusal:
        usage.spend(MINUTE_MS + 15_000, 1)
    assert refusal.value.code == -1003
    assert usage.retry_s(MINUTE_MS + 15_000) == 45
    usage.spend(MINUTE_MS + 60_000, 1)


def test_orders_are_counted_per_ten_seconds_and_per_minute() -> None:
    usage = Usage()
    for _ in range(ORDERS_PER_10S):
        usage.order(MINUTE_MS)
    with pytest.raises(RequestRefused) as refusal:
        usage.order(MINUTE_MS)
    assert refusal.value.code == -1015
    usage.order(MINUTE_MS + 10_000)
    headers = usage.headers(MINUTE_MS + 10_000, orders=True)
    assert headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert headers["X-MBX-ORDER-COUNT-1M"] == str(ORDERS_PER_10S + 2)
