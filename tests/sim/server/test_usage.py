from __future__ import annotations

import pytest

from vortex.sim.server.usage import ORDERS_PER_10S, PATIENCE, WEIGHT_PER_MINUTE, Limited, Usage

MINUTE_MS = 1_700_000_040_000


def test_weight_starts_again_every_minute() -> None:
    usage = Usage()
    usage.spend(MINUTE_MS, 40)
    usage.spend(MINUTE_MS + 59_999, 5)
    assert usage.headers(MINUTE_MS + 59_999, orders=False) == {"X-MBX-USED-WEIGHT-1M": "45"}
    assert usage.headers(MINUTE_MS + 60_000, orders=False) == {"X-MBX-USED-WEIGHT-1M": "0"}


def limited(usage: Usage, now_ms: int, weight: int = 1) -> Limited:
    with pytest.raises(Limited) as refusal:
        usage.spend(now_ms, weight)
    assert refusal.value.code == -1003
    return refusal.value


def test_too_much_weight_is_refused_until_the_minute_ends() -> None:
    usage = Usage()
    usage.spend(MINUTE_MS, WEIGHT_PER_MINUTE)
    refusal = limited(usage, MINUTE_MS + 15_000)
    assert (refusal.status, refusal.retry_s) == (429, 45)
    usage.spend(MINUTE_MS + 60_000, 1)


def test_who_asks_on_is_banned_and_each_time_for_longer() -> None:
    usage, now_ms = Usage(), MINUTE_MS
    bans = []
    for _ in range(14):
        usage.spend(now_ms, WEIGHT_PER_MINUTE)
        assert {limited(usage, now_ms).status for _ in range(PATIENCE)} == {429}
        ban = limited(usage, now_ms)
        assert ban.status == 418
        assert "banned until" in ban.message
        bans.append(ban.retry_s)
        assert limited(usage, now_ms + 1_000 * ban.retry_s - 1_000, weight=0).retry_s == 1
        now_ms += 1_000 * ban.retry_s
    assert bans[:3] == [120, 240, 480]
    assert bans[-2:] == [3 * 86_400] * 2


def test_orders_are_counted_per_ten_seconds_and_per_minute() -> None:
    usage = Usage()
    for _ in range(ORDERS_PER_10S):
        usage.order(MINUTE_MS)
    with pytest.raises(Limited, match="300 orders per TEN_SECONDS") as refusal:
        usage.order(MINUTE_MS)
    assert (refusal.value.code, refusal.value.status, refusal.value.retry_s) == (-1015, 429, 10)
    usage.order(MINUTE_MS + 10_000)
    headers = usage.headers(MINUTE_MS + 10_000, orders=True)
    assert headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert headers["X-MBX-ORDER-COUNT-1M"] == str(ORDERS_PER_10S + 2)
