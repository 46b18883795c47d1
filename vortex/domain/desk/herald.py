"""What a desk tells the rest of the system: each thing once, when it becomes true."""

from __future__ import annotations

from decimal import Decimal

from vortex.domain.desk.bracket import Bracket
from vortex.domain.desk.leg import Leg
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
from vortex.domain.order import ZERO
from vortex.domain.trade import CloseReason, OpenTrade


class Herald:
    """Collects notices until they are taken."""

    def __init__(self) -> None:
        self._notices: list[Notice] = []
        self._opened = self._ended = self._rival = False
        self._guarded: tuple[bool, Decimal | None] = (False, None)
        self._foreign = ZERO

    def take(self) -> list[Notice]:
        """Return and forget what is new."""
        notices, self._notices = self._notices, []
        return notices

    def reconciled(self, foreign: Decimal) -> None:
        """Say that the truth is known, then what of it speaks against a trade."""
        self._notices.append(Reconciled())
        self._foreign = ZERO
        self.foreign(foreign)

    def foreign(self, amount: Decimal) -> None:
        if amount != self._foreign:
            self._foreign = amount
            self._notices.append(Foreign(amount=amount))

    def rival(self, client_id: str | None) -> None:
        if client_id is not None and not self._rival:
            self._rival = True
            self._notices.append(Rival(client_id=client_id))

    def adopted(self, bracket: Bracket, amount: Decimal) -> None:
        self._notices.append(Adopted(trade_id=bracket.trade_id, amount=amount))

    def again(self) -> None:
        """Someone who listens was replaced: an open trade is told once more."""
        self._opened = False

    def open(self, bracket: Bracket, trade: OpenTrade) -> bool:
        """Tell an open trade, and later what becomes of its protection and liquidation price; True when it is new."""
        new, guarded = not self._opened, (bracket.protected, bracket.liquidation_price)
        if new:
            self._opened = True
            self._notices.append(Opened(trade=trade))
        elif guarded != self._guarded:
            protected, price = guarded
            notice = ProtectionChanged(trade_id=bracket.trade_id, protected=protected, liquidation_price=price)
            self._notices.append(notice)
        self._guarded = guarded
        return new

    def end(self, bracket: Bracket) -> None:
        if self._ended:
            return
        self._ended = True
        if bracket.flat:
            self._notices.append(Closed(bracket=bracket, reason=bracket.why_closed()))
            return
        reason = CloseReason.ORDER_REJECTED if bracket.entry.refused else CloseReason.ORDER_EXPIRED
        self._notices.append(Failed(bracket=bracket, reason=reason, detail=bracket.entry.detail))

    def exit_failing(self, bracket: Bracket, failed: Leg) -> None:
        self._notices.append(ExitFailing(trade_id=bracket.trade_id, tries=failed.tries + 1, detail=failed.detail))

    def written_off(self, bracket: Bracket) -> None:
        self._notices.append(WrittenOff(trade_id=bracket.trade_id, quantity=bracket.open_quantity))

    def forget(self) -> None:
        """The trade is over: what was told of it says nothing of the next."""
        self._opened = self._ended = False
