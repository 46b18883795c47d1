from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from vortex.sim.market.sentiment import FUNDING_MS, HOUR_MS, Positioning, next_funding_ms

NOW_MS = 1_760_000_012_345
STEP = Decimal("0.001")


def positioning(seed: int = 1, symbol: str = "BTCUSDT") -> Positioning:
    return Positioning(seed, symbol, Decimal(80_000), STEP)


def test_polls_agree_in_any_order_and_on_any_grid() -> None:
    later = positioning().series(NOW_MS + HOUR_MS, 300_000, 40)
    earlier = positioning().series(NOW_MS, 300_000, 30)
    known = {point.ts_ms: point for point in later}
    assert all(known[point.ts_ms] == point for point in earlier if point.ts_ms in known)
    hourly = {point.ts_ms: point for point in positioning().series(NOW_MS, HOUR_MS, 100)}
    common = [point for point in earlier if point.ts_ms in hourly]
    assert common
    assert all(hourly[point.ts_ms] == point for point in common)


def test_series_is_on_its_grid_oldest_first_and_never_ahead() -> None:
    times = [point.ts_ms for point in positioning().series(NOW_MS, HOUR_MS, 720)]
    assert times == list(range(times[0], times[0] + 720 * HOUR_MS, HOUR_MS))
    assert NOW_MS - HOUR_MS < times[-1] <= NOW_MS
    assert positioning().series(NOW_MS, HOUR_MS, 0) == []


def test_shares_are_plausible_slow_and_return_to_their_mean() -> None:
    points = positioning().series(NOW_MS, HOUR_MS, 2_000)
    for name in ("global_long", "top_account_long", "top_position_long"):
        shares = [float(getattr(point, name)) for point in points]
        assert 0.46 <= min(shares) < max(shares) <= 0.66
        assert 0.52 - 0.01 <= sum(shares) / len(shares) <= 0.60 + 0.01
        assert max(abs(b - a) for a, b in pairwise(shares)) < 0.02
    assert all(Decimal(75_200) <= point.open_interest <= Decimal(84_800) for point in points)


def test_seed_and_symbol_decide() -> None:
    own = positioning().series(NOW_MS, HOUR_MS, 3)
    assert positioning().series(NOW_MS, HOUR_MS, 3) == own
    assert positioning(seed=2).series(NOW_MS, HOUR_MS, 3) != own
    assert positioning(symbol="ETHUSDT").series(NOW_MS, HOUR_MS, 3) != own


@pytest.mark.parametrize("hour", [0, 8, 16])
def test_funding_settles_at_0_8_and_16_utc(hour: int) -> None:
    settles_ms = 20_000 * 24 * HOUR_MS + hour * HOUR_MS
    assert next_funding_ms(settles_ms - 1) == settles_ms
    assert next_funding_ms(settles_ms) == settles_ms + FUNDING_MS


def test_funding_rate_is_small_and_constant_between_settlements() -> None:
    rates = [positioning().funding_rate(NOW_MS + hour * HOUR_MS) for hour in range(2_000)]
    assert Decimal("0.00005") <= min(rates) < max(rates) <= Decimal("0.00015")
    settles_ms = next_funding_ms(NOW_MS)
    assert positioning().funding_rate(settles_ms - 1) == positioning().funding_rate(settles_ms - FUNDING_MS)
