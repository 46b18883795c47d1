"""What the mirror should hold, and what of it is not written yet. It belongs to the writer's thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping

from msgspec import Struct

from vortex.adapters.redis.documents import Candles, ttl_s
from vortex.domain.market import Candle, CandleHistory, Interval, Sentiment, Trade

RING, BARS = 2_000, 96
CANDLES_EVERY_MS = 1_000
"""A forming candle changes several times a second, and with it all of its document."""
RINGS_AT_ONCE = 4
"""Whole lists of trades written in one go: the rest has to wait, lest the go takes too long for its timeout."""
DOCUMENTS_AT_ONCE = 400


class Write(Struct, frozen=True):
    """One document to write: its value, when it came, and the seconds for which it counts (None: until deleted)."""

    key: str
    value: object
    stamp_ms: int
    ttl_s: int | None


class Ring:
    """The last trades of a symbol, oldest first; of them the last `unsent` are new, or all are to be `whole` again."""

    def __init__(self) -> None:
        self.trades: deque[Trade] = deque(maxlen=RING)
        self.unsent = 0
        self.whole = True

    @property
    def waits(self) -> bool:
        """There is something to write."""
        return bool(self.trades) and (self.whole or self.unsent > 0)

    def take(self, trades: tuple[Trade, ...]) -> None:
        """Take in new ones."""
        self.trades.extend(trades)
        self.unsent = min(RING, self.unsent + len(trades))

    def prepend(self, older: tuple[Trade, ...]) -> None:
        """Put older trades before those of this process, as far as there is room and they are older."""
        first = self.trades[0] if self.trades else None
        fitting = [each for each in older if first is None or (each.ts_ms, each.id) < (first.ts_ms, first.id)]
        self.trades.extendleft(reversed(fitting[max(0, len(fitting) - (RING - len(self.trades))) :]))


class Image:
    """Newest values by key, lists of trades by symbol.

    Attributes:
        rings: The trades of each symbol.
        gone: Keys that must not be there, and for which that is not certain yet.
        arrived: Values that came since the writer last set it to 0.
    """

    def __init__(self) -> None:
        self.rings: dict[str, Ring] = {}
        self.gone: set[str] = set()
        self.arrived = 0
        self._absent: set[str] = set()
        self._newest: dict[str, tuple[object, int]] = {}
        self._unwritten: dict[str, None] = {}
        self._candles: dict[tuple[str, Interval], dict[int, Candle]] = {}
        self._changed: set[tuple[str, Interval]] = set()
        self._candles_ms = 0

    # ------------------------------------------------------------------------------------------------- what it learns

    def see(self, values: Mapping[str, object], now_ms: int) -> None:
        """Take in what is newest now; what is the same object as before is no news."""
        for key, value in values.items():
            known = self._newest.get(key)
            if known is None or known[0] is not value:
                self.arrived += 1
                self._newest[key] = (value, now_ms)
                self._unwritten[key] = None
                self._absent.discard(key)
                self.gone.discard(key)

    def delete(self, key: str) -> None:
        """The key must not be there, also after another loss of the mirror that brings old data back."""
        self._newest.pop(key, None)
        self._unwritten.pop(key, None)
        self.gone.add(key)
        self._absent.add(key)

    def take(self, value: Candle | CandleHistory | Sentiment, now_ms: int) -> None:
        """Take in a market value other than books and trades."""
        match value:
            case Candle():
                self._candle(value, (value,))
            case CandleHistory():
                self._candle(value, value.candles)
            case Sentiment():
                self.see({f"sentiment:{value.symbol}": value}, now_ms)

    def _candle(self, of: Candle | CandleHistory, candles: tuple[Candle, ...]) -> None:
        kept = self._candles.setdefault((of.symbol, of.interval), {})
        kept.update((candle.open_ms, candle) for candle in candles)
        for open_ms in sorted(kept)[:-BARS]:
            del kept[open_ms]
        self._changed.add((of.symbol, of.interval))

    def refresh_candles(self, now_ms: int) -> None:
        """Make documents of the candles that changed, unless that was done a moment ago."""
        if 0 <= now_ms - self._candles_ms < CANDLES_EVERY_MS:
            return
        self._candles_ms = now_ms
        for symbol, interval in self._changed:
            rows = self._candles[symbol, interval]
            whole = Candles(symbol, interval, now_ms, tuple(rows[open_ms] for open_ms in sorted(rows)))
            self.see({f"klines:{symbol}:{interval}": whole}, now_ms)
        self._changed.clear()

    # -------------------------------------------------------------------------------------------- what is to be written

    @property
    def backlog(self) -> int:
        """Documents and lists that are to be written."""
        return len(self._unwritten) + sum(ring.waits for ring in self.rings.values())

    def writes(self, now_ms: int) -> list[Write]:
        """Documents to write now: positions first, then what waits longest; what is too old is given up."""
        found = []
        for key in sorted(self._unwritten, key=_later)[:DOCUMENTS_AT_ONCE]:
            value, stamp_ms = self._newest[key]
            ttl = ttl_s(key)
            left_s = None if ttl is None else ttl - max(0, now_ms - stamp_ms) // 1_000
            if left_s is not None and left_s <= 0:
                del self._unwritten[key]
            else:
                found.append(Write(key, value, stamp_ms, left_s))
        return found

    def rings_to_write(self) -> Iterator[tuple[str, Ring]]:
        """Lists with something new, of those to be written whole a few."""
        whole = 0
        for symbol, ring in self.rings.items():
            if ring.waits:
                whole += ring.whole
                if not ring.whole or whole <= RINGS_AT_ONCE:
                    yield symbol, ring

    def written(self, key: str, value: object) -> None:
        """It stands in the mirror now."""
        known = self._newest.get(key)
        if known is not None and known[0] is value:
            self._unwritten.pop(key, None)

    def forget(self) -> None:
        """Nobody knows what the mirror holds: everything is to be written again, and deleted again."""
        self._unwritten = dict.fromkeys(self._newest)
        self.gone |= self._absent
        for ring in self.rings.values():
            ring.whole = True


def _later(key: str) -> bool:
    return not key.startswith("position:")
