"""How one-sided flow is against its own last week: VPIN in buckets of a fiftieth of a day's volume, and its rank."""

from __future__ import annotations

from collections import deque
from math import inf

from vortex.domain.indicators.vpin import VolumeBuckets, share_at_most
from vortex.domain.market import Trade, VolumeHistory

BUCKETS_A_DAY = 50
DAY_MS = 86_400_000
MINUTE_MS = 60_000
DAYS = 7
DAY_MINUTES = 1_440
LEAST_CLOSES = 100
KEPT_MINUTES = 180
"""Minutes of trades kept beside the buckets: a history that comes later ends somewhere among them."""

Minute = tuple[int, float, float]
"""(time of opening, bought, sold)."""


class FlowToxicity:
    """VPIN of one symbol from exact aggressor flags; it says nothing before a VolumeHistory told the usual volume.

    A history is poured minute by minute, each pro rata, then what traded since then; another one starts all over, which
    also heals what a lost connection tore.

    Attributes:
        vpin: Sum |Vb - Vs| over the volume of the last 50 full buckets, in [0, 1]; None before there are so many.
        rank: Share of the last 350 values of it (one a bucket) that are at most the present one; None below 100.
    """

    def __init__(self) -> None:
        self.vpin: float | None = None
        self.rank: float | None = None
        self._buckets: VolumeBuckets | None = None
        self._days: deque[float] = deque(maxlen=DAYS)  # volumes of whole UTC days
        self._day = 0
        self._day_volume = 0.0
        self._whole = False  # the day was seen from its beginning
        self._live: deque[Minute] = deque(maxlen=KEPT_MINUTES)
        self._last: Trade | None = None

    def load(self, history: VolumeHistory) -> None:
        """Start over from these minutes and the trades seen after them; minutes that make no sense are left out.

        A history of less than a day changes nothing.
        """
        past = [
            (minute.open_ms, minute.bought, minute.volume - minute.bought)
            for minute in history.minutes
            if 0.0 <= minute.bought <= minute.volume < inf
        ]
        days = _by_day(past)
        whole = [sum(volumes) for volumes in days.values() if len(volumes) == DAY_MINUTES]
        last_day = sum([bought + sold for _, bought, sold in past[-DAY_MINUTES:]])
        usual = sum(whole) / len(whole) if whole else last_day if len(past) >= DAY_MINUTES else 0.0
        if not usual > 0.0:
            return
        self.vpin = self.rank = None
        self._buckets = VolumeBuckets(usual / BUCKETS_A_DAY, BUCKETS_A_DAY)
        self._day = past[-1][0] // DAY_MS
        self._day_volume, self._whole = sum(days[self._day]), past[0][0] <= self._day * DAY_MS
        self._days = deque(whole or [usual], DAYS)  # never empty, never all zero: a day ends by a trade of the next
        for _, bought, sold in past:
            self._buckets.pour(bought, sold)
        self._rank(self._buckets)
        for minute in [each for each in self._live if each[0] > past[-1][0]]:
            self._pour(self._buckets, *minute)

    def take(self, trade: Trade) -> None:
        """Pour a trade, unless it is a repeated one or no trade at all."""
        last = self._last
        if not (0.0 < trade.quantity < inf) or (last is not None and trade.id <= last.id and trade.ts_ms <= last.ts_ms):
            return
        self._last = trade
        bought, sold = (0.0, trade.quantity) if trade.buyer_is_maker else (trade.quantity, 0.0)
        open_ms = trade.ts_ms - trade.ts_ms % MINUTE_MS
        if self._live and open_ms <= self._live[-1][0]:
            open_ms, before, after = self._live.pop()
            self._live.append((open_ms, before + bought, after + sold))
        else:
            self._live.append((open_ms, bought, sold))
        if self._buckets is not None:
            self._pour(self._buckets, trade.ts_ms, bought, sold)

    def _pour(self, buckets: VolumeBuckets, ts_ms: int, bought: float, sold: float) -> None:
        if ts_ms // DAY_MS > self._day:
            self._new_day(ts_ms // DAY_MS, buckets)
        self._day_volume += bought + sold
        before = buckets.complete
        buckets.pour(bought, sold)
        if buckets.complete > before:
            self._rank(buckets)

    def _rank(self, buckets: VolumeBuckets) -> None:
        self.vpin, closes = buckets.vpin, buckets.closes
        self.rank = share_at_most(closes, closes[-1]) if len(closes) >= LEAST_CLOSES else None

    def _new_day(self, day: int, buckets: VolumeBuckets) -> None:
        """Note the day's volume and size the buckets by the mean of the last seven; a day partly seen tells nothing."""
        if self._whole:
            self._days.append(self._day_volume)
        self._whole = day == self._day + 1
        self._day, self._day_volume = day, 0.0
        buckets.resize(sum(self._days) / len(self._days) / BUCKETS_A_DAY)


def _by_day(minutes: list[Minute]) -> dict[int, list[float]]:
    by_day: dict[int, list[float]] = {}
    for open_ms, bought, sold in minutes:
        by_day.setdefault(open_ms // DAY_MS, []).append(bought + sold)
    return by_day
