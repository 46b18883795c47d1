"""One symbol's market as the commands bend it: moved, shocked, frozen, crossed, emptied, echoed.

Every market event passes here on its way to the exchange and its readers, so that all see the same. Prices are shifted
by whole ticks, which keeps them exact and books in order; nothing falls below one tick. Until the first command events
pass as they are. A restart of the exchange forgets what is bent.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal

from msgspec import Struct, structs

from vortex.domain.money import BPS
from vortex.sim.core.candle_bend import CandleBend
from vortex.sim.core.commands import Burst, Cross, Empty, Freeze, MovePrice, Shock
from vortex.sim.core.echoes import Echoed, Echoes
from vortex.sim.core.market import BookEvent, CandleEvent, MarketEvent, MarkEvent, SymbolSpec, TickLevels, TradeEvent

BendingCommand = MovePrice | Shock | Freeze | Cross | Empty | Burst


class _Ramp(Struct, frozen=True, kw_only=True):
    """A shift in ticks that grows evenly from `base` by `delta` over a time, and stays."""

    base: int = 0
    delta: int = 0
    since_ms: int = 0
    over_ms: int = 0

    def at(self, ts_ms: int) -> int:
        if ts_ms >= self.since_ms + self.over_ms:
            return self.base + self.delta
        return self.base + self.delta * max(0, ts_ms - self.since_ms) // self.over_ms


class Bend:
    """The newest events of one symbol, and how they are shown."""

    def __init__(self, spec: SymbolSpec) -> None:
        self._spec = spec
        self._active = False
        self._ramp = _Ramp()
        self._frozen_ms = self._crossed_ms = self._empty_ms = 0
        self._rate: tuple[Decimal, int] | None = None
        self._hidden = False
        self._book: BookEvent | None = None
        self._trade: TradeEvent | None = None
        self._mark: MarkEvent | None = None
        self._forming: dict[str, CandleEvent] = {}
        self._candles = CandleBend()
        self._echoes = Echoes()

    def pass_on(self, event: MarketEvent) -> tuple[MarketEvent, ...]:
        """What is seen when the source says this: it, it bent, nothing, or what was hidden before and it."""
        event = self._echoes.numbered(event)
        self._keep(event)
        if not self._active:
            return (event,)
        shown = self._shown(event)
        if event.ts_ms < self._frozen_ms:
            self._hidden = True
            return ()
        return (*self._uncovered(event), shown) if self._hidden else (shown,)

    def echo_times(self, event: MarketEvent) -> Iterator[tuple[int, int]]:
        """Number and time of each `echo` of what the source says here; none unless a burst is on."""
        if isinstance(event, Echoed):
            yield from self._echoes.times(event)

    def echo(self, now_ms: int, number: int, event: MarketEvent) -> tuple[MarketEvent, ...]:
        """What is seen when something like this event happens once more; nothing while frozen."""
        if now_ms < self._frozen_ms or not self._echoes.active(now_ms):
            return ()
        if isinstance(event, TradeEvent) and self._trade is not None:
            self._trade = self._echoes.trade(now_ms, event, self._trade)
            return (self._shown(self._trade),)
        return () if self._book is None else (self._shown(self._echoes.book(now_ms, number, self._book)),)

    def obey(self, now_ms: int, command: BendingCommand) -> tuple[int, tuple[MarketEvent, ...]]:
        """Bend from now on.

        Returns:
            When `wake` must be called, 0 for never, and what is seen at once.

        Raises:
            ValueError: There is no book yet, or the price would not be positive or on a tick.
        """
        if self._book is None or not (self._book.bids and self._book.asks):
            raise ValueError(f"{command.symbol} has no book yet")
        if isinstance(command, Burst):
            self._echoes.begin(now_ms, command)
            return 0, ()
        until_ms = 0
        match command:
            case MovePrice():
                self._ramp = _Ramp(base=self._move(command.to))
            case Shock():
                self._ramp = self._shock(now_ms, command)
            case Freeze():
                until_ms = self._frozen_ms = now_ms + command.for_ms
            case Cross():
                until_ms = self._crossed_ms = now_ms + command.for_ms
            case Empty():
                until_ms = self._empty_ms = now_ms + command.for_ms
        self._activate()
        return until_ms, self.wake(now_ms)

    def show_rate(self, now_ms: int, rate: Decimal) -> tuple[MarketEvent, ...]:
        """Show this funding rate until the next regular settlement, and at once."""
        self._activate()
        self._rate = None if self._mark is None else (rate, self._mark.next_funding_ms)
        return self.wake(now_ms)

    def wake(self, now_ms: int) -> tuple[MarketEvent, ...]:
        """The newest of everything as it is shown now; nothing while frozen."""
        if now_ms < self._frozen_ms:
            return ()
        return tuple(self._newest(now_ms, everything=self._hidden))

    def straighten(self) -> None:
        """Undo every command: from now on the market is what its source says."""
        self._active = self._hidden = False
        self._echoes.end()
        self._ramp, self._rate = _Ramp(), None
        self._frozen_ms = self._crossed_ms = self._empty_ms = 0
        self._candles = CandleBend()

    def over(self, candles: list[CandleEvent], interval: str) -> list[CandleEvent]:
        """Closed candles of the source as they were shown."""
        return self._candles.over(candles, interval) if self._active else candles

    # ------------------------------------------------------------------------------------------------------- commands

    def _activate(self) -> None:
        if not self._active:
            self._active = True
            self._candles.begin(self._forming.values())

    def _move(self, to: Decimal) -> int:
        tick = self._spec.tick_size
        if not to.is_finite() or to <= 0 or to % tick:
            raise ValueError(f"price {to}: a positive multiple of the tick size {tick} is needed")
        return int(to / tick) - self._middle()

    def _shock(self, now_ms: int, command: Shock) -> _Ramp:
        base = self._ramp.at(now_ms)
        middle = self._middle() + base
        delta = int((middle * command.bps / BPS).to_integral_value(ROUND_HALF_EVEN)) if command.bps.is_finite() else 0
        if not command.bps.is_finite() or middle + delta <= 1:
            raise ValueError(f"bps {command.bps}: the price must stay positive")
        return _Ramp(base=base, delta=delta, since_ms=now_ms, over_ms=command.over_ms)

    def _middle(self) -> int:
        """The source's own middle price in ticks, rounded down."""
        if self._book is None:
            raise ValueError(f"{self._spec.symbol} has no book yet")
        return (self._book.bids[0][0] + self._book.asks[0][0]) // 2

    # --------------------------------------------------------------------------------------------------------- events

    def _keep(self, event: MarketEvent) -> None:
        match event:
            case BookEvent():
                self._book = event
            case TradeEvent():
                self._trade = event
            case MarkEvent():
                self._mark = event
            case CandleEvent():
                self._forming[event.interval] = event

    def _newest(self, now_ms: int, *, everything: bool) -> Iterator[MarketEvent]:
        """Book and mark price now; after a freeze also the last trade and the candles."""
        self._hidden = False
        if self._book is not None:
            yield self._shown(structs.replace(self._book, ts_ms=now_ms))
        if everything and self._trade is not None:
            yield self._shown(structs.replace(self._trade, ts_ms=now_ms))
        if self._mark is not None:
            yield self._shown(structs.replace(self._mark, ts_ms=now_ms))
        if everything:
            for candle in tuple(self._forming.values()):
                yield self._shown(structs.replace(candle, ts_ms=now_ms))

    def _uncovered(self, event: MarketEvent) -> Iterator[MarketEvent]:
        """What was hidden and is not told anew by this event itself."""
        same = (type(event), getattr(event, "interval", None))
        for newest in tuple(self._newest(event.ts_ms, everything=True)):
            if (type(newest), getattr(newest, "interval", None)) != same:
                yield newest

    def _shown(self, event: MarketEvent) -> MarketEvent:
        shift = self._ramp.at(event.ts_ms)
        match event:
            case BookEvent():
                return self._shown_book(event, shift)
            case TradeEvent():
                return structs.replace(event, price_ticks=max(1, event.price_ticks + shift))
            case MarkEvent():
                return self._shown_mark(event, shift * self._spec.tick_size)
            case CandleEvent():
                return self._candles.show(event, shift * self._spec.tick_size)

    def _shown_book(self, book: BookEvent, shift: int) -> BookEvent:
        if book.ts_ms < self._empty_ms:
            return structs.replace(book, bids=(), asks=())
        bids, asks = _shifted(book.bids, shift), _shifted(book.asks, shift)
        if book.ts_ms < self._crossed_ms and bids and asks:
            bids = _shifted(bids, asks[0][0] - bids[0][0] + 1)
        return structs.replace(book, bids=bids, asks=asks)

    def _shown_mark(self, mark: MarkEvent, shift: Decimal) -> MarkEvent:
        if self._rate is not None and mark.next_funding_ms != self._rate[1]:
            self._rate = None
        least = self._spec.tick_size
        return structs.replace(
            mark,
            mark_price=max(least, mark.mark_price + shift),
            index_price=max(least, mark.index_price + shift),
            funding_rate=mark.funding_rate if self._rate is None else self._rate[0],
        )


def _shifted(levels: TickLevels, shift: int) -> TickLevels:
    """Levels moved by so many ticks, without those that would not be positive."""
    if not shift:
        return levels
    return tuple((ticks + shift, lots) for ticks, lots in levels if ticks + shift > 0)
