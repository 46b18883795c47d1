"""Market endpoints: what anybody may ask."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from vortex.domain.market import INTERVAL_MS, LeverageTier
from vortex.sim.core.checks import MAX_ALGOS, MAX_ORDERS
from vortex.sim.core.market import CandleEvent, MarkEvent, SentimentPoint, SymbolSpec
from vortex.sim.core.matching import MULTIPLIER_DOWN, MULTIPLIER_UP
from vortex.sim.core.types import RequestRefused
from vortex.sim.server.frames import candle_row, trade_row
from vortex.sim.server.params import Params
from vortex.sim.server.render import Json
from vortex.sim.server.text import Grid, plain, rounded
from vortex.sim.server.usage import ORDERS_PER_10S, ORDERS_PER_MINUTE, WEIGHT_PER_MINUTE
from vortex.sim.server.venue import Venue

MAX_ROWS = 1_500
ORDER_TYPES = ["LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"]
MINUTE_MS = 60_000
PERIODS_MS = {
    "5m": 5 * MINUTE_MS, "15m": 15 * MINUTE_MS, "30m": 30 * MINUTE_MS, "1h": 60 * MINUTE_MS, "2h": 120 * MINUTE_MS,
    "4h": 240 * MINUTE_MS, "6h": 360 * MINUTE_MS, "12h": 720 * MINUTE_MS, "1d": 1_440 * MINUTE_MS,
}  # fmt: skip
FUNDING_HOURS = 8
INTEREST_RATE = "0.00010000"
Ratio = Callable[[SentimentPoint], Decimal]


async def ping(_venue: Venue, _params: Params) -> Json:
    """GET ping."""
    return {}


async def server_time(venue: Venue, _params: Params) -> Json:
    """GET time."""
    return {"serverTime": venue.clock.server_ms()}


async def exchange_info(venue: Venue, _params: Params) -> Json:
    """GET exchangeInfo: limits and listed contracts."""
    limits = [
        ("REQUEST_WEIGHT", "MINUTE", 1, WEIGHT_PER_MINUTE),
        ("ORDERS", "MINUTE", 1, ORDERS_PER_MINUTE),
        ("ORDERS", "SECOND", 10, ORDERS_PER_10S),
    ]
    names = ("rateLimitType", "interval", "intervalNum", "limit")
    return {
        "timezone": "UTC",
        "serverTime": venue.clock.server_ms(),
        "futuresType": "U_MARGINED",
        "rateLimits": [dict(zip(names, limit, strict=True)) for limit in limits],
        "exchangeFilters": [],
        "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-100"}],
        "symbols": [_contract(spec, venue.grids[spec.symbol]) for spec in venue.core.specs.values()],
    }


async def depth(venue: Venue, params: Params) -> Json:
    """GET depth: the visible levels, however many are asked for."""
    symbol = venue.symbol(params)
    book = venue.view.books.get(symbol)
    if book is None:
        raise _not_yet(symbol)
    grid, levels = venue.grids[symbol], params.limit(default=500, most=1_000)
    shown_ms = venue.clock.shown_ms(book.ts_ms)
    return {
        "lastUpdateId": venue.view.book_ids(symbol)[1],
        "E": shown_ms,
        "T": shown_ms,
        "bids": grid.levels(book.bids, levels),
        "asks": grid.levels(book.asks, levels),
    }


async def klines(venue: Venue, params: Params) -> list[list[int | str]]:
    """Closed candles and, unless endTime lies before it, the forming one. With startTime the oldest come first."""
    symbol, interval = venue.symbol(params), params.text("interval")
    if interval not in INTERVAL_MS:
        raise RequestRefused(-1120, "Invalid interval.")
    limit = params.limit(default=500, most=MAX_ROWS)
    start_ms, end_ms = params.optional_integer("startTime"), params.optional_integer("endTime")
    before_ms = venue.clock.now_ms() + 1 if end_ms is None else end_ms + 1
    if start_ms is None:
        return [candle_row(candle) for candle in _candles(venue, symbol, interval, before_ms, limit)[-limit:]]
    wanted = min(max(0, (before_ms - start_ms) // INTERVAL_MS[interval] + 2), 10 * MAX_ROWS)
    candles = _candles(venue, symbol, interval, before_ms, wanted)
    return [candle_row(candle) for candle in candles if candle.open_ms >= start_ms][:limit]


async def agg_trades(venue: Venue, params: Params) -> list[Json]:
    """Recent trades only: what happened before the last 1,000 is not kept."""
    symbol = venue.symbol(params)
    from_id = params.optional_integer("fromId")
    start_ms, end_ms = params.optional_integer("startTime"), params.optional_integer("endTime")
    trades = [
        trade
        for trade in venue.view.trades[symbol]
        if (from_id is None or trade.trade_id >= from_id)
        and (start_ms is None or trade.ts_ms >= venue.clock.hidden_ms(start_ms))
        and (end_ms is None or trade.ts_ms <= venue.clock.hidden_ms(end_ms))
    ]
    limit = params.limit(default=500, most=1_000)
    chosen = trades[-limit:] if from_id is None and start_ms is None else trades[:limit]
    return [trade_row(trade, venue.grids[symbol], venue.clock.offset_ms) for trade in chosen]


async def premium_index(venue: Venue, params: Params) -> Json | list[Json]:
    """GET premiumIndex: mark price and funding of one symbol or of all."""
    if params.optional("symbol") is None:
        return [_premium(venue, mark) for mark in venue.view.marks.values()]
    return _premium(venue, _mark(venue, venue.symbol(params)))


async def open_interest(venue: Venue, params: Params) -> Json:
    """GET openInterest: generated."""
    symbol = venue.symbol(params)
    now_ms = venue.clock.now_ms()
    points = venue.source(symbol).sentiment(symbol, now_ms, PERIODS_MS["5m"], 1)
    if not points:
        raise _not_yet(symbol)
    return {
        "openInterest": plain(points[-1].open_interest),
        "symbol": symbol,
        "time": venue.clock.shown_ms(now_ms),
    }


async def funding_info(venue: Venue, _params: Params) -> list[Json]:
    """GET fundingInfo: every contract settles each 8 hours."""
    caps = {"adjustedFundingRateCap": "0.02000000", "adjustedFundingRateFloor": "-0.02000000"}
    terms: Json = caps | {"fundingIntervalHours": FUNDING_HOURS, "disclaimer": False}
    return [{"symbol": symbol, **terms} for symbol in venue.specs]


async def leverage_bracket(venue: Venue, params: Params) -> list[Json]:
    """GET leverageBracket of one symbol or of all."""
    symbols = [venue.symbol(params)] if params.optional("symbol") else list(venue.specs)
    return [{"symbol": symbol, "brackets": _brackets(venue.specs[symbol].tiers)} for symbol in symbols]


async def global_ratio(venue: Venue, params: Params) -> list[Json]:
    """GET globalLongShortAccountRatio: generated."""
    return _ratios(venue, params, lambda point: point.global_long)


async def top_account_ratio(venue: Venue, params: Params) -> list[Json]:
    """GET topLongShortAccountRatio: generated."""
    return _ratios(venue, params, lambda point: point.top_account_long)


async def top_position_ratio(venue: Venue, params: Params) -> list[Json]:
    """GET topLongShortPositionRatio: generated."""
    return _ratios(venue, params, lambda point: point.top_position_long)


async def open_interest_history(venue: Venue, params: Params) -> list[Json]:
    """GET openInterestHist: generated."""
    symbol = venue.symbol(params)
    price = _mark(venue, symbol).mark_price
    return [
        {
            "symbol": symbol,
            "sumOpenInterest": plain(point.open_interest),
            "sumOpenInterestValue": rounded(point.open_interest * price),
            "timestamp": venue.clock.shown_ms(point.ts_ms),
        }
        for point in _sentiment(venue, symbol, params)
    ]


def _candles(venue: Venue, symbol: str, interval: str, before_ms: int, limit: int) -> list[CandleEvent]:
    candles = venue.world.history(symbol, interval, before_ms, limit)
    forming = venue.view.candles.get((symbol, interval))
    if forming is not None and forming.open_ms < before_ms and (not candles or forming.open_ms > candles[-1].open_ms):
        candles = [*candles, forming]
    return candles


def _sentiment(venue: Venue, symbol: str, params: Params) -> list[SentimentPoint]:
    """Generated positioning on the asked grid, the newest `limit` points within startTime and endTime."""
    period_ms = PERIODS_MS.get(params.text("period"))
    if period_ms is None:
        raise RequestRefused(-1130, "Data sent for parameter 'period' is not valid.")
    end_ms, start_ms = params.optional_integer("endTime"), params.optional_integer("startTime")
    now_ms = venue.clock.now_ms()
    until_ms = now_ms if end_ms is None else min(now_ms, venue.clock.hidden_ms(end_ms))
    points = venue.source(symbol).sentiment(symbol, until_ms, period_ms, params.limit(default=30, most=500))
    return [point for point in points if start_ms is None or point.ts_ms >= venue.clock.hidden_ms(start_ms)]


def _ratios(venue: Venue, params: Params, share: Ratio) -> list[Json]:
    symbol = venue.symbol(params)
    return [_ratio(symbol, share(p), venue.clock.shown_ms(p.ts_ms)) for p in _sentiment(venue, symbol, params)]


def _ratio(symbol: str, long_share: Decimal, shown_ms: int) -> Json:
    short_share = 1 - long_share
    ratio = long_share / short_share if short_share else Decimal(0)
    return {
        "symbol": symbol,
        "longAccount": f"{long_share:.4f}",
        "shortAccount": f"{short_share:.4f}",
        "longShortRatio": f"{ratio:.4f}",
        "timestamp": shown_ms,
    }


def _mark(venue: Venue, symbol: str) -> MarkEvent:
    mark = venue.view.marks.get(symbol)
    if mark is None:
        raise _not_yet(symbol)
    return mark


def _premium(venue: Venue, mark: MarkEvent) -> Json:
    return {
        "symbol": mark.symbol,
        "markPrice": plain(mark.mark_price),
        "indexPrice": plain(mark.index_price),
        "estimatedSettlePrice": plain(mark.index_price),
        "lastFundingRate": plain(mark.funding_rate),
        "interestRate": INTEREST_RATE,
        "nextFundingTime": mark.next_funding_ms,
        "time": venue.clock.shown_ms(mark.ts_ms),
    }


def _brackets(tiers: tuple[LeverageTier, ...]) -> list[Json]:
    return [
        {
            "bracket": number,
            "initialLeverage": tier.max_leverage,
            "notionalCap": float(tier.cap_usdt),
            "notionalFloor": float(tier.floor_usdt),
            "maintMarginRatio": float(tier.maintenance_rate),
            "cum": float(tier.cumulative_usdt),
        }
        for number, tier in enumerate(tiers, start=1)
    ]


def _contract(spec: SymbolSpec, grid: Grid) -> Json:
    """A symbol of exchangeInfo."""
    return {
        "symbol": spec.symbol, "pair": spec.symbol, "contractType": "PERPETUAL", "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000, "status": spec.status, "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000", "baseAsset": spec.base, "quoteAsset": spec.quote,
        "marginAsset": spec.quote, "pricePrecision": grid.price.places, "quantityPrecision": grid.quantity.places,
        "baseAssetPrecision": 8, "quotePrecision": 8, "underlyingType": "COIN", "underlyingSubType": [],
        "settlePlan": 0, "triggerProtect": "0.0500", "liquidationFee": "0.012500", "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000, "filters": _filters(spec), "orderTypes": ORDER_TYPES,
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }  # fmt: skip


def _filters(spec: SymbolSpec) -> list[dict[str, Any]]:
    step, least = plain(spec.step_size), plain(spec.min_quantity)
    lots = {"stepSize": step, "minQty": least, "maxQty": plain(spec.max_market_quantity)}
    tick = plain(spec.tick_size)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": plain(spec.tick_size * 10**9), "tickSize": tick},
        {"filterType": "LOT_SIZE", **lots},
        {"filterType": "MARKET_LOT_SIZE", **lots},
        {"filterType": "MAX_NUM_ORDERS", "limit": MAX_ORDERS},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": MAX_ALGOS},
        {"filterType": "MIN_NOTIONAL", "notional": plain(spec.min_notional_usdt)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": f"{MULTIPLIER_UP:.4f}",
            "multiplierDown": f"{MULTIPLIER_DOWN:.4f}",
            "multiplierDecimal": "4",
        },
    ]


def _not_yet(symbol: str) -> RequestRefused:
    return RequestRefused(-1000, f"No market data of {symbol} yet.")
