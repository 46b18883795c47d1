"""The newest closed candles of a symbol without a hole, and the forming one."""

from __future__ import annotations

from collections import deque
from math import inf

from vortex.domain.market import INTERVAL_MS, Candle, CandleHistory, Interval

CANDLE_GAP = "CANDLE_GAP"
CANDLE_INVALID = "CANDLE_INVALID"
CANDLE_STALE = "CANDLE_STALE"

CAPACITY = 96
LATE_MS = 15_000
"""A candle that has not come this long after its end is missing."""


def is_valid(candle: Candle) -> bool:
    """Tell whether prices are positive, finite and ordered, and the volume is a finite number >= 0."""
    low, high = candle.low, candle.high
    return 0.0 < low <= candle.open <= high < inf and low <= candle.close <= high and 0.0 <= candle.volume < inf


class CandleWindow:
    """At most 96 closed candles of one interval, contiguous in open time, and the forming one.

    A hole is never filled: `fault` says CANDLE_GAP until a CandleHistory closes it.

    Attributes:
        end_ms: First millisecond after the newest closed candle; 0 without one.
    """

    def __init__(self, interval: Interval) -> None:
        self.closed: deque[Candle] = deque(maxlen=CAPACITY)
        self.forming: Candle | None = None
        self.end_ms = 0
        self._span_ms = INTERVAL_MS[interval]
        self._torn = False
        self._invalid = False

    @property
    def fault(self) -> str | None:
        """Why the window cannot be used, or None."""
        if self._invalid:
            return CANDLE_INVALID
        skipped = self.forming is not None and self.forming.open_ms > self.end_ms > 0
        return CANDLE_GAP if self._torn or skipped else None

    @property
    def ts_ms(self) -> int:
        """When the newest candle known, closed or forming, began to matter; 0 without any."""
        return max(self.end_ms, self.forming.open_ms) if self.forming is not None else self.end_ms

    @property
    def last(self) -> float | None:
        """The newest price known."""
        if self.forming is not None:
            return self.forming.close
        return self.closed[-1].close if self.closed else None

    def prices(self) -> tuple[list[float], list[float], list[float]]:
        """Highs, lows and closes of the closed candles, oldest first."""
        return [c.high for c in self.closed], [c.low for c in self.closed], [c.close for c in self.closed]

    def update(self, candle: Candle) -> bool:
        """Take a candle; true when the closed ones changed."""
        self._invalid = not is_valid(candle)
        if self._invalid:
            self._torn = self._torn or candle.closed  # what a closed candle does not tell is a hole
            return False
        return self._append(candle) if candle.closed else self._form(candle)

    def load(self, history: CandleHistory) -> None:
        """Start again from a history, keeping what is newer; of a history with a hole only what follows it."""
        past = [candle for candle in history.candles if candle.closed and is_valid(candle)]
        if not past:
            return
        candles = past + [candle for candle in self.closed if candle.open_ms > past[-1].open_ms]
        start = len(candles) - 1
        while start > 0 and candles[start].open_ms - candles[start - 1].open_ms == self._span_ms:
            start -= 1
        self.closed = deque(candles[start:], maxlen=CAPACITY)
        self.end_ms = self.closed[-1].open_ms + self._span_ms
        self._torn = start >= len(past)
        self._invalid = False
        forming = history.candles[-1]
        if not forming.closed and is_valid(forming):
            self._form(forming)

    def _append(self, candle: Candle) -> bool:
        if self.closed and candle.open_ms < self.end_ms:
            return self._again(candle)
        if self.closed and candle.open_ms > self.end_ms:
            self._torn = True
            self.closed.clear()
        self.closed.append(candle)
        self.end_ms = candle.open_ms + self._span_ms
        if self.forming is not None and self.forming.open_ms <= candle.open_ms:
            self.forming = None
        return True

    def _again(self, candle: Candle) -> bool:
        newest = self.closed[-1]
        if candle.open_ms != newest.open_ms or candle == newest:
            return False
        self.closed[-1] = candle
        return True

    def _form(self, candle: Candle) -> bool:
        known_ms = self.forming.open_ms if self.forming is not None else 0
        if candle.open_ms >= max(self.end_ms, known_ms):
            self.forming = candle
        return False


class CandlePair:
    """The 1m and 15m windows of a symbol."""

    def __init__(self) -> None:
        self.minute = CandleWindow("1m")
        self.quarter = CandleWindow("15m")

    @property
    def ts_ms(self) -> int:
        """When the newest 1m candle began: it goes stale 75 s later, when the next one is 15 s late."""
        return self.minute.ts_ms

    @property
    def fault(self) -> str | None:
        """Why the candles cannot be used, or None."""
        late = bool(self.quarter.closed) and self.ts_ms > self.quarter.end_ms + INTERVAL_MS["15m"] + LATE_MS
        return self.minute.fault or self.quarter.fault or (CANDLE_STALE if late else None)

    @property
    def generated(self) -> bool:
        """Whether any closed candle was generated instead of traded."""
        return any(c.generated for c in self.minute.closed) or any(c.generated for c in self.quarter.closed)

    @property
    def bars(self) -> int:
        """How many closed candles the shorter of the two windows holds."""
        return min(len(self.minute.closed), len(self.quarter.closed))

    def update(self, value: Candle | CandleHistory) -> CandleWindow | None:
        """Take a candle or a history; return the window whose closed candles changed, None when none did."""
        window = self.minute if value.interval == "1m" else self.quarter
        if isinstance(value, CandleHistory):
            window.load(value)
            return window
        return window if window.update(value) else None
