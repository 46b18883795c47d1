"""Carries out the commands that are about the exchange itself: the contract, conditional orders, a person's hands.

Those that bend prices are the world's. Each leaves its line in the timeline before what comes of it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from msgspec import structs

from vortex.domain.order import ZERO, AlgoStatus, OrderSide
from vortex.sim.core.account import Position
from vortex.sim.core.algos import AlgoDesk
from vortex.sim.core.commands import (
    AlgoCommand,
    ChangeFilter,
    ChangeStatus,
    Command,
    CoreCommand,
    ExpireAlgo,
    ForceAdl,
    Outrun,
    PersonCancelsStop,
    PersonChangesLeverage,
    PersonCloses,
    PersonIncreases,
    PersonOpens,
    RejectOnTrigger,
    SetFunding,
    StickTriggering,
    UserCommand,
    Vanish,
)
from vortex.sim.core.floor import Floor
from vortex.sim.core.funding import settle_funding
from vortex.sim.core.liquidation import Liquidator
from vortex.sim.core.matching import MARK_PRICE
from vortex.sim.core.orders import OrderDesk
from vortex.sim.core.settings import SettingsDesk
from vortex.sim.core.triggers import STOP, STOP_MARKET
from vortex.sim.core.types import CancelAlgoRequest, ChangeLeverage, NewOrder, RequestRefused, SimAlgo


class CommandDesk:
    """Obeys, or raises ValueError with the reason why it cannot."""

    def __init__(
        self, floor: Floor, orders: OrderDesk, algos: AlgoDesk, settings: SettingsDesk, liquidator: Liquidator
    ) -> None:
        self._floor = floor
        self._orders = orders
        self._algos = algos
        self._settings = settings
        self._liquidator = liquidator
        self._deeds: dict[type[Any], Callable[[int, Any], None]] = {
            ChangeStatus: self._change_status,
            ChangeFilter: self._change_filter,
            SetFunding: self._set_funding,
            Outrun: self._outrun,
            ForceAdl: self._force_adl,
            StickTriggering: self._stick,
            Vanish: self._vanish,
            RejectOnTrigger: self._doom,
            ExpireAlgo: self._expire,
            PersonOpens: self._open,
            PersonIncreases: self._increase,
            PersonCloses: self._close,
            PersonCancelsStop: self._cancel_stop,
            PersonChangesLeverage: self._change_leverage,
        }

    def obey(self, now_ms: int, command: CoreCommand) -> None:
        """Carry out a command about a listed symbol, other than one that bends prices. Raises ValueError."""
        if command.symbol not in self._floor.specs:
            raise ValueError(f"{command.symbol} is not listed here")
        try:
            self._deeds[type(command)](now_ms, command)
        except RequestRefused as refused:
            raise ValueError(f"{command.symbol}: the exchange refused: {refused}") from refused

    def note(self, now_ms: int, command: Command) -> None:
        """Write the command's line: ALGO and USER for those of their kind, MARKET for the others."""
        event = "MARKET"
        if isinstance(command, AlgoCommand):
            event = "ALGO"
        elif isinstance(command, UserCommand):
            event = "USER"
        fields = structs.asdict(command)
        symbol = fields.pop("symbol")
        told = {name: f"{value:f}" if isinstance(value, Decimal) else str(value) for name, value in fields.items()}
        self._floor.record(now_ms, symbol, event, {"do": str(command.__struct_config__.tag), **told})

    # --------------------------------------------------------------------------------------------------- the contract

    def _change_status(self, now_ms: int, command: ChangeStatus) -> None:
        self._floor.account.statuses[command.symbol] = command.to
        self._floor.respecify(command.symbol)
        self.note(now_ms, command)

    def _change_filter(self, now_ms: int, command: ChangeFilter) -> None:
        tick = self._floor.markets[command.symbol].spec.tick_size
        if not command.tick_size.is_finite() or command.tick_size <= ZERO or command.tick_size % tick:
            raise ValueError(f"tick_size {command.tick_size}: a multiple of the market's own, {tick}, is needed")
        self._floor.account.ticks[command.symbol] = command.tick_size
        self._floor.respecify(command.symbol)
        self.note(now_ms, command)

    def _set_funding(self, now_ms: int, command: SetFunding) -> None:
        """Settle; that the rate is shown from now on is the world's part."""
        mark = self._floor.markets[command.symbol].price(MARK_PRICE)
        if not command.rate.is_finite() or abs(command.rate) >= 1:
            raise ValueError(f"rate {command.rate}: a fraction between -1 and 1 is needed")
        if mark is None:
            raise ValueError(f"{command.symbol} has no mark price yet")
        self.note(now_ms, command)
        settle_funding(self._floor, now_ms, command.symbol, command.rate, mark)

    def _outrun(self, now_ms: int, command: Outrun) -> None:
        quantity, step = command.quantity, self._floor.specs[command.symbol].step_size
        if not quantity.is_finite() or quantity < ZERO or quantity % step:
            raise ValueError(f"quantity {quantity}: 0 or a positive multiple of {step} is needed")
        self._floor.markets[command.symbol].left_lots = int(quantity / step)
        self.note(now_ms, command)

    def _force_adl(self, now_ms: int, command: ForceAdl) -> None:
        position, step = self._held(command.symbol), self._floor.specs[command.symbol].step_size
        quantity = command.quantity
        if not quantity.is_finite() or quantity <= ZERO or quantity % step:
            raise ValueError(f"quantity {quantity}: a positive multiple of {step} is needed")
        if quantity > abs(position.amount):
            raise ValueError(f"quantity {quantity} is more than the position of {abs(position.amount)}")
        self.note(now_ms, command)
        self._liquidator.deleverage(now_ms, command.symbol, quantity)

    # --------------------------------------------------------------------------------------------- conditional orders

    def _stick(self, now_ms: int, command: StickTriggering) -> None:
        stop = self._stop(command.symbol)
        self.note(now_ms, command)
        self._floor.algo_changed(now_ms, stop, AlgoStatus.TRIGGERING)

    def _vanish(self, now_ms: int, command: Vanish) -> None:
        self._floor.vanish(now_ms, self._stop(command.symbol))
        self.note(now_ms, command)

    def _doom(self, now_ms: int, command: RejectOnTrigger) -> None:
        self._stop(command.symbol).doomed = True
        self.note(now_ms, command)

    def _expire(self, now_ms: int, command: ExpireAlgo) -> None:
        stop = self._stop(command.symbol)
        self.note(now_ms, command)
        self._floor.algo_changed(now_ms, stop, AlgoStatus.EXPIRED, "Expired by the exchange")

    # --------------------------------------------------------------------------------------------------------- a person

    def _open(self, now_ms: int, command: PersonOpens) -> None:
        self.note(now_ms, command)
        self._trade(now_ms, command.symbol, command.side.opening, command.quantity)

    def _increase(self, now_ms: int, command: PersonIncreases) -> None:
        side = self._held(command.symbol).side.opening
        self.note(now_ms, command)
        self._trade(now_ms, command.symbol, side, command.quantity)

    def _close(self, now_ms: int, command: PersonCloses) -> None:
        position = self._held(command.symbol)
        self.note(now_ms, command)
        self._trade(now_ms, command.symbol, position.side.closing, abs(position.amount), reduce_only=True)

    def _cancel_stop(self, now_ms: int, command: PersonCancelsStop) -> None:
        stop = self._stop(command.symbol)
        self.note(now_ms, command)
        self._algos.cancel(now_ms, CancelAlgoRequest(algo_id=stop.algo_id))

    def _change_leverage(self, now_ms: int, command: PersonChangesLeverage) -> None:
        self.note(now_ms, command)
        self._settings.change_leverage(now_ms, ChangeLeverage(symbol=command.symbol, leverage=command.leverage))

    def _trade(
        self, now_ms: int, symbol: str, side: OrderSide, quantity: Decimal, *, reduce_only: bool = False
    ) -> None:
        request = NewOrder(
            symbol=symbol,
            side=side,
            kind="MARKET",
            client_id=f"web_{now_ms}_{self._floor.account.last_order_id + 1}",
            quantity=quantity,
            reduce_only=reduce_only,
        )
        self._orders.place(now_ms, request)

    # --------------------------------------------------------------------------------------------------------- finding

    def _held(self, symbol: str) -> Position:
        position = self._floor.account.positions.get(symbol)
        if position is None or not position.amount:
            raise ValueError(f"{symbol} has no position")
        return position

    def _stop(self, symbol: str) -> SimAlgo:
        """The symbol's resting stop: one that closes the whole position before any other."""
        stops = [
            algo
            for algo in self._floor.waiting(symbol)
            if algo.kind in (STOP_MARKET, STOP) and algo.status is AlgoStatus.NEW
        ]
        if not stops:
            raise ValueError(f"{symbol} has no resting stop")
        return next((algo for algo in stops if algo.close_position), stops[0])
