"""The exchange as one pure object: market events and requests go in, answers, user events and a ledger come out.

One account, one-way mode, isolated margin, taker fee in USDT. Time is an argument everywhere; the same calls in the
same order give the same ledger, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any, TypeAlias

from vortex.sim.core.account import Account
from vortex.sim.core.account_desk import AccountDesk
from vortex.sim.core.algos import AlgoDesk
from vortex.sim.core.floor import Floor
from vortex.sim.core.history import FinalRow
from vortex.sim.core.ledger import render
from vortex.sim.core.market import BookEvent, MarketEvent, MarkEvent, SymbolSpec, TradeEvent
from vortex.sim.core.matching import CONTRACT_PRICE, MARK_PRICE, SymbolMarket
from vortex.sim.core.orders import OrderDesk
from vortex.sim.core.types import (
    CancelAlgoRequest,
    CancelOrderRequest,
    ChangeLeverage,
    ChangeMarginType,
    CoreRequest,
    FindAlgo,
    FindOrder,
    GetAccountInfo,
    GetSymbolConfig,
    ListAlgos,
    ListFills,
    ListOrders,
    ListPositions,
    NewAlgo,
    NewOrder,
    SimAccount,
    SimAlgo,
    SimFill,
    SimOrder,
    SimPosition,
    SimSymbolConfig,
    UserEvent,
)

Answer: TypeAlias = (
    SimOrder
    | SimAlgo
    | SimAccount
    | SimSymbolConfig
    | list[SimOrder]
    | list[SimAlgo]
    | list[SimFill]
    | list[SimPosition]
    | list[SimSymbolConfig]
)
"""What a request is answered with: one value of the kind it asks for or changes, or a list of them."""

TAKER_FEE = Decimal("0.0005")
MAKER_FEE = Decimal("0.0002")


class ExchangeCore:
    """A deterministic Binance USD-M exchange for one account. Not thread-safe: one owner calls it in order of time.

    Args:
        specs: The listed contracts; market events of other symbols are an error of the caller.
        balance_usdt: The wallet at the start.
        taker_fee: Fraction of notional charged on every fill; market orders always take.
        maker_fee: Shown as the account's commission rate; nothing rests on the book in this version.
    """

    def __init__(
        self,
        specs: Iterable[SymbolSpec],
        *,
        balance_usdt: Decimal,
        taker_fee: Decimal = TAKER_FEE,
        maker_fee: Decimal = MAKER_FEE,
    ) -> None:
        self.taker_fee = taker_fee
        self.maker_fee = maker_fee
        self._floor = Floor(specs, Account(wallet=balance_usdt), taker_fee=taker_fee)
        self._orders = OrderDesk(self._floor)
        self._algos = AlgoDesk(self._floor, self._orders)
        self._account = AccountDesk(self._floor)
        self._handlers = self._table()

    @property
    def specs(self) -> dict[str, SymbolSpec]:
        """The listed contracts by symbol."""
        return self._floor.specs

    def market(self, symbol: str) -> SymbolMarket:
        """Book, mark and last price of a listed symbol, to read only."""
        return self._floor.markets[symbol]

    def on_market(self, event: MarketEvent) -> None:
        """Take in one market event; mark and last price trigger conditional orders. Candles change nothing here."""
        if isinstance(event, BookEvent):
            self._floor.markets[event.symbol].on_book(event)
        elif isinstance(event, TradeEvent):
            self._floor.markets[event.symbol].last = event
            self._on_price(event.ts_ms, event.symbol, CONTRACT_PRICE)
        elif isinstance(event, MarkEvent):
            self._floor.markets[event.symbol].mark = event
            self._on_price(event.ts_ms, event.symbol, MARK_PRICE)

    def execute(self, now_ms: int, request: CoreRequest, *, lag_ms: int = 0) -> Answer:  # noqa: ARG002  # no past yet
        """Do or answer one request at this time. Raises RequestRefused with the exchange's own code and text."""
        return self._handlers[type(request)](now_ms, request)

    def note(self, now_ms: int, symbol: str | None, event: str, detail: dict[str, str]) -> None:
        """Add a line to the timeline for what is done to the exchange from outside."""
        self._floor.record(now_ms, symbol, event, detail)

    def drain(self) -> list[UserEvent]:
        """User events since the last call, in the order in which they happened."""
        events, self._floor.events = self._floor.events, []
        return events

    def ledger(self, now_ms: int) -> dict[str, Any]:
        """Everything that happened and is, as JSON values."""
        parts = self.ledger_parts(now_ms)
        return {name: list(part) if isinstance(part, Iterator) else part for name, part in parts.items()}

    def ledger_parts(self, now_ms: int) -> dict[str, Any]:
        """The ledger as it is now, its long lists as iterators that may be read at leisure."""
        return render(self._floor.account, self._floor.history, self._account.open_positions(), now_ms)

    def record_to(self, sink: Callable[[FinalRow], None]) -> None:
        """From now on tell of every row of the history that becomes final: it is told once and never changes again."""
        self._floor.final_sink = sink

    def dump(self) -> bytes:
        """What still changes, for a restart: with the final rows so far it is one consistent state.

        Undelivered events and the market are not part of it.
        """
        return self._floor.dump()

    def restore(self, data: bytes, rows: Iterable[FinalRow]) -> None:
        """Take over a dumped account and its final rows, in any order.

        Raises:
            ValueError: They are malformed, do not belong together, or hold what is not listed here.
        """
        self._floor.restore(data, rows)

    def _on_price(self, now_ms: int, symbol: str, working_type: str) -> None:
        if self._floor.open_algos[symbol]:
            self._algos.on_price(now_ms, symbol, working_type)

    def _place_order(self, now_ms: int, request: NewOrder) -> SimOrder:
        order = self._orders.place(now_ms, request)
        self._algos.expire_orphans(now_ms, request.symbol)
        return order

    def _table(self) -> dict[type[Any], Callable[[int, Any], Answer]]:
        orders, algos, account = self._orders, self._algos, self._account
        return {
            NewOrder: self._place_order,
            FindOrder: lambda _, request: orders.find(request),
            CancelOrderRequest: orders.cancel,
            ListOrders: lambda _, request: orders.list_open(request),
            NewAlgo: algos.place,
            FindAlgo: lambda _, request: algos.find(request),
            CancelAlgoRequest: algos.cancel,
            ListAlgos: lambda _, request: algos.list_open(request),
            ListFills: lambda _, request: account.fills(request),
            GetAccountInfo: lambda now_ms, _: account.account(now_ms),
            ListPositions: lambda _, request: account.positions(request),
            ChangeLeverage: account.change_leverage,
            ChangeMarginType: account.change_margin_type,
            GetSymbolConfig: lambda _, request: account.configs(request),
        }
