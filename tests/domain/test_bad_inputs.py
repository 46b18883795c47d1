"""Whatever nonsense the market sends: no opinion that is no number, no entry, and a reason each time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, isfinite, nan
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.domain.builders import (
    SYMBOL,
    T0,
    book,
    candle,
    candles,
    history,
    ladder,
    mark,
    stream,
    trade,
    trades,
    wave,
)
from tests.domain.money_builders import NOW, account, decision, request
from tests.domain.money_builders import book as entry_book
from tests.domain.money_builders import mark as entry_mark
from vortex.domain.decision import Action, SignalBoard
from vortex.domain.engines.registry import REGISTRY
from vortex.domain.indicators.flow import BookFlow
from vortex.domain.market import Liquidation, MarketValue, MinuteVolume, Sentiment, VolumeHistory
from vortex.domain.risk.gates import evaluate
from vortex.domain.risk.params import RiskParams
from vortex.domain.risk.request import RiskRequest
from vortex.domain.scoring import DecisionParams
from vortex.domain.signal import EngineId, Regime, Signal, VolatilityPhase
from vortex.domain.strategies import StrategyAParams

BAD = (nan, inf, -inf, 0.0, -1.0, -1e308)
bad = st.sampled_from(BAD)
Poison: TypeAlias = Callable[[float, int], MarketValue]

ASK = ((101.0, 1.0),)
POISONS: tuple[Poison, ...] = (
    lambda x, ts: book(((x, 1.0),), ASK, ts_ms=ts, steps=(BookFlow().step(ts, ((x, 1.0),), ASK),)),
    lambda x, ts: book(((99.0, x),), ((101.0, 1.0),), ts_ms=ts),
    lambda _, ts: book((), (), ts_ms=ts, steps=(BookFlow().step(ts, (), ()),)),
    lambda _, ts: book(((101.0, 1.0),), ((99.0, 1.0),), ts_ms=ts),
    lambda _, ts: book(((99.0, 1.0),), ((101.0, 1.0),), ts_ms=ts, lag_ms=5_000),
    lambda x, ts: trades(trade(10**6 + ts % 10**6, ts, buy=True, quantity=x)),
    lambda x, ts: trades(trade(10**6 + ts % 10**6, ts, buy=True, price=x)),
    lambda _, __: trades(),
    lambda x, ts: candle("1m", ts // 60_000 * 60_000, (x, 101.0, 99.0, 100.0)),
    lambda x, ts: candle("15m", ts // 900_000 * 900_000, (100.0, x, 99.0, 100.0)),
    lambda x, ts: candle("1m", ts // 60_000 * 60_000, (100.0, 101.0, 99.0, x), closed=False),
    lambda _, __: history("1m", []),
    lambda x, ts: mark(ts, x),
    lambda x, ts: Sentiment(symbol=SYMBOL, recv_ms=ts, global_long=x, top_position_long=x, ratios_ms=ts,
                            funding_rate=x, funding_ms=ts, open_interest=x, open_interest_ms=ts),
    lambda x, ts: Liquidation(symbol=SYMBOL, ts_ms=ts, recv_ms=ts, long=True, price=x, quantity=1.0),
    lambda x, ts: VolumeHistory(symbol=SYMBOL, minutes=(MinuteVolume(ts, x, x),)),
)  # fmt: skip


def good() -> list[MarketValue]:
    """A market in which every engine has an opinion."""
    hourly = (0.5,) * 720
    books = stream([ladder(150_000 + number % 3, [5.0 + number] * 5, [5.0] * 5) for number in range(20)])
    sold = [trades(trade(number, T0 + number * 50, buy=number % 3 > 0)) for number in range(60)]
    poll = Sentiment(symbol=SYMBOL, recv_ms=T0, global_long=0.7, top_position_long=0.6, ratios_ms=T0,
                     global_hourly=hourly, top_position_hourly=hourly, funding_rate=1e-4, funding_ms=T0)  # fmt: skip
    closes = wave(96)
    return [history("1m", candles("1m", closes)), history("15m", candles("15m", closes)), poll, *books, *sold, mark(T0)]


def speak(values: Sequence[MarketValue]) -> list[Signal]:
    said = []
    for spec in REGISTRY:
        engine = spec.build(spec.params())
        said += [answer for value in values if type(value) in spec.engine.inputs and (answer := engine.update(value))]
    return said


def test_the_good_market_lets_every_engine_speak() -> None:
    assert {signal.engine for signal in speak(good()) if signal.score is not None} == {spec.id for spec in REGISTRY}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(POISONS), bad, st.integers(0, 5_000)), min_size=1, max_size=4))
def test_no_engine_says_what_is_no_number(poisons: list[tuple[Poison, float, int]]) -> None:
    values = good() + [make(number, T0 + 3_000 + delay_ms) for make, number, delay_ms in poisons]
    for signal in speak(values):
        assert signal.score is None or -1.0 <= signal.score <= 1.0
        assert 0.0 <= signal.quality <= 1.0
        assert signal.score is not None or signal.reasons
        assert all(part is None or isfinite(part) for part in signal.components.values()), signal


EASY = DecisionParams(
    a=StrategyAParams(theta=1e-9, confidence_min=0, s1_min=-1, s2_min=-1, tr_min=-1, alignment_required=False,
                      trend_required=False, low_needs_squeeze=False),
    debounce_evaluations=1,
)  # fmt: skip


def opinion(engine: str, score: float) -> Signal:
    e5 = engine == EngineId.REGIME
    return Signal(
        engine=engine, ts_ms=NOW, score=score, quality=1.0, components={"tr": score, "mr": score},
        regime=Regime.TRENDING_UP if e5 else None, phase=VolatilityPhase.NORMAL if e5 else None,
    )  # fmt: skip


@given(st.sampled_from([spec.id for spec in REGISTRY]), st.sampled_from((nan, inf, -inf, 1.01)))
def test_an_engine_gone_mad_is_as_good_as_missing(engine: str, score: float) -> None:
    board = SignalBoard(EASY)
    for spec in REGISTRY:
        board.put(opinion(spec.id, score if spec.id == engine else 0.5))
    made = board.evaluate(now_ms=NOW, epoch=1, symbol=SYMBOL, decision_id="d")
    assert f"{engine}_INVALID" in made.reasons
    assert made.action is Action.HOLD or engine == EngineId.SENTIMENT  # the only one that may be missing


CROSSED = ((60_001.0, 1.0),), ((60_000.0, 1.0),)


@pytest.mark.parametrize(
    "asked",
    [
        *[request(decision=decision(atr15=number)) for number in BAD],
        *[request(mark=entry_mark(number)) for number in BAD],
        *[request(book=entry_book(bids=((number, 1.0),))) for number in BAD],
        *[request(book=entry_book(asks=((60_000.0, number),))) for number in BAD],
        request(decision=decision(atr15=None)), request(mark=None), request(account=account(None)),
        request(mark=entry_mark(rate=nan)), request(book=entry_book(bids=CROSSED[0], asks=CROSSED[1])),
        request(book=entry_book(bids=())), request(book=entry_book(asks=())), request(book=entry_book(at_ms=NOW - 501)),
        request(account=account("0")), request(account=account("-5")), request(tiers=()),
    ],
)  # fmt: skip
def test_nothing_is_ordered_on_nonsense(asked: RiskRequest) -> None:
    verdict = evaluate(asked, RiskParams())
    assert verdict.plan is None
    assert verdict.code is not None


def test_a_stale_board_holds() -> None:
    board = SignalBoard(EASY)
    for spec in REGISTRY:
        board.put(replace(opinion(spec.id, 0.5), ts_ms=NOW - 10**8))
    made = board.evaluate(now_ms=NOW, epoch=1, symbol=SYMBOL, decision_id="d")
    assert (made.action, made.reasons[0]) == (Action.HOLD, "ENGINE_STALE")
