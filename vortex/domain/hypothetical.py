"""What a rejected signal would have made: its bracket followed on the books that came after it."""

from __future__ import annotations

from decimal import Decimal
from math import inf

from msgspec import Struct

from vortex.domain.market import Book
from vortex.domain.money import BPS, exact
from vortex.domain.order import ZERO, Side
from vortex.domain.risk.request import BracketFigures
from vortex.domain.trade import Strategy

MOST_OPEN = 8
"""Followed at once for one symbol; a signal beyond is not."""


class WouldHave(Struct, frozen=True, kw_only=True):
    """Rejected signals of one strategy and reason that ran to their end; net of the costs that were expected."""

    strategy: Strategy
    reason: str
    count: int = 0
    wins: int = 0
    net_bp: Decimal = ZERO
    """Sum over all of them of the net result, basis points of notional."""
    net_r: Decimal = ZERO
    """The same in multiples of what the stop would have cost."""


class _Open(Struct, frozen=True):
    key: tuple[Strategy, str]
    figures: BracketFigures
    until_ms: int


class Hypotheticals:
    """Follows the rejected brackets of one symbol.

    A bracket ends at its stop, its take-profit or its time, at the price that could have been had (best bid for a
    long). It is a guess: nothing was taken from the book, and the exchange was not asked.
    """

    def __init__(self) -> None:
        self._open: list[_Open] = []
        self._ended: dict[tuple[Strategy, str], WouldHave] = {}

    def follow(self, strategy: Strategy, reason: str, figures: BracketFigures, now_ms: int) -> None:
        """Begin to follow a bracket that was refused now."""
        if len(self._open) < MOST_OPEN:
            self._open.append(_Open((strategy, reason), figures, now_ms + figures.max_hold_s * 1_000))

    def see_book(self, book: Book) -> None:
        """Take a book; one with an empty side, or without a finite best price, tells nothing."""
        if self._open and book.bids and book.asks and 0.0 < book.best_bid < inf and 0.0 < book.best_ask < inf:
            self._open = [each for each in self._open if not self._ends(each, book)]

    def ended(self) -> tuple[WouldHave, ...]:
        """What ran to its end, by strategy and reason."""
        return tuple(self._ended.values())

    def _ends(self, each: _Open, book: Book) -> bool:
        figures = each.figures
        sign = figures.side.sign
        price = exact(book.best_bid if figures.side is Side.LONG else book.best_ask)
        if sign * (figures.sl_price - price) >= 0:
            self._count(each, price, figures.cost_sl)
        elif sign * (price - figures.tp_price) >= 0:
            self._count(each, figures.tp_price, figures.cost_tp)
        elif book.ts_ms >= each.until_ms:
            self._count(each, price, figures.cost_sl)
        else:
            return False
        return True

    def _count(self, each: _Open, price: Decimal, cost: Decimal) -> None:
        figures = each.figures
        net = figures.side.sign * (price - figures.entry) - cost
        risk = figures.side.sign * (figures.entry - figures.sl_price) + figures.cost_sl
        known = self._ended.get(each.key) or WouldHave(strategy=each.key[0], reason=each.key[1])
        self._ended[each.key] = WouldHave(
            strategy=known.strategy,
            reason=known.reason,
            count=known.count + 1,
            wins=known.wins + (net > 0),
            net_bp=known.net_bp + BPS * net / figures.entry,
            net_r=known.net_r + (net / risk if risk > 0 else ZERO),
        )


def merged(parts: tuple[tuple[WouldHave, ...], ...]) -> tuple[WouldHave, ...]:
    """Add up what several symbols would have made."""
    total: dict[tuple[Strategy, str], WouldHave] = {}
    for each in [one for part in parts for one in part]:
        known = total.get((each.strategy, each.reason)) or WouldHave(strategy=each.strategy, reason=each.reason)
        total[each.strategy, each.reason] = WouldHave(
            strategy=each.strategy, reason=each.reason, count=known.count + each.count, wins=known.wins + each.wins,
            net_bp=known.net_bp + each.net_bp, net_r=known.net_r + each.net_r,
        )  # fmt: skip
    return tuple(total.values())
