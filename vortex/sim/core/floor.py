"""What the desks of the exchange share: the state, and the record of every change of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from msgspec import structs

from vortex.domain.order import ZERO, AlgoStatus, OrderKind, OrderStatus
from vortex.sim.core.account import Account, Present, decode, encode
from vortex.sim.core.events import AccountPushed, AlgoPushed, OrderPushed, TimelineEntry, TradePushed, UserEvent
from vortex.sim.core.history import FinalRow, History
from vortex.sim.core.market import SymbolSpec
from vortex.sim.core.matching import SymbolMarket
from vortex.sim.core.memory import CommonPart, Memory, SymbolPart
from vortex.sim.core.state import PastState, State, algo_open
from vortex.sim.core.types import SimAlgo, SimFill, SimFunding, SimOrder, StateChange

AMENDMENT = "AMENDMENT"
"""Execution type of an order whose terms changed, its status staying what it was."""
TRIGGER_GRACE_MS = 3_000
"""A triggered stop still counts as working this long: its market order is on its way."""


def order_copy(order: SimOrder) -> SimOrder:
    """An order as it is now; the original goes on changing."""
    return structs.replace(order, states=list(order.states))


def algo_copy(algo: SimAlgo) -> SimAlgo:
    """A conditional order as it is now."""
    return structs.replace(algo, states=list(algo.states))


class Floor(State):
    """Shared state of the desks. Every change of an order, fill or position is recorded and pushed through here."""

    def __init__(
        self, specs: Iterable[SymbolSpec], account: Account, *, taker_fee: Decimal, maker_fee: Decimal
    ) -> None:
        self._listed = {spec.symbol: spec for spec in specs}
        self.specs: dict[str, SymbolSpec] = dict(self._listed)
        self.markets = {symbol: SymbolMarket(spec) for symbol, spec in self._listed.items()}
        self.taker_fee = taker_fee
        self.maker_fee = maker_fee
        self.events: list[UserEvent] = []
        self.final_sink: Callable[[FinalRow], None] = _nobody
        self._load(account, History(self._tell))

    # --------------------------------------------------------------------------------------------- giving it away

    def restore(self, data: bytes, rows: Iterable[FinalRow]) -> None:
        """Take over what `dump` gave and the final rows; undelivered events are dropped. Raises ValueError."""
        present, history = decode(data), History(self._tell)
        held = {symbol for symbol, position in present.account.positions.items() if position.amount}
        held |= {algo.symbol for algo in present.algos.values()}
        held |= {order.symbol for order in present.orders.values()}
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
        for market in self.markets.values():
            market.left_lots = None
        self._load(present.account, history)

    def dump(self) -> bytes:
        """All that still changes."""
        return encode(
            Present(account=self.account, orders=self.orders.open, algos=self.algos.open, lengths=self.history.lengths)
        )

    def remember(self, now_ms: int) -> None:
        """Keep what was changed since the last time for queries about this moment."""
        if self._changed:
            parts = {symbol: self._part(symbol) for symbol in self._changed if symbol in self.specs}
            self._changed.clear()
            self._memory.keep(now_ms, self._common_part(), parts)

    def touch(self, symbol: str | None) -> None:
        """Say that something of a symbol, or of the account, changed which no line of the timeline tells of."""
        self._changed[symbol or ""] = None

    def past(self, ts_ms: int) -> State:
        """The state as of a time within the last minutes."""
        return PastState(self, self._memory.as_of(ts_ms), self.history, self._fill_numbers)

    def _load(self, account: Account, history: History) -> None:
        self.account, self.history = account, history
        self.orders, self.algos = history.orders, history.algos
        self._open_orders: dict[str, list[SimOrder]] = {symbol: [] for symbol in self.specs}
        self._open_algos: dict[str, list[SimAlgo]] = {symbol: [] for symbol in self.specs}
        for order in self.orders.open.values():
            self._open_orders[order.symbol].append(order)
        for algo in self.algos.open.values():
            self._open_algos[algo.symbol].append(algo)
        self._fill_numbers: defaultdict[str, list[int]] = defaultdict(list)
        for number, fill in enumerate(history.fills.snapshot()):
            self._fill_numbers[fill.symbol].append(number)
        for symbol in self._listed:
            self.respecify(symbol)
        self._memory = Memory(self._common_part())
        self._changed: dict[str, None] = dict.fromkeys((*account.positions, *account.settings, ""))
        self.remember(0)

    def _common_part(self) -> CommonPart:
        account = self.account
        return CommonPart(
            wallet=account.wallet,
            dual_side=account.dual_side,
            multi_assets=account.multi_assets,
            lengths=self.history.lengths,
        )

    def _part(self, symbol: str) -> SymbolPart:
        return SymbolPart(
            position=self.account.positions.get(symbol),
            setting=self.account.settings.get(symbol),
            orders={self.orders.number(order.order_id): order for order in self._open_orders[symbol]},
            algos={self.algos.number(algo.algo_id): algo for algo in self._open_algos[symbol]},
        )

    def respecify(self, symbol: str) -> None:
        """Show the contract as the commands left it: its status and its tick size."""
        spec = self._listed[symbol]
        self.specs[symbol] = structs.replace(
            spec,
            status=self.account.statuses.get(symbol, spec.status),
            tick_size=self.account.ticks.get(symbol, spec.tick_size),
        )

    def _tell(self, row: FinalRow) -> None:
        self.final_sink(row)

    # -------------------------------------------------------------------------------------------------- reading it

    def resting(self, symbol: str) -> list[SimOrder]:
        return self._open_orders[symbol]

    def waiting(self, symbol: str) -> list[SimAlgo]:
        return self._open_algos[symbol]

    def fill_numbers(self, symbol: str | None) -> list[int]:
        return list(range(len(self.history.fills))) if symbol is None else self._fill_numbers[symbol]

    def fill(self, number: int) -> SimFill:
        return self.history.fills[number]

    def funding(self) -> Iterator[tuple[int, SimFunding]]:
        funding = self.history.funding
        return ((number, funding[number]) for number in reversed(range(len(funding))))

    # ------------------------------------------------------------------------------------------------- what happened

    def enter_order(self, now_ms: int, order: SimOrder) -> None:
        """Give an order its id, put it on record and say that it is NEW."""
        self.account.last_order_id += 1
        order.order_id = self.account.last_order_id
        self.orders.enter(order)
        self._open_orders[order.symbol].append(order)
        self.order_changed(now_ms, order, OrderStatus.NEW)

    def enter_algo(self, now_ms: int, algo: SimAlgo) -> None:
        """Likewise a conditional order."""
        self.account.last_algo_id += 1
        algo.algo_id = self.account.last_algo_id
        self.algos.enter(algo)
        self._open_algos[algo.symbol].append(algo)
        self.algo_changed(now_ms, algo, AlgoStatus.NEW)

    def order_changed(
        self, now_ms: int, order: SimOrder, status: OrderStatus, fill: SimFill | None = None, execution: str = ""
    ) -> None:
        """Move an order to a status, record it, push it; without a fill what happened is the status itself."""
        order.status, order.updated_ms = status, now_ms
        if execution != AMENDMENT:
            order.states.append(StateChange(ts_ms=now_ms, status=status))
        detail = {"client_id": order.client_id, "status": status.value, "executed_qty": f"{order.executed:f}"}
        if order.code is not None:
            detail["code"] = str(order.code)
        if order.order_id is not None:
            detail["order_id"] = str(order.order_id)
        if order.order_id is not None and status.final:
            self._open_orders[order.symbol].remove(order)
        self.record(now_ms, order.symbol, "ORDER", detail)
        if order.order_id is None:
            self.orders.append(order)
            return
        execution = execution or ("TRADE" if fill else status.value)
        self.events.append(OrderPushed(ts_ms=now_ms, order=order_copy(order), execution=execution, fill=fill))
        if status.final:
            self.orders.close(order.order_id)

    def algo_changed(self, now_ms: int, algo: SimAlgo, status: AlgoStatus, reason: str = "") -> None:
        """Move a conditional order to a status, record it, push it."""
        algo.status, algo.updated_ms = status, now_ms
        algo.states.append(StateChange(ts_ms=now_ms, status=status))
        detail = {"client_id": algo.client_id, "type": algo.kind, "status": status.value}
        if algo.code is not None:
            detail["code"] = str(algo.code)
        if algo.algo_id is not None:
            detail["algo_id"] = str(algo.algo_id)
        if algo.algo_id is not None and not algo_open(status):
            self._open_algos[algo.symbol].remove(algo)
        self.record(now_ms, algo.symbol, "ALGO", detail)
        if algo.algo_id is None:
            self.algos.append(algo)
            return
        self.events.append(AlgoPushed(ts_ms=now_ms, algo=algo_copy(algo), reason=reason))
        if not algo_open(status):
            self.algos.close(algo.algo_id)

    def vanish(self, now_ms: int, algo: SimAlgo) -> None:
        """Make an open conditional order unknown, without an event; the ledger calls it EXPIRED."""
        if algo.algo_id is None:
            raise ValueError("a conditional order that was refused cannot vanish")
        algo.status, algo.updated_ms, algo.vanished = AlgoStatus.EXPIRED, now_ms, True
        algo.states.append(StateChange(ts_ms=now_ms, status=algo.status))
        self._open_algos[algo.symbol].remove(algo)
        self.algos.forget(algo.algo_id)

    def filled(self, now_ms: int, order: SimOrder, fill: SimFill) -> None:
        """Record an execution that has already changed position and wallet, and push the account."""
        self._fill_numbers[fill.symbol].append(len(self.history.fills))
        self.history.fills.append(fill)
        detail = {
            "client_id": fill.client_id,
            "side": fill.side.value,
            "qty": f"{fill.quantity:f}",
            "price": f"{fill.price:f}",
        }
        self.record(now_ms, fill.symbol, "FILL", detail)
        self.events.append(TradePushed(ts_ms=now_ms, order=order_copy(order), fill=fill))
        self.push_account(now_ms, "ORDER", fill.symbol)

    def push_account(self, now_ms: int, reason: str, symbol: str, change: Decimal = ZERO) -> None:
        """Push the wallet and the symbol's position; `change` came in other than by trading."""
        view = self.position_view(self.account.position(symbol))
        wallet = self.account.wallet
        self.events.append(AccountPushed(ts_ms=now_ms, reason=reason, wallet=wallet, positions=(view,), change=change))

    def record_position(self, now_ms: int, symbol: str) -> None:
        """Add a line with entry price and margin of the symbol's position."""
        position = self.account.position(symbol)
        detail = {
            "entry_price": f"{position.entry_price:f}",
            "isolated_wallet_usdt": f"{position.isolated_wallet:f}",
        }
        self.record(now_ms, symbol, "POSITION", detail)

    def record(self, now_ms: int, symbol: str | None, event: str, detail: dict[str, str]) -> None:
        """Add a line to the timeline with the state after the event, which without a symbol is none."""
        self.touch(symbol)
        position = None if symbol is None else self.account.positions.get(symbol)
        amount = position.amount if position else ZERO
        entry = TimelineEntry(
            seq=len(self.history.timeline) + 1,
            ts_ms=now_ms,
            symbol=symbol,
            event=event,
            position_amt=None if symbol is None else amount,
            stop_working=None if symbol is None else self.stop_working(now_ms, symbol),
            detail=detail,
        )
        self.history.timeline.append(entry)

    def stop_working(self, now_ms: int, symbol: str) -> bool:
        """True when a STOP_MARKET that would close the whole position rests, or has triggered within the grace."""
        position = self.account.positions.get(symbol)
        if position is None:
            return False
        size, closing = abs(position.amount), position.closing_side
        return any(
            algo.kind == OrderKind.STOP_MARKET
            and algo.side is closing
            and (algo.close_position or algo.quantity >= size)
            and (algo.status is AlgoStatus.NEW or now_ms - _triggered_ms(algo) < TRIGGER_GRACE_MS)
            for algo in self._open_algos[symbol]
        )


def _nobody(_row: FinalRow) -> None:
    """The sink of final rows before anyone listens."""


def _triggered_ms(algo: SimAlgo) -> int:
    return next(state.ts_ms for state in algo.states if state.status == AlgoStatus.TRIGGERING)
