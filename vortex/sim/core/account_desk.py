"""Questions about money, positions and fills, and the two settings of a symbol."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from vortex.domain.order import ZERO
from vortex.sim.core.account import MARGIN_TYPES
from vortex.sim.core.checks import mandatory
from vortex.sim.core.floor import Floor
from vortex.sim.core.margin import maintenance_usdt, max_leverage, max_notional_usdt
from vortex.sim.core.types import (
    AccountPushed,
    ChangeLeverage,
    ChangeMarginType,
    ConfigPushed,
    GetSymbolConfig,
    ListFills,
    ListPositions,
    RequestRefused,
    SimAccount,
    SimFill,
    SimPosition,
    SimSymbolConfig,
)

MAX_FILLS = 1000


class AccountDesk:
    """Answers what the account is and has, and changes leverage and margin type."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def account(self, now_ms: int) -> SimAccount:
        """Wallet, profit at mark price and margins over all open positions."""
        floor, views = self._floor, self.open_positions()
        initial = maintenance = unrealized = ZERO
        for view in views:
            notional = abs(view.amount) * view.mark_price
            initial += notional / view.leverage
            maintenance += maintenance_usdt(floor.specs[view.symbol].tiers, notional)
            unrealized += view.unrealized_pnl
        return SimAccount(
            wallet=floor.account.wallet,
            unrealized_pnl=unrealized,
            initial_margin=initial,
            maintenance_margin=maintenance,
            available=floor.account.available(),
            updated_ms=now_ms,
        )

    def open_positions(self) -> list[SimPosition]:
        """Every position that is not flat."""
        return [self._floor.position_view(p) for p in self._floor.account.positions.values() if p.amount]

    def positions(self, request: ListPositions) -> list[SimPosition]:
        """Open positions of one symbol or all."""
        if request.symbol is not None:
            self._floor.spec(request.symbol)
        return [view for view in self.open_positions() if request.symbol in (None, view.symbol)]

    def fills(self, request: ListFills) -> list[SimFill]:
        """Fills of one symbol, oldest first; without `from_id` and `start_ms` the newest ones up to the limit."""
        self._floor.spec(request.symbol)
        fills, numbers = self._floor.history.fills, self._floor.fill_numbers[request.symbol]
        chosen = numbers[slice(*self._range(request, numbers))]
        limit = max(1, min(request.limit, MAX_FILLS))
        newest = request.from_id is None and request.start_ms is None
        if request.order_id is None:
            chosen = chosen[-limit:] if newest else chosen[:limit]
            return [fills[number] for number in chosen]
        found = [fill for fill in map(fills.__getitem__, chosen) if fill.order_id == request.order_id]
        return found[-limit:] if newest else found[:limit]

    def _range(self, request: ListFills, numbers: list[int]) -> tuple[int, int]:
        """Which of the symbol's fills to look at: only a few are ever read, however many there are."""
        fills = self._floor.history.fills
        first_ms, last_ms = request.start_ms or 0, request.end_ms
        if request.order_id is not None:
            order = self._floor.history.orders.find(request.order_id, None)
            if order is None:
                return 0, 0
            first_ms = max(first_ms, order.received_ms)
            last_ms = order.updated_ms if last_ms is None else min(last_ms, order.updated_ms)
        first = bisect_left(numbers, first_ms, key=lambda number: fills[number].ts_ms)
        last = len(numbers)
        if last_ms is not None:
            last = bisect_right(numbers, last_ms, key=lambda number: fills[number].ts_ms)
        if request.from_id is not None:
            first = max(first, bisect_left(numbers, request.from_id, key=lambda number: fills[number].fill_id))
        return first, last

    def configs(self, request: GetSymbolConfig) -> list[SimSymbolConfig]:
        """Leverage and margin type of one symbol or all."""
        if request.symbol is not None:
            self._floor.spec(request.symbol)
            return [self._config(request.symbol)]
        return [self._config(symbol) for symbol in self._floor.specs]

    def change_leverage(self, now_ms: int, request: ChangeLeverage) -> SimSymbolConfig:
        """Set a symbol's leverage. Raises RequestRefused -4028, -4161 or -2027."""
        floor, spec = self._floor, self._floor.spec(request.symbol)
        if not 1 <= request.leverage <= max_leverage(spec.tiers):
            raise RequestRefused(-4028, f"Leverage {request.leverage} is not valid")
        setting, position = floor.account.setting(request.symbol), floor.account.position(request.symbol)
        if position.amount and request.leverage < setting.leverage:
            text = "Leverage reduction is not supported in Isolated Margin Mode with open positions."
            raise RequestRefused(-4161, text)
        if abs(position.amount) * position.entry_price > max_notional_usdt(spec.tiers, request.leverage):
            raise RequestRefused(-2027, "Exceeded the maximum allowable position at current leverage.")
        if request.leverage != setting.leverage:
            setting.leverage = request.leverage
            floor.events.append(ConfigPushed(ts_ms=now_ms, symbol=request.symbol, leverage=request.leverage))
        return self._config(request.symbol)

    def change_margin_type(self, now_ms: int, request: ChangeMarginType) -> SimSymbolConfig:
        """Set a symbol's margin type. Raises RequestRefused -1102, -4046, -4047 or -4048."""
        floor, symbol = self._floor, self._floor.spec(request.symbol).symbol
        if request.margin_type not in MARGIN_TYPES:
            raise mandatory("marginType")
        setting, position = floor.account.setting(symbol), floor.account.position(symbol)
        if request.margin_type == setting.margin_type:
            raise RequestRefused(-4046, "No need to change margin type.")
        if floor.open_algos[symbol] or any(order.symbol == symbol for order in floor.history.orders.open.values()):
            raise RequestRefused(-4047, "Margin type cannot be changed if there exists open orders.")
        if position.amount:
            raise RequestRefused(-4048, "Margin type cannot be changed if there exists position.")
        setting.margin_type = request.margin_type
        view = floor.position_view(position)
        floor.events.append(
            AccountPushed(ts_ms=now_ms, reason="MARGIN_TYPE_CHANGE", wallet=floor.account.wallet, positions=(view,))
        )
        return self._config(symbol)

    def _config(self, symbol: str) -> SimSymbolConfig:
        setting = self._floor.account.setting(symbol)
        return SimSymbolConfig(
            symbol=symbol,
            leverage=setting.leverage,
            margin_type=setting.margin_type,
            max_notional=max_notional_usdt(self._floor.specs[symbol].tiers, setting.leverage),
        )
