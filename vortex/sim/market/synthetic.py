"""Invented symbols: a seeded market without any recording behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache

from vortex.sim.core.market import SymbolSpec
from vortex.sim.market.course import Minute
from vortex.sim.market.dice import drift, fraction
from vortex.sim.market.feed import SymbolFeed
from vortex.sim.market.listing import spec_for
from vortex.sim.market.minutes import MinutePlayer
from vortex.sim.market.played import PlayedSource

MOST = 500
NOTES = (
    "everything is invented: prices, volumes, books, trades, candles, positioning",
    "the price returns to its mean, which no market promises",
)

_WAVES = ((3, 0.0006), (12, 0.0012), (45, 0.0022), (180, 0.004), (720, 0.008), (2_880, 0.015))
"""Minutes between the knots of a wave, and its amplitude as a log return: about a walk up to two days, then a mean."""
_RANGE = 0.0006
"""Usual range of a minute, as a log return."""
_REGIME_MINUTES = 240
_REGIME = 0.8
"""Volatility goes up and down by exp(0.8) over hours."""
_JUMP_MINUTES = 180
_JUMP_CHANCE = 0.4
_JUMP = 0.012
_JUMP_FADES = 25
"""Every 180 minutes a jump of up to 1.2 % happens with this chance, and fades over 25 minutes."""
_USDT_PER_MINUTE = 200_000


class SyntheticSeries:
    """The minutes of one invented symbol: a function of seed, symbol and number, so it may begin anywhere."""

    def __init__(self, symbol: str, seed: int) -> None:
        self._key = (seed, symbol, "synthetic")
        price: float = 10.0 ** (0.3 + 4.2 * fraction(*self._key, "price"))  # 2 to 30,000 USDT
        magnitude = math.floor(math.log10(price))
        tick, step = Decimal(1).scaleb(magnitude - 4), Decimal(1).scaleb(-magnitude)
        self.spec: SymbolSpec = spec_for(symbol, price_unit=tick, quantity_unit=step, price=Decimal(price))
        self._ticks = price / float(tick)
        self.lots_per_minute = _USDT_PER_MINUTE / (price * float(step))
        self.ticks_per_minute = max(1.0, self._ticks * _RANGE)
        # Each is asked for twice, by the minute itself and by the one after it.
        self._close = lru_cache(maxsize=4)(self._close_of)
        self._liveliness = lru_cache(maxsize=4)(self._liveliness_of)

    def at(self, number: int) -> Minute:
        opened, close = self._close(number - 1), self._close(number)
        reach = self.ticks_per_minute * self._liveliness(number)
        high = max(opened, close) + round(reach * fraction(*self._key, number, "high") ** 2.0)
        low = max(1, min(opened, close) - round(reach * fraction(*self._key, number, "low") ** 2))
        activity = (0.3 + (high - low) / self.ticks_per_minute) * math.exp(fraction(*self._key, number, "volume") - 0.5)
        return Minute(
            open=opened, high=high, low=low, close=close, lots=max(4, round(0.5 * self.lots_per_minute * activity))
        )

    def funding_rate(self, number: int) -> None:  # noqa: ARG002  # the generated one serves
        return None

    def generated_before(self) -> None:
        return None

    def _close_of(self, number: int) -> int:
        """Price in ticks: waves of all lengths, the short ones livelier in lively hours, and fading jumps."""
        liveliness = self._liveliness(number)
        level = sum(
            size * (liveliness if minutes < _REGIME_MINUTES else 1.0) * drift(number, minutes, *self._key, "wave")
            for minutes, size in _WAVES
        )
        block = number // _JUMP_MINUTES
        level += self._jump(block - 1, number) + self._jump(block, number)
        return max(1, round(self._ticks * math.exp(level)))

    def _liveliness_of(self, number: int) -> float:
        return math.exp(_REGIME * drift(number, _REGIME_MINUTES, *self._key, "regime"))

    def _jump(self, block: int, number: int) -> float:
        if fraction(*self._key, block, "jump") >= _JUMP_CHANCE:
            return 0.0
        since = number - block * _JUMP_MINUTES - int(_JUMP_MINUTES * fraction(*self._key, block, "minute"))
        size = _JUMP * (2.0 * fraction(*self._key, block, "size") - 1.0)
        return size * math.exp(-since / _JUMP_FADES) if since >= 0 else 0.0


class SyntheticSource(PlayedSource):
    """`count` invented symbols, SYN001USDT and so on; each goes on where an earlier run stood."""

    def __init__(self, count: int, *, seed: int = 0, resume: Mapping[str, int] | None = None) -> None:
        names = [f"SYN{number:03}USDT" for number in range(1, count + 1)]
        series = {name: SyntheticSeries(name, seed) for name in names}
        feeds = {
            name: SymbolFeed(
                MinutePlayer(one, name, seed), one.spec, seed=seed, position_ms=(resume or {}).get(name, 0)
            )
            for name, one in series.items()
        }
        super().__init__(feeds, label="synthetic", notes=NOTES)
