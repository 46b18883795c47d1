"""Market events to stream frames, in the field names of Binance's combined streams."""

from __future__ import annotations

from vortex.domain.market import INTERVAL_MS
from vortex.sim.core.market import BookEvent, CandleEvent, MarkEvent, TickLevels, TradeEvent
from vortex.sim.server.render import Json
from vortex.sim.server.text import Grid, plain

DEPTH = 20


def depth_frame(book: BookEvent, grid: Grid, ids: tuple[int, int], shift_ms: int) -> Json:
    """A partial book of 20 levels; `ids` are the update ids of the previous and of this frame."""
    previous_id, update_id = ids
    return {
        "e": "depthUpdate",
        "E": book.ts_ms + shift_ms,
        "T": book.ts_ms + shift_ms,
        "s": book.symbol,
        "U": previous_id + 1,
        "u": update_id,
        "pu": previous_id,
        "b": grid.levels(book.bids, DEPTH),
        "a": grid.levels(book.asks, DEPTH),
    }


def difference_frame(old: BookEvent, new: BookEvent, grid: Grid, ids: tuple[int, int], shift_ms: int) -> Json:
    """What changed from one book to the next: levels with their new quantity, 0 where there is none any more."""
    bids, asks = _changes(old.bids, new.bids), _changes(old.asks, new.asks)
    frame = depth_frame(new, grid, ids, shift_ms)
    return frame | {"b": grid.levels(bids, len(bids)), "a": grid.levels(asks, len(asks))}


def _changes(old: TickLevels, new: TickLevels) -> TickLevels:
    before, after = dict(old), dict(new)
    gone = {price: 0 for price in before if price not in after}
    changed = {price: quantity for price, quantity in after.items() if before.get(price) != quantity}
    return tuple(sorted((gone | changed).items()))


def ticker_frame(book: BookEvent, grid: Grid, update_id: int, shift_ms: int) -> Json:
    """The best bid and ask."""
    [(bid, bid_quantity)], [(ask, ask_quantity)] = grid.levels(book.bids, 1), grid.levels(book.asks, 1)
    shown_ms = book.ts_ms + shift_ms
    return {
        "e": "bookTicker", "u": update_id, "s": book.symbol, "b": bid, "B": bid_quantity, "a": ask,
        "A": ask_quantity, "T": shown_ms, "E": shown_ms,
    }  # fmt: skip


def single_trade_frame(trade: TradeEvent, grid: Grid, shift_ms: int) -> Json:
    """An aggregate trade as if it were a single one: single ones are not known here."""
    shown_ms = trade.ts_ms + shift_ms
    return {
        "e": "trade", "E": shown_ms, "T": shown_ms, "s": trade.symbol, "t": trade.trade_id,
        "p": grid.price.text(trade.price_ticks), "q": grid.quantity.text(trade.quantity_lots), "X": "MARKET",
        "m": trade.buyer_is_maker,
    }  # fmt: skip


def trade_frame(trade: TradeEvent, grid: Grid, shift_ms: int) -> Json:
    """An aggregate trade."""
    return {"e": "aggTrade", "E": trade.ts_ms + shift_ms, "s": trade.symbol, **trade_row(trade, grid, shift_ms)}


def trade_row(trade: TradeEvent, grid: Grid, shift_ms: int) -> Json:
    """An aggregate trade without its envelope, as GET aggTrades lists it."""
    return {
        "a": trade.trade_id,
        "p": grid.price.text(trade.price_ticks),
        "q": grid.quantity.text(trade.quantity_lots),
        "f": trade.trade_id,
        "l": trade.trade_id,
        "T": trade.ts_ms + shift_ms,
        "m": trade.buyer_is_maker,
    }


def candle_frame(candle: CandleEvent, shift_ms: int) -> Json:
    """A kline; first and last trade id are not known (-1). Candles keep the market's minutes, whatever the shift."""
    bar = {
        "t": candle.open_ms,
        "T": candle.open_ms + INTERVAL_MS[candle.interval] - 1,
        "s": candle.symbol,
        "i": candle.interval,
        "f": -1,
        "L": -1,
        "o": plain(candle.open),
        "c": plain(candle.close),
        "h": plain(candle.high),
        "l": plain(candle.low),
        "v": plain(candle.volume),
        "n": candle.trades,
        "x": candle.closed,
        "q": plain(candle.quote_volume),
        "V": plain(candle.taker_buy_volume),
        "Q": plain(candle.taker_buy_quote_volume),
        "B": "0",
    }
    return {"e": "kline", "E": candle.ts_ms + shift_ms, "s": candle.symbol, "k": bar}


def candle_row(candle: CandleEvent) -> list[int | str]:
    """The twelve columns of GET klines."""
    return [
        candle.open_ms, plain(candle.open), plain(candle.high), plain(candle.low), plain(candle.close),
        plain(candle.volume), candle.open_ms + INTERVAL_MS[candle.interval] - 1, plain(candle.quote_volume),
        candle.trades, plain(candle.taker_buy_volume), plain(candle.taker_buy_quote_volume), "0",
    ]  # fmt: skip


def mark_frame(mark: MarkEvent, shift_ms: int) -> Json:
    """Mark and index price with the funding rate that settles next."""
    return {
        "e": "markPriceUpdate",
        "E": mark.ts_ms + shift_ms,
        "s": mark.symbol,
        "p": plain(mark.mark_price),
        "i": plain(mark.index_price),
        "P": plain(mark.index_price),
        "r": plain(mark.funding_rate),
        "T": mark.next_funding_ms,
    }
