"""The exchange as one pure object: market events and requests go in, answers, user events and a ledger come out.

One account, one-way mode, isolated margin, fees in USDT. Time is an argument everywhere; the same calls in the same
order give the same ledger, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any, TypeAlias

from vortex.sim.core.account import Account
from vortex.sim.core.algos import AlgoDesk
from vortex.sim.core.command_desk import CommandDesk
from vortex.sim.core.commands import Command, CoreCommand
from vortex.sim.core.events import UserEvent
from vortex.sim.core.floor import Floor
from vortex.sim.core.funding import settle_when_due
from vortex.sim.core.history import FinalRow
from vortex.sim.core.ledger import render
from vortex.sim.core.liquidation import Liquidator
from vortex.sim.core.market import BookEvent, MarketEvent, MarkEvent, SymbolSpec, TradeEvent
from vortex.sim.core.matching import CONTRACT_PRICE, MARK_PRICE, SymbolMarket
from vortex.sim.core.orders import OrderDesk
from vortex.sim.core.queries import ANSWERS
from vortex.sim.core.resting import fill_by_book, fill_by_trade
from vortex.sim.core.settings import SettingsDesk
from vortex.sim.core.types import (
    AdjustMargin,
    AmendOrder,
    CancelAlgoRequest,
    CancelOrderRequest,
    ChangeAssetsMode,
    ChangeLeverage,
    ChangeMarginType,
    ChangePositionMode,
    CoreRequest,
    NewAlgo,
    NewOrder,
    SetCountdown,
    SimAccount,
    SimAlgo,
    SimFill,
    SimIncome,
    SimModes,
    SimOrder,
    SimPosition,
    SimSymbolConfig,
)

Answer: TypeAlias = (
    SimOrder
    | SimAlgo
    | SimAccount
    | SimPosition
    | SimSymbolConfig
    | SimModes
    | int
    | list[SimOrder]
    | list[SimAlgo]
    | list[SimFill]
    | list[SimIncome]
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
        taker_fee: Fraction of notional charged on what executes at once.
        maker_fee: Fraction of notional charged on what rested before.
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
        floor = Floor(specs, Account(wallet=balance_usdt), taker_fee=taker_fee, maker_fee=maker_fee)
        self._floor = floor
        self._orders = OrderDesk(floor)
        self._algos = AlgoDesk(floor, self._orders)
        self._settings = SettingsDesk(floor)
        self._liquidator = Liquidator(floor, self._orders, self._algos)
        self._commands = CommandDesk(floor, self._orders, self._algos, self._settings, self._liquidator)
        self._handlers = self._table()

    @property
    def specs(self) -> dict[str, SymbolSpec]:
        """The listed contracts by symbol, with the status and filters that commands gave them."""
        return self._floor.specs

    def market(self, symbol: str) -> SymbolMarket:
        """Book, mark and last price of a listed symbol, to read only."""
        return self._floor.markets[symbol]

    def on_market(self, event: MarketEvent) -> None:
        """Take in one market event.

        Books and trades execute resting orders; mark and last price trigger conditional ones; the mark price settles
        funding, and liquidates before it triggers. Candles change nothing here.
        """
        floor, now_ms, symbol = self._floor, event.ts_ms, event.symbol
        market = floor.markets[symbol]
        if isinstance(event, BookEvent):
            market.on_book(event)
            if floor.resting(symbol):
                fill_by_book(floor, now_ms, symbol)
        elif isinstance(event, TradeEvent):
            market.last = event
            if floor.resting(symbol):
                fill_by_trade(floor, event)
            self._on_price(now_ms, symbol, CONTRACT_PRICE)
        elif isinstance(event, MarkEvent):
            market.mark = event
            settle_when_due(floor, event)
            self._liquidator.on_mark(now_ms, symbol, event.mark_price)
            self._on_price(now_ms, symbol, MARK_PRICE)
        floor.remember(now_ms)

    def on_time(self, now_ms: int) -> None:
        """Cancel the orders of symbols whose countdown is over."""
        countdowns = self._floor.account.countdowns
        for symbol in [symbol for symbol, due_ms in countdowns.items() if due_ms <= now_ms]:
            del countdowns[symbol]
            self._orders.cancel_all(now_ms, symbol)

    def execute(self, now_ms: int, request: CoreRequest, *, lag_ms: int = 0) -> Answer:
        """Do or answer one request at this time. Raises RequestRefused with the exchange's own code and text.

        Args:
            now_ms: Epoch ms.
            request: What is asked.
            lag_ms: A question is answered as of so long ago (at most two minutes, valued at the present mark price);
                what changes something ignores it.
        """
        self.on_time(now_ms)
        answer = ANSWERS.get(type(request))
        if answer is not None:
            state = self._floor.past(now_ms - lag_ms) if lag_ms > 0 else self._floor
            return answer(state, now_ms, request)  # type: ignore[no-any-return]  # the table pairs requests and answers
        try:
            return self._handlers[type(request)](now_ms, request)
        finally:
            self._floor.remember(now_ms)

    def obey(self, now_ms: int, command: CoreCommand) -> None:
        """Carry out a command that bends no prices. Raises ValueError when it cannot be done, and says why."""
        try:
            self._commands.obey(now_ms, command)
        finally:
            self._floor.remember(now_ms)

    def note_command(self, now_ms: int, command: Command) -> None:
        """Write down a command that someone else carries out."""
        self._commands.note(now_ms, command)

    def note(self, now_ms: int, symbol: str | None, event: str, detail: dict[str, str]) -> None:
        """Add a line to the timeline; without a symbol it tells of no position and no stop."""
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
        return render(self._floor.account, self._floor.history, self._floor.open_positions(), now_ms)

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
        if self._floor.waiting(symbol):
            self._algos.on_price(now_ms, symbol, working_type)

    def _table(self) -> dict[type[Any], Callable[[int, Any], Answer]]:
        orders, algos, settings = self._orders, self._algos, self._settings
        return {
            NewOrder: orders.place,
            AmendOrder: orders.amend,
            CancelOrderRequest: orders.cancel,
            NewAlgo: algos.place,
            CancelAlgoRequest: algos.cancel,
            ChangeLeverage: settings.change_leverage,
            ChangeMarginType: settings.change_margin_type,
            AdjustMargin: settings.adjust_margin,
            ChangePositionMode: settings.change_position_mode,
            ChangeAssetsMode: settings.change_assets_mode,
            SetCountdown: settings.set_countdown,
        }
