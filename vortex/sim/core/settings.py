"""What a client may change about the account: leverage, margin type, isolated margin, modes, the countdown."""

from __future__ import annotations

from vortex.sim.core.account import CROSSED, ISOLATED, MARGIN_TYPES
from vortex.sim.core.checks import mandatory
from vortex.sim.core.events import ConfigPushed
from vortex.sim.core.floor import Floor
from vortex.sim.core.margin import max_leverage, max_notional_usdt
from vortex.sim.core.queries import modes, symbol_config
from vortex.sim.core.types import (
    AdjustMargin,
    ChangeAssetsMode,
    ChangeLeverage,
    ChangeMarginType,
    ChangePositionMode,
    GetModes,
    RequestRefused,
    SetCountdown,
    SimModes,
    SimPosition,
    SimSymbolConfig,
)


class SettingsDesk:
    """Changes settings, or says with the exchange's code why not."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

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
            floor.touch(request.symbol)
            floor.events.append(ConfigPushed(ts_ms=now_ms, symbol=request.symbol, leverage=request.leverage))
        return symbol_config(floor, request.symbol)

    def change_margin_type(self, now_ms: int, request: ChangeMarginType) -> SimSymbolConfig:
        """Set a symbol's margin type. Raises RequestRefused -1102, -4046, -4168, -4047 or -4048."""
        floor, symbol = self._floor, self._floor.spec(request.symbol).symbol
        if request.margin_type not in MARGIN_TYPES:
            raise mandatory("marginType")
        setting, position = floor.account.setting(symbol), floor.account.position(symbol)
        if request.margin_type == setting.margin_type:
            raise RequestRefused(-4046, "No need to change margin type.")
        if request.margin_type == ISOLATED and floor.account.multi_assets:
            raise RequestRefused(-4168, "Unable to adjust to isolated-margin mode under the Multi-Assets mode.")
        if floor.waiting(symbol) or floor.resting(symbol):
            raise RequestRefused(-4047, "Margin type cannot be changed if there exists open orders.")
        if position.amount:
            raise RequestRefused(-4048, "Margin type cannot be changed if there exists position.")
        setting.margin_type = request.margin_type
        floor.touch(symbol)
        floor.push_account(now_ms, "MARGIN_TYPE_CHANGE", symbol)
        return symbol_config(floor, symbol)

    def adjust_margin(self, now_ms: int, request: AdjustMargin) -> SimPosition:
        """Move margin into or out of a position; what it had to put up when it opened stays in it.

        Raises:
            RequestRefused: -4055 for nothing, -4054 when flat, -4051 when there is not so much.
        """
        floor, amount = self._floor, request.amount_usdt
        position = floor.account.position(floor.spec(request.symbol).symbol)
        if not amount:
            raise RequestRefused(-4055, "Amount must be positive.")
        if not position.amount:
            raise RequestRefused(-4054, "Cannot add position margin: position is 0.")
        needed = abs(position.amount) * position.entry_price / floor.account.setting(request.symbol).leverage
        if amount > floor.available() or position.isolated_wallet + amount < min(needed, position.isolated_wallet):
            raise RequestRefused(-4051, "Isolated balance insufficient.")
        position.isolated_wallet += amount
        position.updated_ms = now_ms
        floor.record_position(now_ms, request.symbol)
        floor.push_account(now_ms, "MARGIN_TRANSFER", request.symbol)
        return floor.position_view(position)

    def change_position_mode(self, now_ms: int, request: ChangePositionMode) -> SimModes:
        """Hedge or one-way. Raises RequestRefused -4059, -4067 or -4068."""
        floor = self._floor
        if request.dual_side is floor.account.dual_side:
            raise RequestRefused(-4059, "No need to change position side.")
        if floor.orders.open or floor.algos.open:
            raise RequestRefused(-4067, "Position side cannot be changed if there exists open orders.")
        if floor.open_positions():
            raise RequestRefused(-4068, "Position side cannot be changed if there exists position.")
        floor.account.dual_side = request.dual_side
        floor.touch(None)
        return modes(floor, now_ms, GetModes())

    def change_assets_mode(self, now_ms: int, request: ChangeAssetsMode) -> SimModes:
        """Multi-assets or single-asset. Raises RequestRefused -4171, -4170 or -4167."""
        floor = self._floor
        if request.multi_assets is floor.account.multi_assets:
            text = "Adjusted asset mode is currently set and does not need to be adjusted repeatedly."
            raise RequestRefused(-4171, text)
        if floor.orders.open or floor.algos.open:
            raise RequestRefused(-4170, "Unable to adjust Multi-Assets Mode with open orders.")
        isolated = any(setting.margin_type != CROSSED for setting in floor.account.settings.values())
        if request.multi_assets and isolated:
            text = "Unable to adjust to Multi-Assets mode with symbols of USDⓈ-M Futures under isolated-margin mode."
            raise RequestRefused(-4167, text)
        floor.account.multi_assets = request.multi_assets
        floor.touch(None)
        floor.events.append(ConfigPushed(ts_ms=now_ms, multi_assets=request.multi_assets))
        return modes(floor, now_ms, GetModes())

    def set_countdown(self, now_ms: int, request: SetCountdown) -> int:
        """Start a symbol's countdown anew and return when it ends; 0 stops it. Raises RequestRefused -1121 or -1102."""
        symbol = self._floor.spec(request.symbol).symbol
        if request.after_ms < 0:
            raise mandatory("countdownTime")
        self._floor.account.countdowns.pop(symbol, None)
        if not request.after_ms:
            return 0
        self._floor.account.countdowns[symbol] = now_ms + request.after_ms
        return now_ms + request.after_ms
