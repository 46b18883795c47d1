from __future__ import annotations

import math
from itertools import pairwise

import pytest

from tests.sim.market import wire
from tests.sim.market.conftest import Write
from vortex.sim.market.candles import MINUTE_MS, QUARTER_MS, Bar, flat
from vortex.sim.market.dice import dice
from vortex.sim.market.history import HISTORY_MINUTES, Pace, generated_minutes, pace_of
from vortex.sim.market.tape import Tape, load_tape

START_MS = 1_760_000_012_345
MINUTE_OF_START_MS = START_MS // MINUTE_MS * MINUTE_MS


def walk(tape: Tape, seed: int, start_ms: int = START_MS) -> list[Bar]:
    return generated_minutes(pace_of(tape), 618_000, start_ms, dice(seed, "X"))


def test_walk_is_contiguous_and_ends_at_the_price_of_the_start(shipped: Tape) -> None:
    bars = walk(shipped, 1)
    assert len(bars) > HISTORY_MINUTES
    assert bars[0].open_ms % QUARTER_MS == 0
    assert all(b.open_ms - a.open_ms == MINUTE_MS for a, b in pairwise(bars))
    assert all(a.close == b.open for a, b in pairwise(bars))
    assert (bars[-1].open_ms, bars[-1].close) == (MINUTE_OF_START_MS, 618_000)


def test_candles_are_consistent(shipped: Tape) -> None:
    for bar in walk(shipped, 2):
        assert 0 < bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert 0 <= bar.buy_lots <= bar.lots
        assert bar.lots * bar.low <= bar.quote <= bar.lots * bar.high
        assert (bar.trades > 0) == (bar.lots > 0)


@pytest.mark.parametrize("seed", range(5))
def test_walk_has_the_volatility_and_volume_of_the_recording(shipped: Tape, seed: int) -> None:
    pace, bars = pace_of(shipped), walk(shipped, seed)
    returns = [math.log(bar.close / bar.open) for bar in bars]
    assert math.sqrt(sum(r * r for r in returns) / len(returns)) == pytest.approx(pace.volatility, rel=0.25)
    assert sum(bar.lots for bar in bars) / len(bars) == pytest.approx(pace.lots_per_minute, rel=0.25)


def test_extremes_are_those_of_a_diffusion(shipped: Tape) -> None:
    """The mean range of a driftless Brownian motion is sqrt(8 / pi) standard deviations of its return."""
    bars = walk(shipped, 3)
    ranges = sum((bar.high - bar.low) / bar.open for bar in bars) / len(bars)
    absolute = sum(abs(math.log(bar.close / bar.open)) for bar in bars) / len(bars)
    assert ranges / absolute == pytest.approx(2.0, rel=0.05)  # E range / E |return| = sqrt(8/pi) / sqrt(2/pi)


def test_seed_decides(btc: Tape) -> None:
    assert walk(btc, 1) == walk(btc, 1)
    assert walk(btc, 1) != walk(btc, 2)


def test_start_on_a_full_minute_leaves_that_minute_empty(btc: Tape) -> None:
    bars = walk(btc, 1, MINUTE_OF_START_MS)
    assert bars[-1] == flat(MINUTE_OF_START_MS, 618_000)


def test_begun_minute_has_traded_for_its_part_only(btc: Tape) -> None:
    begun = [walk(btc, seed, MINUTE_OF_START_MS + 6_000)[-1].lots for seed in range(40)]
    assert sum(begun) / len(begun) == pytest.approx(pace_of(btc).lots_per_minute / 10, rel=0.35)


def test_market_without_movement_or_trades_has_a_flat_past(write: Write) -> None:
    silent = [line for line in wire.calm() if line.get("stream") != "abcusdt@trade"]
    pace = pace_of(load_tape(write(silent)))
    assert pace == Pace(volatility=0.0, lots_per_minute=0.0, lots_per_trade=0.0, buy_share=0.5)
    bars = generated_minutes(pace, 1_000, START_MS, dice(1))
    assert {(bar.high, bar.low, bar.lots, bar.trades) for bar in bars} == {(1_000, 1_000, 0, 0)}


def test_pace_of_a_known_tape(write: Write) -> None:
    pace = pace_of(load_tape(write(wire.calm(5))))
    assert pace.lots_per_minute == pytest.approx(5 * 10 * 60_000 / 4_100)
    assert (pace.lots_per_trade, pace.buy_share) == (10.0, 1.0)
