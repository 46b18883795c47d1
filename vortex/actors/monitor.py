"""The position monitor: decides exits and writes the trade's row.

The stop on the exchange is the first line, this the second: it looks at every book, every mark price and every 2 s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from loguru import logger
from msgspec import Struct

from vortex.domain.market import Book, MarkPrice
from vortex.domain.order import ZERO
from vortex.domain.pnl import RowLabels, closed_row, failed_row, open_row
from vortex.domain.position import MonitorParams, check_exit, is_blind
from vortex.domain.trade import CloseReason, OpenTrade
from vortex.messages import (
    ClosePosition,
    EntryFailed,
    Mirror,
    PositionClosed,
    PositionOpened,
    PositionProtected,
    Recipient,
    RecordTrade,
    SymbolReconciled,
)
from vortex.runtime import Actor

LOOK_MS = 2_000


class _Look(Struct, frozen=True):
    """Look again, whatever the market's streams do."""


class MonitorActor(Actor):
    """Watches the one position of a symbol.

    Args:
        symbol: The symbol.
        exchange, storage, hot_store: Who closes, who writes, who mirrors.
        params: The `[monitor]` section.
        labels: Mode, account, market source and profile for the rows.
    """

    def __init__(
        self,
        *,
        symbol: str,
        exchange: Recipient,
        storage: Recipient,
        hot_store: Recipient,
        params: MonitorParams,
        labels: RowLabels,
    ) -> None:
        self._symbol = symbol
        self._exchange = exchange
        self._storage = storage
        self._hot_store = hot_store
        self._params = params
        self._labels = labels
        self._trade: OpenTrade | None = None
        self._book: Book | None = None
        self._mark: MarkPrice | None = None
        self._closing: CloseReason | None = None

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {
            Book: self._on_book,
            MarkPrice: self._on_mark,
            SymbolReconciled: self._on_reconciled,
            PositionOpened: self._on_opened,
            PositionProtected: self._on_protected,
            PositionClosed: self._on_closed,
            EntryFailed: self._on_failed,
            _Look: self._on_look,
        }

    def started(self) -> None:
        self.context.after(LOOK_MS, _Look())

    def _on_book(self, book: Book) -> None:
        self._book = book
        self._watch()

    def _on_mark(self, mark: MarkPrice) -> None:
        self._mark = mark
        self._watch()
        self._mirror()

    def _on_look(self, look: _Look) -> None:
        self.context.after(LOOK_MS, look)
        if self._trade is not None and is_blind(self._book, self._mark, self.context.clock.now_ms(), self._params):
            logger.error("{}: neither book nor mark price, only the exchange's own orders protect", self._symbol)
        self._closing = None  # an exit that is still open after this long is asked for again; asking twice is harmless
        self._watch()

    def _watch(self) -> None:
        trade = self._trade
        if trade is None or self._closing is not None:
            return
        now_ms = self.context.clock.now_ms()
        reason = check_exit(trade, book=self._book, mark=self._mark, now_ms=now_ms, params=self._params)
        if reason is not None:
            self._closing = reason
            self._exchange.tell(ClosePosition(symbol=self._symbol, trade_id=trade.trade_id, reason=reason))

    def _on_reconciled(self, message: SymbolReconciled) -> None:
        self._trade = message.trade
        self._mirror()

    def _on_opened(self, message: PositionOpened) -> None:
        self._trade, self._closing = message.trade, None
        self._storage.tell(RecordTrade(row=open_row(message.trade, self._labels)))
        self._mirror()

    def _on_protected(self, message: PositionProtected) -> None:
        if self._trade is not None and self._trade.trade_id == message.trade_id:
            self._trade = msgspec.structs.replace(
                self._trade, protected=message.protected, liquidation_price=message.liquidation_price
            )
            self._watch()
            self._mirror()

    def _on_closed(self, message: PositionClosed) -> None:
        row = closed_row(
            message.trade,
            self._labels,
            entry_fills=message.entry_fills,
            exit_fills=message.exit_fills,
            reason=message.reason,
            funding_usdt=message.funding_usdt,
        )
        logger.info("{} closed {}: {}, net {} USDT", self._symbol, row.id, row.close_reason, row.pnl_net_usdt)
        self._storage.tell(RecordTrade(row=row))
        if self._trade is not None and self._trade.trade_id == message.trade.trade_id:
            self._trade = None
        self._mirror()

    def _on_failed(self, message: EntryFailed) -> None:
        logger.warning("{} entry {} failed: {}", self._symbol, message.trade_id, message.detail)
        row = failed_row(
            message.plan, self._labels, trade_id=message.trade_id, reason=message.reason, ts_ms=message.ts_ms
        )
        self._storage.tell(RecordTrade(row=row))

    def _mirror(self) -> None:
        """Keep `position:{symbol}` as observers should see it."""
        trade, key = self._trade, f"position:{self._symbol}"
        if trade is None:
            self._hot_store.tell(Mirror(key=key, value=None))
            return
        view = {**position_view(trade, self._mark), "row": open_row(trade, self._labels)}
        self._hot_store.tell(Mirror(key=key, value=view))


def position_view(trade: OpenTrade, mark: MarkPrice | None) -> dict[str, object]:
    """Return the position as the control API shows it; unrealised profit at the mark price, before the exit's fee."""
    plan = trade.plan
    mark_price = msgspec.convert(str(mark.mark_price), type(ZERO)) if mark is not None else None
    unrealized = None if mark_price is None else plan.side.sign * trade.quantity * (mark_price - trade.entry_price)
    return {
        "trade_id": trade.trade_id,
        "side": plan.side,
        "quantity": trade.quantity,
        "entry_price": trade.entry_price,
        "mark_price": mark_price,
        "liq_price": trade.liquidation_price,
        "sl_price": plan.sl_price,
        "tp_price": plan.tp_price,
        "leverage": plan.leverage,
        "strategy": plan.strategy,
        "opened_ms": trade.opened_ms,
        "upnl_usdt": unrealized,
        "protected": trade.protected,
    }
