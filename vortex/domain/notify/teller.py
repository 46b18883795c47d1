"""Decides what people are told: hears what happens, puts it into words, leaves out what is muted, tames bursts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal

from msgspec import Struct

from vortex.domain.notify import words
from vortex.domain.notify.day import SUMMARY_MS, Day
from vortex.domain.notify.digest import Digest
from vortex.domain.notify.kinds import URGENT, Kind, Notification
from vortex.domain.notify.watch import ClosedGate, Lag, Protection, Standing
from vortex.domain.notify.words import DAY_MS
from vortex.domain.order import Fill
from vortex.domain.pnl import account_trade
from vortex.domain.risk.view import AccountView
from vortex.domain.trade import CloseReason, OpenTrade

AGAIN_MS = 3_600_000
"""What stays as bad as it was is told again after this time."""


class TellingRules(Struct, frozen=True, kw_only=True):
    """What is left out, and how bursts are tamed."""

    mute: frozenset[Kind] = frozenset()
    most_per_min: int = 10
    digest_ms: int = 60_000


class Teller:
    """Hears everything that happens; `take` gives what is to be told now. Time is an argument everywhere.

    Args:
        rules: What is left out, and how bursts are tamed.
        now_ms: When the run began.
        day: What an earlier run of the same day has counted.
    """

    def __init__(self, rules: TellingRules, now_ms: int, day: Day | None = None) -> None:
        self._rules = rules
        self._started_ms = now_ms
        self._digest = Digest(rules.most_per_min, rules.digest_ms)
        self._outgoing: list[Notification] = []
        self._open: set[str] = set()
        self._protection, self._standing, self._lag = Protection(), Standing(), Lag()
        self._urgent_ms: dict[str, int] = {}
        self._limits = (False, False)
        self._days = [day if day is not None and day.day <= now_ms // DAY_MS else Day.at(now_ms)]
        self._turn(now_ms)
        self.day.starts += 1

    @property
    def day(self) -> Day:
        """The present day's figures."""
        return self._days[-1]

    # ---------------------------------------------------------------------------------------------------- what is heard

    def hear(self, notification: Notification, now_ms: int) -> None:
        """Something that is said as it is."""
        if notification.kind is Kind.RESTART:
            self.day.restarts += 1
        if notification.kind is Kind.OPERATION:
            self._urgent_ms.clear()
        if notification.kind not in self._rules.mute and not self._repeated(notification, now_ms):
            self._outgoing += self._digest.add(notification, now_ms)

    def _repeated(self, notification: Notification, now_ms: int) -> bool:
        """True for what is urgent, was told in the same words a while ago, and nobody has acted on: it is still so."""
        if notification.kind not in URGENT:
            return False
        told_ms = self._urgent_ms.get(notification.text)
        repeated = told_ms is not None and now_ms - told_ms < AGAIN_MS
        if not repeated:
            fresh = {text: at_ms for text, at_ms in self._urgent_ms.items() if now_ms - at_ms < AGAIN_MS}
            self._urgent_ms = {**fresh, notification.text: now_ms}
        return repeated

    def opened(self, trade: OpenTrade, now_ms: int) -> None:
        """A position is open; told again after crashes, it is the same."""
        before = trade.opened_ms < self._started_ms
        since_ms = now_ms if before else trade.opened_ms
        new = trade.trade_id not in self._open
        self.guarded(trade.trade_id, trade.plan.symbol, now_ms, since_ms=since_ms, protected=trade.protected)
        if new:
            self._open.add(trade.trade_id)
            if not before:
                lost = trade.plan.side.sign * trade.quantity * (trade.entry_price - trade.plan.expected_price)
                self.day.slippage_usdt += lost
            self._say(Kind.ENTRY, f"{'found open: ' if before else ''}{words.opened(trade)}", now_ms)

    def guarded(self, trade_id: str, symbol: str, now_ms: int, *, protected: bool, since_ms: int | None = None) -> None:
        """What is known of a position's stop has changed."""
        since_ms = now_ms if since_ms is None else since_ms
        self.day.unprotected_ms += self._protection.seen(trade_id, symbol, now_ms, since_ms, protected=protected)

    def closed(
        self,
        trade: OpenTrade,
        entry_fills: Sequence[Fill],
        exit_fills: Sequence[Fill],
        reason: CloseReason,
        funding_usdt: Decimal,
        now_ms: int,
    ) -> None:
        """A position is closed."""
        plan = trade.plan
        self._open.discard(trade.trade_id)
        self.guarded(trade.trade_id, plan.symbol, now_ms, protected=True)
        result = account_trade(plan.side, entry_fills, exit_fills, plan.leverage, funding_usdt)
        self.day.count(result, funding_usdt)
        held_ms = max(fill.ts_ms for fill in exit_fills) - trade.opened_ms
        self._say(Kind.EXIT, words.closed(plan, result, reason, held_ms), now_ms)
        if reason is CloseReason.PROTECTION_FAILED:
            self._say(Kind.STOP_FAILED, f"{plan.symbol} {trade.trade_id}: closed, its stop was not confirmed", now_ms)

    def account(self, view: AccountView, now_ms: int) -> None:
        """The account has changed."""
        self._turn(now_ms)
        self.day.observe(view)
        limits = (view.drawdown_latched, view.flatten_latched)
        before, self._limits = self._limits, limits
        loss = words.usdt(view.daily_pnl_usdt)
        if view.drawdown_latched and not before[0]:
            self._say(Kind.DRAWDOWN, f"{loss} today: no entries for the rest of the UTC day", now_ms)
        if view.flatten_latched and not before[1]:
            self._say(Kind.DRAWDOWN, f"{loss} today: every position is closed", now_ms)

    def gates(self, closed: Iterable[ClosedGate], symbols: Collection[str], now_ms: int) -> None:
        """Everything that is closed now of these symbols."""
        for notification in self._standing.look(closed, symbols, now_ms):
            self.hear(notification, now_ms)

    def outbox(self, pending: int, oldest_ms: int | None, parked: int, now_ms: int) -> None:
        """What waits for the ledger now."""
        for notification in self._lag.look(pending, oldest_ms, parked, now_ms):
            self.hear(notification, now_ms)

    # --------------------------------------------------------------------------------------------------- what goes out

    def take(self, now_ms: int) -> list[Notification]:
        """What is to be told now; ask often, for time alone brings something."""
        for notification in self._protection.tick(now_ms):
            self.hear(notification, now_ms)
        self._turn(now_ms)
        self._summarise(now_ms)
        self._outgoing += self._digest.due(now_ms)
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def flush(self, now_ms: int) -> list[Notification]:
        """Everything, also what is held back: the run ends."""
        return [*self.take(now_ms), *self._digest.flush(now_ms)]

    def _say(self, kind: Kind, text: str, now_ms: int) -> None:
        self.hear(Notification(kind=kind, text=text), now_ms)

    def _turn(self, now_ms: int) -> None:
        """Begin a new day at midnight; the last one waits for its summary."""
        if now_ms // DAY_MS > self.day.day:
            self._days.append(Day.at(now_ms))

    def _summarise(self, now_ms: int) -> None:
        while len(self._days) > 1 and now_ms >= (self._days[0].day + 1) * DAY_MS + SUMMARY_MS:
            self._say(Kind.DAILY_SUMMARY, self._days.pop(0).summary(), now_ms)
