"""The account side, typed to JSON: orders, conditional orders, fills, positions, money.

Field names and types are those of Binance's replies. `shift_ms` moves every time onto the clock that clients see.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeAlias

from vortex.domain.money import stored
from vortex.domain.order import AlgoStatus
from vortex.sim.core.types import SimAccount, SimAlgo, SimFill, SimIncome, SimOrder, SimPosition, SimSymbolConfig
from vortex.sim.server.text import plain, rounded

Json: TypeAlias = dict[str, Any]

SUCCESS: Json = {"code": 200, "msg": "success"}
ALL_CANCELED: Json = {"code": 200, "msg": "The operation of cancel all open order is done."}


def average_price(order: SimOrder | SimAlgo) -> Decimal:
    """Average execution price, 0 while nothing was executed."""
    return stored(order.quote / order.executed) if order.executed else Decimal(0)


def order_json(order: SimOrder, shift_ms: int) -> Json:
    """An ordinary order, as POST, GET and DELETE answer it."""
    return {
        "orderId": order.order_id,
        "symbol": order.symbol,
        "status": order.status,
        "clientOrderId": order.client_id,
        "price": plain(order.price),
        "avgPrice": plain(average_price(order)),
        "origQty": plain(order.quantity),
        "executedQty": plain(order.executed),
        "cumQty": plain(order.executed),
        "cumQuote": plain(order.quote),
        "timeInForce": order.time_in_force,
        "type": order.kind,
        "reduceOnly": order.reduce_only,
        "closePosition": order.close_position,
        "side": order.side,
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": order.kind,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": 0,
        "time": order.received_ms + shift_ms,
        "updateTime": order.updated_ms + shift_ms,
    }


def algo_json(algo: SimAlgo, shift_ms: int) -> Json:
    """A conditional order; the two fields of a trailing stop only when it is one."""
    row: Json = {
        "algoId": algo.algo_id,
        "clientAlgoId": algo.client_id,
        "algoType": "CONDITIONAL",
        "orderType": algo.kind,
        "symbol": algo.symbol,
        "side": algo.side,
        "positionSide": "BOTH",
        "timeInForce": algo.time_in_force,
        "quantity": plain(algo.quantity),
        "algoStatus": algo.status,
        "actualOrderId": "" if algo.child_order_id is None else str(algo.child_order_id),
        "actualPrice": plain(average_price(algo)),
        "actualQty": plain(algo.executed),
        "triggerPrice": plain(algo.trigger_price),
        "price": plain(algo.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": algo.working_type,
        "priceMatch": "NONE",
        "closePosition": algo.close_position,
        "priceProtect": False,
        "reduceOnly": algo.reduce_only,
        "createTime": algo.received_ms + shift_ms,
        "updateTime": algo.updated_ms + shift_ms,
        "triggerTime": trigger_ms(algo, shift_ms),
        "goodTillDate": 0,
    }
    if algo.callback_rate is not None:
        activation = algo.activation_price
        row |= {
            "callbackRate": plain(algo.callback_rate),
            "activatePrice": "" if activation is None else plain(activation),
        }
    return row


def trigger_ms(algo: SimAlgo, shift_ms: int) -> int:
    """When its trigger price was reached; 0 before."""
    times = (state.ts_ms + shift_ms for state in algo.states if state.status == AlgoStatus.TRIGGERING)
    return next(times, 0)


def fill_json(fill: SimFill, shift_ms: int) -> Json:
    """One execution, a row of userTrades."""
    return {
        "symbol": fill.symbol,
        "id": fill.fill_id,
        "orderId": fill.order_id,
        "side": fill.side,
        "price": plain(fill.price),
        "qty": plain(fill.quantity),
        "realizedPnl": plain(fill.realized_pnl),
        "marginAsset": "USDT",
        "quoteQty": plain(fill.price * fill.quantity),
        "commission": plain(fill.commission),
        "commissionAsset": "USDT",
        "time": fill.ts_ms + shift_ms,
        "positionSide": "BOTH",
        "buyer": fill.side == "BUY",
        "maker": fill.maker,
    }


def position_json(position: SimPosition, maintenance_usdt: Decimal, shift_ms: int) -> Json:
    """A row of v3 positionRisk."""
    notional = position.amount * position.mark_price
    initial = abs(notional) / position.leverage
    return {
        "symbol": position.symbol,
        "positionSide": "BOTH",
        "positionAmt": plain(position.amount),
        "entryPrice": rounded(position.entry_price),
        "breakEvenPrice": rounded(position.entry_price),
        "markPrice": plain(position.mark_price),
        "unRealizedProfit": rounded(position.unrealized_pnl),
        "liquidationPrice": rounded(position.liquidation_price or Decimal(0)),
        "isolatedMargin": rounded(position.isolated_wallet + position.unrealized_pnl),
        "notional": rounded(notional),
        "marginAsset": "USDT",
        "isolatedWallet": rounded(position.isolated_wallet),
        "initialMargin": rounded(initial),
        "maintMargin": rounded(maintenance_usdt),
        "positionInitialMargin": rounded(initial),
        "openOrderInitialMargin": "0",
        "adl": 1,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": position.updated_ms + shift_ms,
    }


def position_v2_json(row: Json, config: SimSymbolConfig) -> Json:
    """A row of v2 positionRisk: the v3 row and how the symbol is set up."""
    isolated = config.margin_type == "ISOLATED"
    return row | {
        "leverage": str(config.leverage),
        "maxNotionalValue": plain(config.max_notional),
        "marginType": "isolated" if isolated else "cross",
        "isAutoAddMargin": "false",
        "isolated": isolated,
    }


def income_json(row: SimIncome, shift_ms: int) -> Json:
    """A row of income."""
    return {
        "symbol": row.symbol,
        "incomeType": row.kind,
        "income": rounded(row.amount_usdt),
        "asset": "USDT",
        "info": row.info or row.kind,
        "time": row.ts_ms + shift_ms,
        "tranId": row.tran_id,
        "tradeId": "" if row.trade_id is None else str(row.trade_id),
    }


def config_json(config: SimSymbolConfig) -> Json:
    """A row of symbolConfig."""
    return {
        "symbol": config.symbol,
        "marginType": config.margin_type,
        "isAutoAddMargin": False,
        "leverage": config.leverage,
        "maxNotionalValue": plain(config.max_notional),
    }


def account_json(account: SimAccount, isolated_usdt: Decimal, positions: Sequence[Json], shift_ms: int) -> Json:
    """v3 account; `isolated_usdt` is what the isolated positions hold of the wallet."""
    money = _money(account, isolated_usdt)
    asset = {"asset": "USDT", **money, "marginAvailable": True, "updateTime": account.updated_ms + shift_ms}
    totals = {
        "totalInitialMargin": money["initialMargin"],
        "totalMaintMargin": money["maintMargin"],
        "totalWalletBalance": money["walletBalance"],
        "totalUnrealizedProfit": money["unrealizedProfit"],
        "totalMarginBalance": money["marginBalance"],
        "totalPositionInitialMargin": money["positionInitialMargin"],
        "totalOpenOrderInitialMargin": money["openOrderInitialMargin"],
        "totalCrossWalletBalance": money["crossWalletBalance"],
        "totalCrossUnPnl": money["crossUnPnl"],
        "availableBalance": money["availableBalance"],
        "maxWithdrawAmount": money["maxWithdrawAmount"],
    }
    return {**totals, "assets": [asset], "positions": list(positions)}


def account_v2_json(account: Json, *, multi_assets: bool) -> Json:
    """v2 account: the v3 reply and what the account may do."""
    rights = {"feeTier": 0, "canTrade": True, "canDeposit": True, "canWithdraw": True}
    return {**rights, "updateTime": 0, "multiAssetsMargin": multi_assets, "tradeGroupId": -1, **account}


def _money(account: SimAccount, isolated_usdt: Decimal) -> dict[str, str]:
    return {
        "walletBalance": plain(account.wallet),
        "unrealizedProfit": rounded(account.unrealized_pnl),
        "marginBalance": rounded(account.wallet + account.unrealized_pnl),
        "maintMargin": rounded(account.maintenance_margin),
        "initialMargin": rounded(account.initial_margin),
        "positionInitialMargin": rounded(account.initial_margin - account.order_margin),
        "openOrderInitialMargin": rounded(account.order_margin),
        "crossWalletBalance": rounded(account.wallet - isolated_usdt),
        "crossUnPnl": "0",  # every position is isolated
        "availableBalance": rounded(account.available),
        "maxWithdrawAmount": rounded(account.available),
    }
