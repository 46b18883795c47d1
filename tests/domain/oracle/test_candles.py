"""E3 and E5 on recorded candles, through a squeeze of 50 % in an hour and a day of liquidations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from tests.domain.builders import candle, mark
from tests.domain.oracle.recordings import WHOLE, candles_of, crash_trades, minutes, prices, quarters
from tests.domain.oracle.reference import CandleReading, regimes, volatility_ratio
from vortex.domain.engines.regime import RegimeEngine, RegimeParams
from vortex.domain.engines.technical import TechnicalEngine, TechnicalParams
from vortex.domain.market import Candle
from vortex.domain.signal import Signal, VolatilityPhase

pytestmark = pytest.mark.shared
KEPT = 96
SQUEEZE_MS = 1_689_200_000_000  # 2023-07-12 22:13 UTC: the hour of 18:00 on the 13th is in the last third
MARKETS = {
    "XLM 2023-07-13": ("XLMUSDT_1m_202307.csv.gz", SQUEEZE_MS, 26.0),
    "ADA 2023-07-13": ("ADAUSDT_1m_202307.csv.gz", SQUEEZE_MS, 26.0),
    "TRX without trades": ("TRXUSDT_1m_202307.csv.gz", 1_689_990_000_000, 24.0),
    "BTC 2025": ("BTCUSDT_1m_202505-06.csv.gz", 1_748_700_000_000, 24.0),
}


def close(expected: float) -> Any:
    """Within 1e-6."""
    return pytest.approx(expected, rel=1e-6, abs=1e-6)


def market(name: str) -> tuple[Candle, ...]:
    if name == "FIL 2025-10-10":
        return candles_of(crash_trades("fil", 200_000))
    return minutes(*MARKETS[name])


def walk(seen: Sequence[Candle]) -> Iterator[tuple[int, int, Candle]]:
    """Closed minutes, each followed by the quarter of an hour that it ends: (minutes, quarters so far, candle)."""
    whole = list(quarters(seen))
    for number, minute in enumerate(seen, start=1):
        yield number, (number - 1) // 15, minute
        if number % 15 == 0:
            yield number, number // 15, whole[number // 15 - 1]


def reading(seen: Sequence[Candle], end: int) -> CandleReading:
    return CandleReading(*prices(seen[max(0, end - KEPT) : end]))


def check_technical(said: Signal, minute: CandleReading, quarter: CandleReading) -> None:
    parts = said.components
    for name, each in (("1m", minute), ("15m", quarter)):
        assert parts[f"rsi_{name}"] == close(each.rsi)
        assert parts[f"lower_{name}"] == close(each.lower)
        assert parts[f"upper_{name}"] == close(each.upper)
        assert parts[f"atr14_{name}"] == close(each.atr14)
        assert parts[f"squeeze_fired_{name}"] == each.fired
    assert parts["mr"] == close(0.6 * minute.mr + 0.4 * quarter.mr)
    assert parts["tr"] == close(0.4 * minute.tr + 0.6 * quarter.tr)


@pytest.mark.parametrize("name", [*MARKETS, "FIL 2025-10-10"])
def test_candles_equal_the_whole_window(name: str) -> None:
    seen = market(name)
    whole = list(quarters(seen))
    engine, compared = TechnicalEngine(TechnicalParams()), 0
    for ends, quarter_ends, each in walk(seen):
        said = engine.update(each)
        assert said is not None
        ready = min(len(seen[:ends]), quarter_ends) >= 60
        if not ready or (each.interval == "1m" and ends % 7 and not WHOLE):
            continue
        compared += 1
        assert said.quality == (1.0 if quarter_ends >= 90 else 0.5)
        check_technical(said, reading(seen, ends), reading(whole, quarter_ends))
    assert compared > 50


@pytest.mark.parametrize("name", [*MARKETS, "FIL 2025-10-10"])
def test_the_regime_equals_the_whole_window(name: str) -> None:
    seen = market(name)
    whole = list(quarters(seen))
    engine = RegimeEngine(RegimeParams())
    said: dict[int, Signal] = {}
    for _, quarter_ends, each in walk(seen):
        answer = engine.update(each)
        if answer is not None and each.interval == "15m":
            said[quarter_ends] = answer
    readings = [reading(whole, end) for end in range(28, len(whole) + 1)]
    states = regimes(
        [each.adx for each in readings], [each.er for each in readings],
        [each.plus_di for each in readings], [each.minus_di for each in readings],
    )  # fmt: skip
    for end in range(60, len(whole) + 1):
        expected, parts = readings[end - 28], said[end].components
        assert parts["adx"] == close(expected.adx)
        assert parts["er"] == close(expected.er)
        assert parts["plus_di"] == close(expected.plus_di)
        assert parts["minus_di"] == close(expected.minus_di)
        closes = np.array([each.close for each in seen[: end * 15]])
        rho = volatility_ratio(closes, np.array([each.close for each in whole[max(0, end - KEPT) : end]]))
        assert parts["rho"] == close(rho)
        assert said[end].regime == states[end - 28]


@pytest.mark.parametrize("name", ["XLM 2023-07-13", "FIL 2025-10-10"])
def test_the_extremes_are_seen_at_once(name: str) -> None:
    """The minute that moves the most is EXTREME while it still forms."""
    seen = market(name)
    engine = RegimeEngine(RegimeParams())
    wild = max(range(1_000, len(seen)), key=lambda at: seen[at].high / seen[at].low)
    for ends, _, each in walk(seen[:wild]):
        assert ends
        engine.update(each)
    each = seen[wild]
    engine.update(mark(each.open_ms, each.open))
    forming = candle("1m", each.open_ms, (each.open, each.high, each.low, each.close), closed=False)
    said = engine.update(forming)
    assert said is not None
    assert said.phase is VolatilityPhase.EXTREME
    assert {"RANGE_SHOCK", "MARK_SHOCK"} & {*said.reasons}


def test_a_hole_is_never_bridged() -> None:
    seen = market("BTC 2025")
    engine = TechnicalEngine(TechnicalParams())
    for number, quarter_ends, each in walk(seen):
        if number == 1_200 and each.interval == "1m":
            continue
        said = engine.update(each)
        assert said is not None
        silent = said.score is None and said.reasons[0] in ("CANDLE_GAP", "WARMING")
        assert silent == (quarter_ends < 60 or number > 1_200), number  # until a history closes it
