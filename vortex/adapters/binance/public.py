"""Market data that is asked for, not streamed: candle history, long/short ratios, funding, open interest."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from vortex.adapters.binance.budget import Budget
from vortex.adapters.binance.client import Client
from vortex.adapters.binance.hosts import Hosts
from vortex.adapters.binance.wire import candles_of
from vortex.domain.market import Candle, Interval
from vortex.ports import Clock

HISTORY = 100
"""Candles of one interval; the last one is still forming."""

HOURS = 500
"""Hourly ratios the exchange gives at once: about three weeks."""

USUAL_INTERVAL_H = 8
INTERVALS_LIFE_MS = 3_600_000

Crowd: TypeAlias = Literal["global", "top"]
"""All accounts counted, or the positions of the accounts with the largest margin balance."""


class Ratio(Struct, frozen=True):
    """Share that is long, in [0, 1], of the period that begins at `ts_ms`."""

    ts_ms: int
    long: float


class Reading(Struct, frozen=True):
    """A figure and the exchange's own time of it."""

    ts_ms: int
    value: float


class PublicData:
    """Reads public endpoints without keys. Raises what the client raises, and msgspec errors for a bad reply.

    Args:
        hosts: Where the candles come from, and all the rest unless `sentiment` is given.
        clock: Our clock.
        budget: What the host counted, shared with whatever else reads from it; by default its own.
        sentiment: Where ratios, funding and open interest come from instead; its requests have a budget of their own.

    Attributes:
        has_ratios: True when there are long/short ratios.
    """

    def __init__(
        self, hosts: Hosts, clock: Clock, budget: Budget | None = None, sentiment: Hosts | None = None
    ) -> None:
        self._client = self._crowd = Client(hosts, clock, budget or Budget(clock))
        if sentiment is not None:
            self._crowd = Client(sentiment, clock, Budget(clock))
        self._clock = clock
        self._intervals: dict[str, int] = {}
        self._intervals_ms: float | None = None
        self.has_ratios = (sentiment or hosts).ratios

    @property
    def budget(self) -> Budget:
        """Of the host that the candles come from."""
        return self._client.budget

    async def room(self) -> None:
        """Wait until sentiment may be read: it waits while half of the request budget is used."""
        await self._crowd.budget.room()

    async def silence_over(self) -> None:
        """Wait until candles may be read: nothing trades without them, so they wait for asked silence only."""
        await self._client.budget.silence_over()

    async def history(self, symbol: str, interval: Interval, generated_before_ms: int) -> tuple[Candle, ...]:
        """The newest candles, oldest first."""
        params = {"symbol": symbol, "interval": interval, "limit": HISTORY}
        rows = await self._client.fapiPublicGetKlines(params)
        return tuple(candles_of(rows, symbol, interval, self._clock.now_ms(), generated_before_ms))

    async def minutes(self, symbol: str, from_ms: int, limit: int) -> object:
        """Rows of 1m klines that open at or after `from_ms`, oldest first, as the exchange sends them."""
        params = {"symbol": symbol, "interval": "1m", "startTime": from_ms, "limit": limit}
        return await self._client.fapiPublicGetKlines(params)

    async def ratios(self, crowd: Crowd, symbol: str, period: Literal["5m", "1h"], limit: int) -> tuple[Ratio, ...]:
        """Long shares, oldest first."""
        params = {"symbol": symbol, "period": period, "limit": limit}
        if crowd == "global":
            rows = await self._crowd.fapiDataGetGlobalLongShortAccountRatio(params)
        else:
            rows = await self._crowd.fapiDataGetTopLongShortPositionRatio(params)
        parsed = msgspec.convert(rows, list[_RatioRow], strict=False)
        return tuple(sorted((row.ratio() for row in parsed), key=lambda ratio: ratio.ts_ms))

    async def funding(self, symbol: str) -> Reading:
        """The funding rate as estimated now, a fraction per funding interval."""
        reply = await self._crowd.fapiPublicGetPremiumIndex({"symbol": symbol})
        row = msgspec.convert(reply, _PremiumRow, strict=False)
        return Reading(ts_ms=row.time, value=row.last_funding_rate)

    async def funding_interval_h(self, symbol: str) -> int:
        """Hours between two settlements; the exchange lists only symbols that differ from 8, and it may list none."""
        now_ms = self._clock.monotonic_ms()
        if self._intervals_ms is None or now_ms - self._intervals_ms > INTERVALS_LIFE_MS:
            rows = msgspec.convert(await self._crowd.fapiPublicGetFundingInfo(), list[_FundingRow], strict=False)
            self._intervals = {row.symbol: row.funding_interval_hours for row in rows}
            self._intervals_ms = now_ms
        return self._intervals.get(symbol, USUAL_INTERVAL_H)

    async def open_interest(self, symbol: str) -> Reading:
        """Open contracts in base units."""
        reply = await self._crowd.fapiPublicGetOpenInterest({"symbol": symbol})
        row = msgspec.convert(reply, _OpenInterestRow, strict=False)
        return Reading(ts_ms=row.time, value=row.open_interest)

    async def close(self) -> None:
        for client in {self._client, self._crowd}:
            await client.close()


class _RatioRow(Struct, rename="camel"):
    timestamp: int
    long_short_ratio: float
    long_account: float | None = None

    def ratio(self) -> Ratio:
        # The published ratio has few decimals: the share itself is better where it is given.
        share = self.long_account
        if share is None:
            share = self.long_short_ratio / (1.0 + self.long_short_ratio)
        return Ratio(ts_ms=self.timestamp, long=share)


class _PremiumRow(Struct, rename="camel"):
    last_funding_rate: float
    time: int


class _FundingRow(Struct, rename="camel"):
    symbol: str
    funding_interval_hours: int


class _OpenInterestRow(Struct, rename="camel"):
    open_interest: float
    time: int
