"""The account actor: one place where every symbol's entries are held against the account's limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from loguru import logger
from msgspec import Struct

from vortex.domain.operation import OperatorAction
from vortex.domain.order import AccountState
from vortex.domain.pnl import account_trade
from vortex.domain.risk.account import AccountLedger
from vortex.domain.risk.params import RiskParams
from vortex.domain.risk.view import AccountView
from vortex.domain.trade import CloseReason
from vortex.messages import (
    NOBODY,
    AccountChanged,
    CloseAll,
    EntryFailed,
    JoinAccount,
    LeaveAccount,
    MoneyTransferred,
    Operate,
    PositionClosed,
    PositionOpened,
    Recipient,
    ReserveRisk,
    ResetGovernor,
    RiskDenied,
    RiskGranted,
    SymbolReconciled,
)
from vortex.ports import Journal, UnwritableError
from vortex.queries import GetAccount
from vortex.runtime import Actor

TICK_MS = 1_000
_KIND = "account"


class _Tick(Struct, frozen=True):
    """Reservations and cooldowns expire by time."""


class AccountActor(Actor):
    """Grants reservations and keeps the day's ledger through restarts.

    Args:
        params: The `[risk]` section.
        journal: Where the day's ledger and the cooldowns survive.
        account_name: The account's short name, the key of its ledger.
        exchange: Closes everything when the day's loss reaches the hard limit, and halts when the governor trips.
        notifier: Hears of every change too.
    """

    def __init__(
        self,
        *,
        params: RiskParams,
        journal: Journal,
        account_name: str,
        exchange: Recipient,
        notifier: Recipient = NOBODY,
    ) -> None:
        self._ledger = AccountLedger(params)
        self._journal = journal
        self._account_name = account_name
        self._exchange = exchange
        self._notifier = notifier
        self._joined: dict[str, Recipient] = {}
        self._saved = b""
        self._told: AccountView | None = None
        self._halted_for: str | None = None

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {
            JoinAccount: self._on_join,
            LeaveAccount: self._on_leave,
            AccountState: self._on_state,
            ReserveRisk: self._on_reserve,
            SymbolReconciled: self._on_reconciled,
            PositionOpened: self._on_opened,
            PositionClosed: self._on_closed,
            EntryFailed: self._on_failed,
            ResetGovernor: self._on_reset,
            MoneyTransferred: self._on_transferred,
            GetAccount: self._on_get,
            _Tick: self._on_tick,
        }

    def started(self) -> None:
        body = self._journal.latest(_KIND).get(self._account_name)
        if body:
            self._ledger.restore(body)
            self._saved = body
        self.context.after(TICK_MS, _Tick())

    def _now_ms(self) -> int:
        return self.context.clock.now_ms()

    def _on_join(self, message: JoinAccount) -> None:
        self._joined[message.symbol] = message.subscriber
        message.subscriber.tell(AccountChanged(view=self._ledger.view(self._now_ms())))

    def _on_leave(self, message: LeaveAccount) -> None:
        self._joined.pop(message.symbol, None)

    def _on_transferred(self, message: MoneyTransferred) -> None:
        logger.info("{} USDT were transferred", message.amount_usdt)
        self._ledger.transferred(message.ts_ms, message.amount_usdt)
        self._changed()

    def _on_reset(self, _message: ResetGovernor) -> None:
        self._ledger.reset_governor()
        self._changed()

    def _on_state(self, state: AccountState) -> None:
        equity_usdt = state.wallet_usdt + state.unrealized_usdt
        self._ledger.equity_observed(self._now_ms(), equity_usdt, state.available_usdt)
        self._changed()

    def _on_reserve(self, message: ReserveRisk) -> None:
        denial = self._ledger.reserve(message.plan, self._now_ms())
        if denial is None:
            message.reply_to.tell(RiskGranted(plan=message.plan))
        else:
            message.reply_to.tell(RiskDenied(plan=message.plan, code=denial.code, details=denial.details))
        self._changed()

    def _on_reconciled(self, message: SymbolReconciled) -> None:
        self._ledger.reconciled(message.symbol, message.trade.trade_id if message.trade is not None else None)
        self._changed()

    def _on_opened(self, message: PositionOpened) -> None:
        self._ledger.opened(message.trade, self._now_ms())
        self._changed()

    def _on_closed(self, message: PositionClosed) -> None:
        plan, fills = message.trade.plan, message.exit_fills
        result = account_trade(plan.side, message.entry_fills, fills, plan.leverage, message.funding_usdt)
        self._ledger.closed(message.trade, result.pnl_net_usdt, message.reason, fills[-1].ts_ms)
        self._changed()

    def _on_failed(self, message: EntryFailed) -> None:
        self._ledger.failed(message.plan, message.ts_ms)
        self._changed()

    def _on_get(self, _message: GetAccount) -> AccountView:
        return self._ledger.view(self._now_ms())

    def _on_tick(self, tick: _Tick) -> None:
        self.context.after(TICK_MS, tick)
        self._changed()

    def _save(self) -> None:
        """What cannot be written now is written later; meanwhile no entry leaves, as its intent could not be either."""
        body = self._ledger.dump()
        if body == self._saved:
            return
        try:
            self._journal.append(_KIND, self._account_name, body)
        except UnwritableError as error:
            logger.error("{}", error)
        else:
            self._saved = body

    def _changed(self) -> None:
        """Keep what must survive, then tell every decision what changed."""
        if self.context.over:
            return  # the ledger is another incarnation's now
        self._save()
        view = self._ledger.view(self._now_ms())
        if view.flatten_latched and view.exposures:
            self._exchange.tell(CloseAll(reason=CloseReason.DRAWDOWN_FLATTEN))
        self._govern(view.governor_tripped)
        news = msgspec.structs.replace(view, ts_ms=0)  # time alone is no news
        if news != self._told:
            self._told = news
            for subscriber in (*self._joined.values(), self._notifier):
                subscriber.tell(AccountChanged(view=view))

    def _govern(self, tripped: str | None) -> None:
        """Order the kill switch once for each cause: from then on it is the exchange's, through restarts, until UNHALT.

        A new incarnation orders it once more: the one before may have ended between the ledger and the order.
        """
        if tripped is not None and tripped != self._halted_for:
            self._exchange.tell(Operate(action=OperatorAction.HALT, symbol=None, why=f"governor: {tripped}"))
        self._halted_for = tripped
