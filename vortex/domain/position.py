"""When an open trade must be closed by us. The stop on the exchange is the first line, this the second."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite
from typing import Annotated, Literal

from msgspec import Struct

from vortex.domain.market import Book, MarkPrice
from vortex.domain.money import exact
from vortex.domain.order import Side
from vortex.domain.ranges import switch, within
from vortex.domain.trade import CloseReason, OpenTrade


class MonitorParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[monitor]` section."""

    emergency_atr: Annotated[float, within(0, 100, "mark this near liquidation closes, ATR14(15m)s")] = 0.3
    book_stale_ms: Annotated[int, within(100, 60_000, "age of a book from which the mark price counts, ms")] = 3_000
    blind_ms: Annotated[int, within(100, 600_000, "age of both from which nothing is known, ms")] = 10_000
    on_exit: Annotated[
        Literal["keep", "flatten"], switch("at a stop positions stay, guarded by their stops; or are closed")
    ] = "keep"

    def __post_init__(self) -> None:
        if self.book_stale_ms > self.blind_ms:
            raise ValueError(f"book_stale_ms {self.book_stale_ms} must not exceed blind_ms {self.blind_ms}")


def check_exit(
    trade: OpenTrade, *, book: Book | None, mark: MarkPrice | None, now_ms: int, params: MonitorParams
) -> CloseReason | None:
    """Return why the trade must be closed now, None to keep it.

    In order: EMERGENCY (mark near the liquidation price), SL_HIT, TP_HIT at the executable price, TIME_EXIT. Where both
    stop and take-profit would be hit the stop counts; a take-profit of 0 is none. Without a usable price only time can
    close.
    """
    plan, sign = trade.plan, trade.plan.side.sign
    if _near_liquidation(trade, mark, now_ms, params):
        return CloseReason.EMERGENCY
    price = exit_price(plan.side, book, mark, now_ms, params)
    if price is not None and sign * price <= sign * plan.sl_price:
        return CloseReason.SL_HIT
    if price is not None and plan.tp_price > 0 and sign * price >= sign * plan.tp_price:
        return CloseReason.TP_HIT
    if now_ms - trade.opened_ms >= plan.max_hold_s * 1_000:
        return CloseReason.TIME_EXIT
    return None


def exit_price(
    side: Side, book: Book | None, mark: MarkPrice | None, now_ms: int, params: MonitorParams
) -> Decimal | None:
    """Return the price at which the position could be left: best bid for LONG, best ask for SHORT.

    A book that has not been renewed for `book_stale_ms` gives way to the mark price, and that to None after `blind_ms`.
    Ages count from arrival, so that a step of the system's clock does not blind the monitor.
    """
    if book is not None and now_ms - book.recv_ms <= params.book_stale_ms:
        levels = book.bids if side is Side.LONG else book.asks
        if levels and _usable(levels[0][0]):
            return exact(levels[0][0])
    return _mark_price(mark, now_ms, params)


def is_blind(book: Book | None, mark: MarkPrice | None, now_ms: int, params: MonitorParams) -> bool:
    """Tell whether neither book nor mark price arrived for `blind_ms`: only the exchange's own orders protect."""
    arrivals = [value.recv_ms for value in (book, mark) if value is not None]
    return not arrivals or now_ms - max(arrivals) > params.blind_ms


def _near_liquidation(trade: OpenTrade, mark: MarkPrice | None, now_ms: int, params: MonitorParams) -> bool:
    price = _mark_price(mark, now_ms, params)
    if price is None or trade.liquidation_price is None:
        return False
    room = trade.plan.side.sign * (price - trade.liquidation_price)
    return room <= exact(params.emergency_atr) * trade.plan.atr15


def _mark_price(mark: MarkPrice | None, now_ms: int, params: MonitorParams) -> Decimal | None:
    if mark is None or now_ms - mark.recv_ms > params.blind_ms or not _usable(mark.mark_price):
        return None
    return exact(mark.mark_price)


def _usable(price: float) -> bool:
    return isfinite(price) and price > 0
