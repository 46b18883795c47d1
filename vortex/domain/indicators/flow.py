"""Order-book measures, and the reducer that runs where every book is seen."""

from __future__ import annotations

from math import inf

from vortex.domain.market import FlowStep, Levels

BOOK_EMPTY = "BOOK_EMPTY"
BOOK_CROSSED = "BOOK_CROSSED"
BOOK_INVALID = "BOOK_INVALID"

BPS = 1e4


def book_fault(bids: Levels, asks: Levels) -> str | None:
    """Say why a book cannot be used: BOOK_EMPTY, BOOK_CROSSED (or locked), BOOK_INVALID, or None when it can.

    Invalid is a price or quantity that is not a positive finite number, or levels out of order.
    """
    if not bids or not asks:
        return BOOK_EMPTY
    if bids[0][0] >= asks[0][0]:
        return BOOK_CROSSED
    last = inf
    for price, quantity in bids:
        if not (0.0 < price < last and 0.0 < quantity < inf):
            return BOOK_INVALID
        last = price
    last = 0.0
    for price, quantity in asks:
        if not (last < price < inf and 0.0 < quantity < inf):
            return BOOK_INVALID
        last = price
    return None


def imbalance(bids: Levels, asks: Levels, depth: int, decay: float) -> float | None:
    """I_N = (B - A) / (B + A) in [-1, 1] over the best `depth` levels, level k weighted by decay^(k-1).

    Fewer levels than `depth`: what exists. No quantity at all: None.
    """
    if decay == 1.0:  # the default, and a third of the work
        bid = sum([quantity for _, quantity in bids[:depth]])
        ask = sum([quantity for _, quantity in asks[:depth]])
    else:
        bid = _decayed(bids[:depth], decay)
        ask = _decayed(asks[:depth], decay)
    return (bid - ask) / (bid + ask) if bid + ask > 0.0 else None


def _decayed(levels: Levels, decay: float) -> float:
    total, weight = 0.0, 1.0
    for _, quantity in levels:
        total += weight * quantity
        weight *= decay
    return total


def micro_price(bids: Levels, asks: Levels) -> float:
    """Return the quantity-weighted mid (Gatheral and Oomen 2010), strictly inside a valid book's best prices."""
    (bid, bid_quantity), (ask, ask_quantity) = bids[0], asks[0]
    return (bid * ask_quantity + ask * bid_quantity) / (bid_quantity + ask_quantity)


def micro_deviation(bids: Levels, asks: Levels) -> float:
    """Return m = (micro - mid) / half spread in [-1, 1]; equal to I_1, by which it is computed without cancellation."""
    bid_quantity, ask_quantity = bids[0][1], asks[0][1]
    return (bid_quantity - ask_quantity) / (bid_quantity + ask_quantity)


def spread_bps(bids: Levels, asks: Levels) -> float | None:
    """Return (ask - bid) / mid in basis points; None unless both best prices are positive, finite and uncrossed."""
    if not bids or not asks:
        return None
    bid, ask = bids[0][0], asks[0][0]
    if not 0.0 < bid < ask < inf:
        return None
    return (ask - bid) / (ask + bid) * 2.0 * BPS


def ofi_event(
    old_bid: tuple[float, float], old_ask: tuple[float, float], bid: tuple[float, float], ask: tuple[float, float]
) -> float:
    """e_n of Cont, Kukanov and Stoikov (2014) at one level between two books, in base units; buying is positive."""
    event = 0.0
    if bid[0] >= old_bid[0]:
        event += bid[1]
    if bid[0] <= old_bid[0]:
        event -= old_bid[1]
    if ask[0] <= old_ask[0]:
        event -= ask[1]
    if ask[0] >= old_ask[0]:
        event += old_ask[1]
    return event


class BookFlow:
    """Reduces the books of one symbol to FlowSteps; one step per book, wherever books may be dropped later.

    Args:
        depth: Levels a side in the imbalance I_N.
        decay: Weight ratio between neighbouring levels of I_N.
        levels: Levels whose order-flow events are computed (Xu, Gould and Howison 2019).
    """

    def __init__(self, depth: int = 10, decay: float = 1.0, levels: int = 5) -> None:
        self._depth = depth
        self._decay = decay
        self._levels = levels
        self._zeros = (0.0,) * levels
        self._previous: tuple[Levels, Levels] | None = None

    def reset(self) -> None:
        """Forget the previous book: the next step is a resync, so that no event spans the gap."""
        self._previous = None

    def step(self, ts_ms: int, bids: Levels, asks: Levels) -> FlowStep:
        """Compare this book with the previous one.

        A faulty book, and the first one after it, gives a resync step: nothing spans a book that cannot be trusted.
        """
        if book_fault(bids, asks) is not None:
            self._previous = None
            return self._resync(ts_ms, None)
        previous, self._previous = self._previous, (bids, asks)
        share = imbalance(bids, asks, self._depth, self._decay)
        if previous is None:
            return self._resync(ts_ms, share)
        ofi = self._events(previous, bids, asks)
        return FlowStep(ts_ms=ts_ms, imbalance=share, ofi=ofi, ofi_abs=tuple([abs(event) for event in ofi]))

    def _resync(self, ts_ms: int, share: float | None) -> FlowStep:
        return FlowStep(ts_ms=ts_ms, imbalance=share, ofi=self._zeros, ofi_abs=self._zeros, resync=True)

    def _events(self, previous: tuple[Levels, Levels], bids: Levels, asks: Levels) -> tuple[float, ...]:
        pairs = zip(previous[0][: self._levels], previous[1], bids, asks, strict=False)
        events = tuple([ofi_event(*pair) for pair in pairs])
        return events + self._zeros[len(events) :]  # a level missing in either book contributes nothing
