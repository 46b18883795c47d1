"""What the desks of the exchange share: listed symbols, their markets, the account, and the record of what happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal

from msgspec import structs

from vortex.domain.order import ZERO, AlgoStatus, OrderKind, OrderStatus
from vortex.sim.core.account import Account, Position, Present, decode, encode
from vortex.sim.core.history import FinalRow, History
from vortex.sim.core.margin import liquidation_price
from vortex.sim.core.market import SymbolSpec
from vortex.sim.core.matching import MARK_PRICE, SymbolMarket
from vortex.sim.core.types import (
    AccountPushed,
    AlgoPushed,
    OrderPushed,
    RequestRefused,
    SimAlgo,
    SimFill,
    SimOrder,
    SimPosition,
    StateChange,
    TimelineEntry,
    UserEvent,
)

TRIGGER_GRACE_MS = 3_000
"""A triggered stop still counts as working this long: its market order is on its way."""

_TRIGGERED = (AlgoStatus.TRIGGERING, AlgoStatus.TRIGGERED)


def algo_open(status: AlgoStatus) -> bool:
    """True while a conditional order may still act."""
    return status is AlgoStatus.NEW or status in _TRIGGERED


def order_copy(order: SimOrder) -> SimOrder:
    """An order as it is now; the original goes on changing."""
    return structs.replace(order, states=list(order.states))


def algo_copy(algo: SimAlgo) -> SimAlgo:
    """A conditional order as it is now."""
    return structs.replace(algo, states=list(algo.states))


class Floor:
    """Shared state of the desks. Every change of an order, fill or position is recorded and pushed through here."""

    def __init__(self, specs: Iterable[SymbolSpec], account: Account, *, taker_fee: Decimal) -> None:
        self.specs = {spec.symbol: spec for spec in specs}
        self.markets = {symbol: SymbolMarket(spec) for symbol, spec in self.specs.items()}
        self.taker_fee = taker_fee
        self.events: list[UserEvent] = []
        self.final_sink: Callable[[FinalRow], None] = _nobody
        self._load(account, History(self._tell))

    def restore(self, data: bytes, rows: Iterable[FinalRow]) -> None:
        """Take over what `dump` gave and the final rows; undelivered events are dropped. Raises ValueError."""
        present, history = decode(data), History(self._tell)
        held = {symbol for symbol, position in present.account.positions.items() if position.amount}
        held |= {algo.symbol for algo in present.algos.values()}
        if unlisted := sorted(held - set(self.specs)):
            raise ValueError(f"the state holds positions or orders in symbols not listed: {', '.join(unlisted)}")
        try:
            history.put(rows)
        except ValueError as error:
            raise ValueError(f"not an exchange state: {error}") from error
        history.orders.reopen(present.orders)
        history.algos.reopen(present.algos)
        if history.lengths != present.lengths or not history.complete:
            raise ValueError("not an exchange state: a part of its history is missing")
        self.events = []
        self._load(present.account, history)

    def dump(self) -> bytes:
        """All that still changes."""
        history = self.history
        present = Present(
            account=self.account, orders=history.orders.open, algos=history.algos.open, lengths=history.lengths
        )
        return encode(present)

    def _load(self, account: Account, history: History) -> None:
        self.account, self.history = account, history
        self.open_algos: dict[str, list[SimAlgo]] = {symbol: [] for symbol in self.specs}
        for algo in history.algos.open.values():
            self.open_algos[algo.symbol].append(algo)
        self.fill_numbers: defaultdict[str, list[int]] = defaultdict(list)
        for number, fill in enumerate(history.fills.snapshot()):
            self.fill_numbers[fill.symbol].append(number)

    def _tell(self, row: FinalRow) -> None:
        self.final_sink(row)

    def spec(self, symbol: str) -> SymbolSpec:
        """The listed contract. Raises RequestRefused -1121."""
        spec = self.specs.get(symbol)
        if spec is None:
            raise RequestRefused(-1121, "Invalid symbol.")
        return spec

    # ------------------------------------------------------------------------------------------------- what happened

    def enter_order(self, now_ms: int, order: SimOrder) -> None:
        """Give an order its id, put it on record and say that it is NEW."""
        self.account.last_order_id += 1
        order.order_id = self.account.last_order_id
        self.history.orders.enter(order)
        self.order_changed(now_ms, order, OrderStatus.NEW)

    def enter_algo(self, now_ms: int, algo: SimAlgo) -> None:
        """Likewise a conditional order."""
        self.account.last_algo_id += 1
        algo.algo_id = self.account.last_algo_id
        self.history.algos.enter(algo)
        self.open_algos[algo.symbol].append(algo)
        self.algo_changed(now_ms, algo, AlgoStatus.NEW)

    def order_changed(self, now_ms: int, order: SimOrder, status: OrderStatus, fill: SimFill | None = None) -> None:
        """Move an order to a status, record it, push it."""
        order.status, order.updated_ms = status, now_ms
        order.states.append(StateChange(ts_ms=now_ms, status=status))
        detail = {"client_id": order.client_id, "status": status.value, "executed_qty": f"{order.executed:f}"}
        if order.code is not None:
            detail["code"] = str(order.code)
        if order.order_id is not None:
            detail["order_id"] = str(order.order_id)
        self.record(now_ms, order.symbol, "ORDER", detail)
        if order.order_id is None:
            self.history.orders.append(order)
            return
        self.events.append(OrderPushed(ts_ms=now_ms, order=order_copy(order), fill=fill))
        if status.final:
            self.history.orders.close(order.order_id)

    def algo_changed(self, now_ms: int, algo: SimAlgo, status: AlgoStatus, reason: str = "") -> None:
        """Move a conditional order to a status, record it, push it."""
        algo.status, algo.updated_ms = status, now_ms
        algo.states.append(StateChange(ts_ms=now_ms, status=status))
        detail = {"client_id": algo.client_id, "type": algo.kind.value, "status": status.value}
        if algo.code is not None:
            detail["code"] = str(algo.code)
        if algo.algo_id is not None:
            detail["algo_id"] = str(algo.algo_id)
        if algo.algo_id is not None and not algo_open(status):
            self.open_algos[algo.symbol].remove(algo)
        self.record(now_ms, algo.symbol, "ALGO", detail)
        if algo.algo_id is None:
            self.history.algos.append(algo)
            return
        self.events.append(AlgoPushed(ts_ms=now_ms, algo=algo_copy(algo), reason=reason))
        if not algo_open(status):
            self.history.algos.close(algo.algo_id)

    def filled(self, now_ms: int, fill: SimFill) -> None:
        """Record an execution that has already changed position and wallet, and push the account."""
        self.fill_numbers[fill.symbol].append(len(self.history.fills))
        self.history.fills.append(fill)
        detail = {
            "client_id": fill.client_id,
            "side": fill.side.value,
            "qty": f"{fill.quantity:f}",
            "price": f"{fill.price:f}",
        }
        self.record(now_ms, fill.symbol, "FILL", detail)
        position = self.position_view(self.account.position(fill.symbol))
        self.events.append(
            AccountPushed(ts_ms=now_ms, reason="ORDER", wallet=self.account.wallet, positions=(position,))
        )

    def record(self, now_ms: int, symbol: str | None, event: str, detail: dict[str, str]) -> None:
        """Add a line to the timeline with the state after the event, if it is about a symbol."""
        amount = None if symbol is None else self._amount(symbol)
        entry = TimelineEntry(
            seq=len(self.history.timeline) + 1,
            ts_ms=now_ms,
            symbol=symbol,
            event=event,
            position_amt=amount,
            stop_working=None if symbol is None else self.stop_working(now_ms, symbol),
            detail=detail,
        )
        self.history.timeline.append(entry)

    def _amount(self, symbol: str) -> Decimal:
        position = self.account.positions.get(symbol)
        return position.amount if position else ZERO

    def stop_working(self, now_ms: int, symbol: str) -> bool:
        """True when a STOP_MARKET that would close the whole position rests, or has triggered within the grace."""
        position = self.account.positions.get(symbol)
        if position is None:
            return False
        size, closing = abs(position.amount), position.closing_side
        return any(
            algo.kind is OrderKind.STOP_MARKET
            and algo.side is closing
            and (algo.close_position or algo.quantity >= size)
            and (algo.status is AlgoStatus.NEW or now_ms - _triggered_ms(algo) < TRIGGER_GRACE_MS)
            for algo in self.open_algos[symbol]
        )

    def position_view(self, position: Position) -> SimPosition:
        """A position as the exchange shows it, valued at the mark price (at its entry price before the first one)."""
        mark = self.markets[position.symbol].price(MARK_PRICE) or position.entry_price
        return SimPosition(
            symbol=position.symbol,
            amount=position.amount,
            entry_price=position.entry_price,
            mark_price=mark,
            leverage=self.account.setting(position.symbol).leverage,
            isolated_wallet=position.isolated_wallet,
            liquidation_price=liquidation_price(self.specs[position.symbol].tiers, position),
            unrealized_pnl=position.amount * (mark - position.entry_price),
            updated_ms=position.updated_ms,
        )


def _nobody(_row: FinalRow) -> None:
    """The sink of final rows before anyone listens."""


def _triggered_ms(algo: SimAlgo) -> int:
    return next(state.ts_ms for state in algo.states if state.status == AlgoStatus.TRIGGERING)
