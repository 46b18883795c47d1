"""What holds entries, on disk and in force: the part of the exchange actor that people speak to."""

from __future__ import annotations

from collections.abc import Callable

from loguru import logger

from vortex.actors.order_journal import OrderJournal
from vortex.actors.seat import Seat
from vortex.domain.entries import Entries, Hold
from vortex.domain.notify.kinds import Kind, Notification
from vortex.domain.operation import Gate, OperatorAction
from vortex.domain.trade import CloseReason
from vortex.messages import NOBODY, Operate, Recipient

GATES = (Gate.KILL_SWITCH, Gate.HALTED, Gate.PAUSED)
ENDS_ENTRIES = frozenset({OperatorAction.HALT, OperatorAction.PAUSE})
FLAT_FOR = {OperatorAction.FLATTEN: CloseReason.MANUAL, OperatorAction.HALT: CloseReason.HALT}


class Holds:
    """Keeps the orders of people through restarts and applies them to seats.

    Args:
        journal: Where they are on disk before anyone hears of them.
        now_ms: The injected clock.
        notifier: Hears of every order.
    """

    def __init__(self, journal: OrderJournal, now_ms: Callable[[], int], notifier: Recipient = NOBODY) -> None:
        self._journal = journal
        self._now_ms = now_ms
        self._notifier = notifier
        self.entries = Entries()

    def load(self) -> None:
        """Take up what held before a restart."""
        self.entries = self._journal.load_entries()

    def operate(self, order: Operate) -> None:
        """Keep an order: it holds from now on, also for a symbol that nobody trades yet."""
        logger.warning("{} {}: {}", order.action, order.symbol or "all symbols", order.why)
        hold = Hold(why=order.why, since_ms=self._now_ms())
        entries = self.entries.operated(order.action, order.symbol, hold)
        self._journal.keep_entries(entries)
        self.entries = entries
        kind = Kind.HALT if order.action in ENDS_ENTRIES else Kind.OPERATION
        text = f"{order.action} {order.symbol or 'all symbols'}: {order.why}"
        self._notifier.tell(Notification(kind=kind, text=text))

    def enforce(self, action: OperatorAction, seat: Seat) -> None:
        """Apply an order to a symbol: what it closes or opens, and what is to be given up or flat for it."""
        self.tell_gates(seat)
        now_ms = self._now_ms()
        if action in FLAT_FOR:
            seat.desk.flatten(FLAT_FOR[action], now_ms)
        elif (why := self.refusal(seat.desk.symbol)) is not None:
            seat.desk.give_up_entry(why, now_ms)

    def tell_gates(self, seat: Seat) -> None:
        """Tell the symbol's supervisor which of these gates are closed and which are open."""
        holds = self.entries.holds(seat.desk.symbol)
        for gate in GATES:
            hold = holds.get(gate)
            if hold is None:
                seat.open_gate(gate)
            else:
                seat.close_gate(gate, hold.why, hold.since_ms)

    def refusal(self, symbol: str) -> str | None:
        """Say why the symbol may not enter, or None: the last word, whatever the gates of others say."""
        holds = self.entries.holds(symbol)
        return next((f"{gate}: {holds[gate].why}" for gate in GATES if gate in holds), None)
