"""One UTC day in figures, counted from what happened; it survives restarts as a small JSON text."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from vortex.domain.money import plain
from vortex.domain.notify.words import DAY_MS, date_of, lasting, time_of, usdt
from vortex.domain.order import ZERO
from vortex.domain.pnl import TradeResult
from vortex.domain.risk.view import AccountView

SUMMARY_MS = 5 * 60_000
"""After midnight: what belongs to the day has arrived by then."""


class Day(Struct, kw_only=True):
    """What was counted of one day.

    Attributes:
        day: Days since 1970, UTC.
        since_ms: When counting began.
        slippage_usdt: What entries lost against the price at the decision; negative when they gained.
        unprotected_ms: Time in which positions had no confirmed stop, added up.
        restarts: Actors that crashed and started again.
        starts: How often the process began.
        moved_usdt: By how much equity moved, money that came or went not counted; None when it is not known.
    """

    day: int
    since_ms: int
    trades: int = 0
    wins: int = 0
    net_usdt: Decimal = ZERO
    fees_usdt: Decimal = ZERO
    funding_usdt: Decimal = ZERO
    slippage_usdt: Decimal = ZERO
    unprotected_ms: int = 0
    restarts: int = 0
    starts: int = 0
    moved_usdt: Decimal | None = None
    equity_usdt: Decimal | None = None

    @classmethod
    def at(cls, now_ms: int) -> Day:
        return cls(day=now_ms // DAY_MS, since_ms=now_ms)

    def count(self, result: TradeResult, funding_usdt: Decimal) -> None:
        """A trade was closed."""
        self.trades += 1
        self.wins += result.pnl_net_usdt > 0
        self.net_usdt += result.pnl_net_usdt
        self.fees_usdt += result.open_fee_usdt + result.close_fee_usdt
        self.funding_usdt += funding_usdt

    def observe(self, view: AccountView) -> None:
        """The account as it stands; what is of another day is not looked at."""
        if view.equity_usdt is not None and view.ts_ms // DAY_MS == self.day:
            self.moved_usdt, self.equity_usdt = view.daily_pnl_usdt, view.equity_usdt

    def summary(self) -> str:
        """The day's notification."""
        whole = self.since_ms % DAY_MS < SUMMARY_MS
        since = "" if whole else f", counted since {time_of(self.since_ms)} UTC"
        lines = [
            f"{date_of(self.day)} UTC{since}",
            f"trades {self.trades}, won {self.wins}, net {usdt(self.net_usdt)}",
            f"fees {plain(self.fees_usdt)} USDT, funding {usdt(self.funding_usdt)}",
            f"slippage of entries {plain(self.slippage_usdt)} USDT",
            f"time without confirmed stop {lasting(self.unprotected_ms)}",
            f"restarts of actors {self.restarts}, starts of the process {self.starts}",
            self._balance(),
        ]
        return "\n".join(lines)

    def _balance(self) -> str:
        if self.moved_usdt is None or self.equity_usdt is None:
            return "balance: not seen"
        apart = self.moved_usdt - self.net_usdt
        return (
            f"balance: equity {plain(self.equity_usdt)}, moved {usdt(self.moved_usdt)}, closed trades "
            f"{usdt(self.net_usdt)}, {usdt(apart)} apart (positions open at either end, or not counted here)"
        )
