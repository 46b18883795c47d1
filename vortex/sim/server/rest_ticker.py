"""Trades, tickers and what is derived from candles: market endpoints beside those that the engine itself asks."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import groupby

from vortex.sim.core.market import BookEvent, TradeEvent
from vortex.sim.core.types import RequestRefused
from vortex.sim.market.sentiment import FUNDING_MS
from vortex.sim.server.params import Params
from vortex.sim.server.render import Json
from vortex.sim.server.rest_market import MAX_ROWS, MINUTE_MS, klines, period_of
from vortex.sim.server.text import plain, rounded
from vortex.sim.server.venue import Venue

QUARTER_MS = 15 * MINUTE_MS
QUARTERS_OF_A_DAY = 96
MAX_TRADES = 1_000
PERCENT = Decimal("0.001")
RATIO = Decimal("0.0001")


async def trades(venue: Venue, params: Params) -> list[Json]:
    """GET trades: the newest; aggregate trades, for single ones are not known here."""
    symbol = venue.symbol(params)
    rows = list(venue.view.trades[symbol])[-params.limit(default=500, most=MAX_TRADES) :]
    return [_trade(venue, trade) for trade in rows]


async def old_trades(venue: Venue, params: Params) -> list[Json]:
    """GET historicalTrades: from an id on, or the newest; what happened before the last 1,000 is not kept."""
    from_id = params.optional_integer("fromId")
    if from_id is None:
        return await trades(venue, params)
    rows = [trade for trade in venue.view.trades[venue.symbol(params)] if trade.trade_id >= from_id]
    return [_trade(venue, trade) for trade in rows[: params.limit(default=500, most=MAX_TRADES)]]


async def price_ticker(venue: Venue, params: Params) -> Json | list[Json]:
    """GET ticker/price: of the last trade, before the first one the middle of the book."""
    return _one_or_all(venue, params, _price)


async def book_ticker(venue: Venue, params: Params) -> Json | list[Json]:
    """GET ticker/bookTicker: the best bid and ask."""
    return _one_or_all(venue, params, _best)


async def day_ticker(venue: Venue, params: Params) -> Json | list[Json]:
    """GET ticker/24hr: the last 96 quarters of an hour."""
    if params.optional("symbol") is None:
        return [await _day(venue, symbol) for symbol in venue.specs]
    return await _day(venue, venue.symbol(params))


async def funding_history(venue: Venue, params: Params) -> list[Json]:
    """GET fundingRate: past settlements at the present rate, for what settled before is not kept by the market."""
    symbol, limit = venue.symbol(params), params.limit(default=100, most=1_000)
    mark = venue.view.marks.get(symbol)
    if mark is None:
        raise _not_yet(symbol)
    start_ms, end_ms = params.optional_integer("startTime"), params.optional_integer("endTime")
    last_ms = mark.next_funding_ms - FUNDING_MS
    times = [last_ms - back * FUNDING_MS for back in range(limit - 1, -1, -1)]
    terms = {"symbol": symbol, "fundingRate": plain(mark.funding_rate), "markPrice": plain(mark.mark_price)}
    return [
        terms | {"fundingTime": ts_ms}
        for ts_ms in times
        if (start_ms is None or ts_ms >= start_ms) and (end_ms is None or ts_ms <= end_ms)
    ]


async def taker_ratio(venue: Venue, params: Params) -> list[Json]:
    """GET takerlongshortRatio: what takers bought and sold, of the candles, by whole and forming periods."""
    symbol, period_ms, limit = venue.symbol(params), period_of(params), params.limit(default=30, most=500)
    interval, bar_ms = ("1m", MINUTE_MS) if period_ms < QUARTER_MS else ("15m", QUARTER_MS)
    rows = await _bars(venue, symbol, interval, min(limit * period_ms // bar_ms, MAX_ROWS))
    periods = groupby(rows, lambda row: int(row[0]) // period_ms * period_ms)
    return [_taker(start_ms + venue.clock.offset_ms, list(bars)) for start_ms, bars in periods][-limit:]


def _taker(shown_ms: int, rows: list[list[int | str]]) -> Json:
    bought = _sum(rows, 9)
    sold = _sum(rows, 5) - bought
    ratio = (bought / sold).quantize(RATIO) if sold else Decimal(0)
    return {"buySellRatio": plain(ratio), "buyVol": plain(bought), "sellVol": plain(sold), "timestamp": shown_ms}


def _one_or_all(venue: Venue, params: Params, row: Callable[[Venue, BookEvent], Json]) -> Json | list[Json]:
    if params.optional("symbol") is None:
        return [row(venue, book) for book in venue.view.books.values()]
    symbol = venue.symbol(params)
    book = venue.view.books.get(symbol)
    if book is None:
        raise _not_yet(symbol)
    return row(venue, book)


def _trade(venue: Venue, trade: TradeEvent) -> Json:
    grid = venue.grids[trade.symbol]
    price, quantity = grid.price.text(trade.price_ticks), grid.quantity.text(trade.quantity_lots)
    return {
        "id": trade.trade_id, "price": price, "qty": quantity, "quoteQty": plain(Decimal(price) * Decimal(quantity)),
        "time": venue.clock.shown_ms(trade.ts_ms), "isBuyerMaker": trade.buyer_is_maker,
    }  # fmt: skip


def _price(venue: Venue, book: BookEvent) -> Json:
    grid, done = venue.grids[book.symbol], venue.view.trades[book.symbol]
    middle = (book.bids[0][0] + book.asks[0][0]) // 2 if book.bids and book.asks else 0
    ticks, ts_ms = (done[-1].price_ticks, done[-1].ts_ms) if done else (middle, book.ts_ms)
    return {"symbol": book.symbol, "price": grid.price.text(ticks), "time": venue.clock.shown_ms(ts_ms)}


def _best(venue: Venue, book: BookEvent) -> Json:
    grid = venue.grids[book.symbol]
    bid, bid_quantity = (grid.levels(book.bids, 1) or [("0", "0")])[0]
    ask, ask_quantity = (grid.levels(book.asks, 1) or [("0", "0")])[0]
    return {
        "symbol": book.symbol, "bidPrice": bid, "bidQty": bid_quantity, "askPrice": ask, "askQty": ask_quantity,
        "time": venue.clock.shown_ms(book.ts_ms), "lastUpdateId": venue.view.book_ids(book.symbol)[1],
    }  # fmt: skip


async def _day(venue: Venue, symbol: str) -> Json:
    since_ms = venue.clock.server_ms() - QUARTERS_OF_A_DAY * QUARTER_MS
    rows, done = await _bars(venue, symbol, "15m", QUARTERS_OF_A_DAY), venue.view.trades[symbol]
    rows = [row for row in rows if int(row[0]) >= since_ms]  # while none is forming yet, the first one is older
    if not rows:
        raise _not_yet(symbol)
    opened, last = Decimal(rows[0][1]), Decimal(rows[-1][4])
    volume, quote = _sum(rows, 5), _sum(rows, 7)
    grid = venue.grids[symbol]
    return {
        "symbol": symbol,
        "priceChange": plain(last - opened),
        "priceChangePercent": plain(((last - opened) * 100 / opened).quantize(PERCENT)),
        "weightedAvgPrice": rounded(quote / volume) if volume else plain(last),
        "lastPrice": plain(last),
        "lastQty": grid.quantity.text(done[-1].quantity_lots if done else 0),
        "openPrice": plain(opened),
        "highPrice": plain(max(Decimal(row[2]) for row in rows)),
        "lowPrice": plain(min(Decimal(row[3]) for row in rows)),
        "volume": plain(volume),
        "quoteVolume": plain(quote),
        "openTime": rows[0][0],
        "closeTime": venue.clock.server_ms(),
        "firstId": done[0].trade_id if done else 0,
        "lastId": done[-1].trade_id if done else 0,
        "count": sum(int(row[8]) for row in rows),
    }


async def _bars(venue: Venue, symbol: str, interval: str, limit: int) -> list[list[int | str]]:
    return await klines(venue, Params({"symbol": symbol, "interval": interval, "limit": str(limit)}))


def _sum(rows: list[list[int | str]], column: int) -> Decimal:
    return sum((Decimal(row[column]) for row in rows), Decimal(0))


def _not_yet(symbol: str) -> RequestRefused:
    return RequestRefused(-1000, f"No market data of {symbol} yet.")
