"""E2: who pays the spread, and whether trading quickens."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from vortex.domain.indicators.aggressor import TradeRate, aggressor_ratio, aggressor_score
from vortex.domain.indicators.basics import blend, clip
from vortex.domain.indicators.windows import SlidingSums
from vortex.domain.market import MarketValue, MarkPrice, Trade, TradeHistory, Trades
from vortex.domain.signal import EngineId, Signal

FEW_TRADES = "FEW_TRADES"
TRUNCATED = "TRUNCATED"
TRADE_GAP = "TRADE_GAP"
TRADE_INVALID = "TRADE_INVALID"

WEIGHTS = {5_000: 0.5, 30_000: 0.3, 120_000: 0.2}
"""Weight of each aggressor window, by its length in ms."""
REQUIRED = 0.5
RECALL_MS = 10_000
"""A history that takes longer than this to come is none any more."""
LONGEST_MS = max(WEIGHTS)


class TickParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of E2."""

    ring: Annotated[int, Meta(ge=100, le=100_000, description="trades kept per window at most")] = 2_000
    min_trades: Annotated[int, Meta(ge=1, le=1_000, description="trades a window needs to count")] = 20
    half_life_s: Annotated[int, Meta(ge=10, le=3_600, description="half-life of the trade-rate average, s")] = 300
    warm_s: Annotated[int, Meta(ge=10, le=3_600, description="complete seconds before the rate counts, s")] = 120
    expanding_z: Annotated[float, Meta(ge=0, le=10, description="deviations above the mean rate")] = 2.0


class TickEngine:
    """Scores the aggressor ratio of three windows, damped or not by how fast trades come.

    A mark price moves no score; it proves that the stream lives and lets event time pass while nobody trades.
    A history counts once, while the engine still knows every trade that it has seen itself.
    """

    id: ClassVar[str] = EngineId.TICK
    inputs: ClassVar[tuple[type, ...]] = (Trades, MarkPrice, TradeHistory)

    def __init__(self, params: TickParams) -> None:
        self._params = params
        self._seen: list[Trade] | None = []
        self._begin()

    def _begin(self) -> None:
        params = self._params
        self._windows = tuple(SlidingSums(length_ms, params.ring) for length_ms in WEIGHTS)
        self._rate = TradeRate(params.half_life_s, params.warm_s)
        self._now_ms = 0
        self._expired_ms = 0
        self._last: Trade | None = None
        self._gap_until_ms = 0
        self._invalid = False

    def update(self, value: MarketValue) -> Signal | None:
        """Answer every Trades, every MarkPrice and a TradeHistory that counts with a Signal."""
        match value:
            case Trades():
                self._invalid = False
                trades = value.trades
                for trade in trades if len(trades) == 1 else sorted(trades, key=_order):
                    self._take(trade)
            case MarkPrice():
                self._pass_to(value.ts_ms)
            case TradeHistory():
                if not self._recall(value.trades):
                    return None
            case _:
                return None
        if self._now_ms > self._expired_ms:
            self._expired_ms = self._now_ms
            for window in self._windows:
                window.expire(self._now_ms)
        return self._opinion()

    def _recall(self, past: Sequence[Trade]) -> bool:
        """Begin anew with the past before what it has seen; False when that is too much by now, or there is none."""
        seen, self._seen = self._seen, None
        if seen is None:
            return False
        older = [trade for trade in past if not seen or _order(trade) < _order(seen[0])]
        if not older:
            return False
        now_ms = self._now_ms
        self._begin()
        for trade in (*older, *seen):
            self._take(trade)
        self._pass_to(now_ms)
        return True

    def _take(self, trade: Trade) -> None:
        if not (0.0 < trade.quantity < inf and 0.0 < trade.price < inf):
            self._invalid = True
            return
        last = self._last
        # An id that comes again with a newer time is no duplicate: the exchange started counting anew.
        if last is not None and trade.id <= last.id and trade.ts_ms <= last.ts_ms:
            return
        if last is not None and trade.id != last.id + 1:
            self._gap_until_ms = max(trade.ts_ms, last.ts_ms) + LONGEST_MS
        ts_ms = trade.ts_ms if last is None else max(trade.ts_ms, last.ts_ms)
        self._last = trade
        if self._seen is not None:
            self._seen.append(trade)
            if trade.ts_ms - self._seen[0].ts_ms > RECALL_MS:
                self._seen = None
        self._pass_to(ts_ms, trades=1)
        buy, sell = (0.0, trade.quantity) if trade.buyer_is_maker else (trade.quantity, 0.0)
        self._expired_ms = ts_ms
        for window in self._windows:
            window.add(ts_ms, buy, sell)

    def _pass_to(self, ts_ms: int, trades: int = 0) -> None:
        self._now_ms = max(self._now_ms, ts_ms)
        self._rate.tick(self._now_ms, trades)

    def _opinion(self) -> Signal:
        shortest, _, longest = self._windows
        least = self._params.min_trades
        ratios = [aggressor_ratio(w.first, w.second) if w.count >= least else None for w in self._windows]
        scores = [None if ratio is None else aggressor_score(ratio) for ratio in ratios]
        lean, present = blend(zip(WEIGHTS.values(), scores, strict=True), REQUIRED)
        velocity = shortest.count * 1000 / shortest.window_ms
        z = self._rate.z(velocity)
        gapped = self._now_ms < self._gap_until_ms
        return Signal(
            engine=self.id,
            ts_ms=self._now_ms,
            score=None if lean is None else lean * clip(0.75 + z / 12.0, 0.5, 1.0),
            quality=present * (0.5 if gapped else 1.0),
            components={
                "aggressor_5s": ratios[0], "aggressor_30s": ratios[1], "aggressor_120s": ratios[2],
                "velocity": velocity, "z": z, "expanding": 1.0 if z >= self._params.expanding_z else 0.0,
            },
            reasons=self._reasons(missing=lean is None, truncated=longest.truncated(self._now_ms), gapped=gapped),
        )  # fmt: skip

    def _reasons(self, *, missing: bool, truncated: bool, gapped: bool) -> tuple[str, ...]:
        if not (missing or truncated or gapped or self._invalid):
            return ()
        found = ((missing, FEW_TRADES), (truncated, TRUNCATED), (gapped, TRADE_GAP), (self._invalid, TRADE_INVALID))
        return tuple([reason for holds, reason in found if holds])


def _order(trade: Trade) -> tuple[int, int]:
    return trade.ts_ms, trade.id
