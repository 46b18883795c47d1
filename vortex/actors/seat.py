"""One symbol's place at the exchange actor: its desk, its listeners, and what they are told."""

from __future__ import annotations

from collections.abc import Callable

from loguru import logger

from vortex.actors.order_journal import Ended, OrderJournal
from vortex.domain.desk.desk import Desk
from vortex.domain.desk.notices import (
    Adopted,
    Closed,
    ExitFailing,
    Failed,
    Foreign,
    Notice,
    Opened,
    ProtectionChanged,
    Reconciled,
    Rival,
    WrittenOff,
)
from vortex.domain.meters import SymbolMeters
from vortex.domain.notify.kinds import Kind, Notification
from vortex.domain.operation import Gate
from vortex.domain.order import ZERO
from vortex.messages import (
    NOBODY,
    EntryFailed,
    GateClosed,
    GateOpened,
    PositionClosed,
    PositionOpened,
    PositionProtected,
    Recipient,
    RegisterSymbol,
    SymbolReconciled,
    SymbolReleased,
)


class Seat:
    """A desk and those who listen to it; a symbol without listeners is still traded to its safe end.

    Args:
        desk: The symbol's desk.
        journal: Where ended trades wait until their rows are safe.
        account: The account actor, which hears of every trade.
        now_ms: The injected clock.
        meters: Where the symbol's trades and their protection are counted.
        notifier: Hears of every trade too, and of what may need a person.
    """

    def __init__(
        self,
        desk: Desk,
        journal: OrderJournal,
        account: Recipient,
        now_ms: Callable[[], int],
        meters: SymbolMeters | None = None,
        notifier: Recipient = NOBODY,
    ) -> None:
        self.desk = desk
        self._journal = journal
        self._account = account
        self._now_ms = now_ms
        self._meters = meters or SymbolMeters()
        self._notifier = notifier
        self._listeners: RegisterSymbol | None = None
        self._leaving = False
        self._rival: str | None = None
        self._held: str | None = None

    @property
    def hindrance(self) -> str | None:
        """Why no trade may begin here, or None."""
        if self._leaving:
            return "leaving"
        if self.desk.flattening:
            return "flattening"
        return None if self.desk.free else "not free"

    @property
    def durable(self) -> bool:
        """True while all that we intend is on disk."""
        return self._journal.writable

    @property
    def vacant(self) -> bool:
        """True when the symbol leaves and has nothing left to do here."""
        return self._leaving and self.desk.bracket is None and not self._journal.waits_for_row(self.desk.symbol)

    def join(self, listeners: RegisterSymbol) -> None:
        """Take (new) listeners and tell them what is true, ended trades without a safe row included."""
        self._listeners, self._leaving = listeners, False
        for ended in self._journal.ended.values():
            if ended.bracket.plan.symbol == self.desk.symbol:
                listeners.monitor.tell(_ending(ended))
        self.desk.rejoin()

    def leave(self) -> None:
        """Begin no trade any more; what is under way goes to its end."""
        self._leaving = True
        self.desk.give_up_entry("leaving", self._now_ms())

    def release(self) -> None:
        """Tell the supervisor that its symbol is vacant."""
        self._tell_supervisor(SymbolReleased(symbol=self.desk.symbol))

    def settle(self) -> None:
        """Tell what is new, then keep the trade as it now is: an ended one is safe before it is forgotten."""
        for notice in self.desk.take_notices():
            self._tell_notice(notice)
        self._meters.see(self.desk.bracket, self._now_ms())
        self._journal.keep_accounted(self.desk.symbol, self.desk.vacancy.last_fill_id)
        self._journal.keep(self.desk.symbol, self.desk.bracket)

    def hold(self, why: str | None) -> None:
        """Keep the exchange's gate closed for a reason that is no symbol's own; None ends that."""
        self._held = why
        if why is not None:
            self.close_gate(Gate.EXCHANGE, why)
        elif self.desk.reconciled and not self.desk.vacancy.foreign:
            self.open_gate(Gate.EXCHANGE)

    def take_rival(self) -> str | None:
        """Return, once, the order by which another process of this account showed itself."""
        rival, self._rival = self._rival, None
        return rival

    def close_gate(self, gate: Gate, why: str, since_ms: int | None = None) -> None:
        """Close a gate of the symbol: since now, if nothing else is said."""
        since_ms = self._now_ms() if since_ms is None else since_ms
        self._tell_supervisor(GateClosed(gate=gate, since_ms=since_ms, detail=why))

    def open_gate(self, gate: Gate) -> None:
        """Open a gate of the symbol; harmless when it is open."""
        self._tell_supervisor(GateOpened(gate=gate))

    def tell(self, message: PositionOpened | PositionClosed | EntryFailed) -> None:
        """Tell everyone who follows trades."""
        self._account.tell(message)
        self._notifier.tell(message)
        if self._listeners is not None:
            self._listeners.decision.tell(message)
            self._listeners.monitor.tell(message)

    def refuse(self, message: EntryFailed) -> None:
        """Tell those who reserved for an entry that nothing was sent; there is no row to write."""
        self._account.tell(message)
        if self._listeners is not None:
            self._listeners.decision.tell(message)

    def _tell_notice(self, notice: Notice) -> None:
        match notice:
            case Opened():
                logger.info("{} opened: {}", self.desk.symbol, notice.trade.trade_id)
                self.tell(PositionOpened(trade=notice.trade))
            case ProtectionChanged():
                self._tell_protection(notice)
            case Closed() | Failed():
                detail = notice.detail if isinstance(notice, Failed) else ""
                ended = Ended(bracket=notice.bracket, reason=notice.reason, detail=detail)
                self._journal.keep_ended(ended)
                self._meters.ended(notice.bracket, notice.reason, self._now_ms())
                self.tell(_ending(ended))
            case Reconciled():
                self._tell_reconciled()
            case ExitFailing():
                self._tell_exit_failing(notice)
            case Foreign():
                self._tell_foreign(notice)
            case Adopted():
                text = "{}: a position of {} without a trade of ours becomes trade {}, it is given a stop"
                logger.warning(text, self.desk.symbol, notice.amount, notice.trade_id)
            case WrittenOff():
                text = "{} {}: {} is not there, no execution says why: its row is closed at the mark price"
                logger.critical(text, self.desk.symbol, notice.trade_id, notice.quantity)
            case Rival():
                self._rival = notice.client_id

    def _tell_protection(self, notice: ProtectionChanged) -> None:
        liquidation = notice.liquidation_price
        text = "{} {}: protected {}, liquidated at {}"
        logger.info(text, self.desk.symbol, notice.trade_id, notice.protected, liquidation or "?")
        message = PositionProtected(
            symbol=self.desk.symbol,
            trade_id=notice.trade_id,
            protected=notice.protected,
            liquidation_price=liquidation,
        )
        self._notifier.tell(message)
        if self._listeners is not None:
            self._listeners.monitor.tell(message)

    def _tell_exit_failing(self, notice: ExitFailing) -> None:
        text = f"{self.desk.symbol} {notice.trade_id}: {notice.tries} exits did not close it, the next one leaves now"
        logger.error("{}: {}", text, notice.detail)
        self._notifier.tell(Notification(kind=Kind.STOP_FAILED, text=f"{text}: {notice.detail}"))

    def _tell_foreign(self, notice: Foreign) -> None:
        logger.warning("{}: a position of {} is not ours", self.desk.symbol, notice.amount)
        if notice.amount:
            self.close_gate(Gate.EXCHANGE, f"a position of {notice.amount} is not ours")
        elif self._held is None:
            self.open_gate(Gate.EXCHANGE)

    def _tell_supervisor(self, message: GateClosed | GateOpened | SymbolReleased) -> None:
        if self._listeners is not None:
            self._listeners.supervisor.tell(message)

    def _tell_reconciled(self) -> None:
        setup = self.desk.setup
        if self._listeners is None or setup is None:
            return
        message = SymbolReconciled(symbol=self.desk.symbol, setup=setup, trade=self.desk.trade)
        listeners = self._listeners
        for listener in (self._account, listeners.decision, listeners.monitor, listeners.supervisor):
            listener.tell(message)
        if self._held is not None:  # the supervisor takes the news for an open gate
            self.close_gate(Gate.EXCHANGE, self._held)


def _ending(ended: Ended) -> PositionClosed | EntryFailed:
    """Return the event that tells how a trade ended: the same however often it is told."""
    bracket = ended.bracket
    if not bracket.filled:
        return EntryFailed(
            trade_id=bracket.trade_id,
            plan=bracket.plan,
            reason=ended.reason,
            detail=ended.detail,
            ts_ms=bracket.entry.touched_ms,
        )
    return PositionClosed(
        trade=bracket.open_trade(),
        entry_fills=bracket.entry_fills,
        exit_fills=bracket.exit_fills,
        reason=ended.reason,
        funding_usdt=bracket.funding_usdt or ZERO,
    )
