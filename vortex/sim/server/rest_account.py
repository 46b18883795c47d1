"""Account endpoints: money, positions, settings, listen keys."""

from __future__ import annotations

from vortex.domain.order import ZERO
from vortex.sim.core.margin import maintenance_usdt
from vortex.sim.core.types import (
    AdjustMargin,
    ChangeAssetsMode,
    ChangeLeverage,
    ChangeMarginType,
    ChangePositionMode,
    GetAccountInfo,
    GetModes,
    GetSymbolConfig,
    ListIncome,
    ListPositions,
    RequestRefused,
    SimAccount,
    SimIncome,
    SimModes,
    SimPosition,
    SimSymbolConfig,
)
from vortex.sim.server.params import Params
from vortex.sim.server.render import (
    SUCCESS,
    Json,
    account_json,
    account_v2_json,
    config_json,
    income_json,
    position_json,
    position_v2_json,
)
from vortex.sim.server.text import plain
from vortex.sim.server.venue import Venue

KEY_CREATED_MS = 1_569_398_400_000
"""When the account's one key was made, as the exchange would tell."""


async def account(venue: Venue, _params: Params) -> Json:
    """GET account, v3."""
    return await _account(venue)


async def account_v2(venue: Venue, _params: Params) -> Json:
    """GET account, v2."""
    modes = await venue.ask(GetModes(), SimModes)
    return account_v2_json(await _account(venue), multi_assets=modes.multi_assets)


async def positions(venue: Venue, params: Params) -> list[Json]:
    """GET positionRisk, v3: open positions only."""
    found = await venue.ask_list(ListPositions(symbol=params.optional("symbol")), SimPosition)
    return [_position_json(venue, position) for position in found]


async def positions_v2(venue: Venue, params: Params) -> list[Json]:
    """Unlike v3 it also tells leverage and margin type, and lists symbols without a position."""
    symbol = params.optional("symbol")
    found = {p.symbol: p for p in await venue.ask_list(ListPositions(symbol=symbol), SimPosition)}
    configs = venue.peek_list(GetSymbolConfig(symbol=symbol), SimSymbolConfig)
    return [
        position_v2_json(_position_json(venue, found.get(config.symbol) or _flat(venue, config)), config)
        for config in configs
    ]


async def symbol_config(venue: Venue, params: Params) -> list[Json]:
    """GET symbolConfig."""
    configs = await venue.ask_list(GetSymbolConfig(symbol=params.optional("symbol")), SimSymbolConfig)
    return [config_json(config) for config in configs]


async def commission_rate(venue: Venue, params: Params) -> Json:
    """GET commissionRate."""
    fees = {"makerCommissionRate": plain(venue.core.maker_fee), "takerCommissionRate": plain(venue.core.taker_fee)}
    return {"symbol": venue.symbol(params), **fees}


async def change_leverage(venue: Venue, params: Params) -> Json:
    """POST leverage."""
    request = ChangeLeverage(symbol=params.text("symbol"), leverage=params.integer("leverage"))
    config = await venue.ask(request, SimSymbolConfig)
    return {
        "leverage": config.leverage,
        "maxNotionalValue": plain(config.max_notional),
        "symbol": config.symbol,
    }


async def change_margin_type(venue: Venue, params: Params) -> Json:
    """POST marginType."""
    request = ChangeMarginType(symbol=params.text("symbol"), margin_type=params.text("marginType"))
    await venue.ask(request, SimSymbolConfig)
    return SUCCESS


async def adjust_margin(venue: Venue, params: Params) -> Json:
    """POST positionMargin: type 1 adds to an isolated position, 2 takes out of it."""
    symbol, amount, kind = params.text("symbol"), params.decimal("amount"), params.integer("type")
    if kind not in (1, 2):
        raise RequestRefused(-1130, "Data sent for parameter 'type' is not valid.")
    if amount <= ZERO:
        raise RequestRefused(-4055, "Amount must be positive.")
    request = AdjustMargin(symbol=symbol, amount_usdt=amount if kind == 1 else -amount)
    await venue.ask(request, SimPosition)
    return {"code": 200, "msg": "Successfully modify position margin.", "amount": float(amount), "type": kind}


async def income(venue: Venue, params: Params) -> list[Json]:
    """GET income: commissions, realised profit and funding."""
    start_ms, end_ms = params.optional_integer("startTime"), params.optional_integer("endTime")
    request = ListIncome(
        symbol=params.optional("symbol"),
        kind=params.optional("incomeType"),
        start_ms=None if start_ms is None else venue.clock.hidden_ms(start_ms),
        end_ms=None if end_ms is None else venue.clock.hidden_ms(end_ms),
        limit=params.limit(default=100, most=1_000),
    )
    return [income_json(row, venue.clock.offset_ms) for row in await venue.ask_list(request, SimIncome)]


async def position_mode(venue: Venue, _params: Params) -> Json:
    """GET positionSide/dual."""
    return {"dualSidePosition": (await venue.ask(GetModes(), SimModes)).dual_side}


async def change_position_mode(venue: Venue, params: Params) -> Json:
    """POST positionSide/dual. In hedge mode no order is accepted: it is a setting here, and not simulated."""
    params.text("dualSidePosition")
    await venue.ask(ChangePositionMode(dual_side=params.flag("dualSidePosition")), SimModes)
    return SUCCESS


async def multi_assets_mode(venue: Venue, _params: Params) -> Json:
    """GET multiAssetsMargin."""
    return {"multiAssetsMargin": (await venue.ask(GetModes(), SimModes)).multi_assets}


async def change_multi_assets_mode(venue: Venue, params: Params) -> Json:
    """POST multiAssetsMargin."""
    params.text("multiAssetsMargin")
    await venue.ask(ChangeAssetsMode(multi_assets=params.flag("multiAssetsMargin")), SimModes)
    return SUCCESS


async def fee_burn(_venue: Venue, _params: Params) -> Json:
    """GET feeBurn: fees are paid in USDT here."""
    return {"feeBurn": False}


async def change_fee_burn(_venue: Venue, params: Params) -> Json:
    """POST feeBurn. It stays off: there is no BNB in this account."""
    params.text("feeBurn")
    if params.flag("feeBurn"):
        raise RequestRefused(-1130, "Data sent for parameter 'feeBurn' is not valid.")
    return SUCCESS


async def api_restrictions(venue: Venue, _params: Params) -> Json:
    """GET apiRestrictions, of the wallet's API: what the key may do."""
    return {
        "ipRestrict": False,
        "createTime": KEY_CREATED_MS,
        "enableReading": True,
        "enableFutures": True,
        "enableWithdrawals": venue.options.withdrawals,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableSpotAndMarginTrading": False,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": False,
        "permitsUniversalTransfer": False,
    }


# ------------------------------------------------------------------------------------------------------- listen keys


async def open_listen_key(venue: Venue, _params: Params) -> Json:
    """POST listenKey: a new one, or the valid one with a new life."""
    return {"listenKey": venue.users.open(venue.clock.now_ms())}


async def keep_listen_key(venue: Venue, _params: Params) -> Json:
    """PUT listenKey."""
    return {"listenKey": venue.users.keep(venue.clock.now_ms())}


async def close_listen_key(venue: Venue, _params: Params) -> Json:
    """DELETE listenKey."""
    venue.users.close()
    return {}


async def _account(venue: Venue) -> Json:
    money = await venue.ask(GetAccountInfo(), SimAccount)
    found = venue.peek_list(ListPositions(), SimPosition)
    rows = [_position_json(venue, position) for position in found]
    isolated_usdt = sum((position.isolated_wallet for position in found), ZERO)
    return account_json(money, isolated_usdt, rows, venue.clock.offset_ms)


def _position_json(venue: Venue, position: SimPosition) -> Json:
    notional = abs(position.amount) * position.mark_price
    maintenance = maintenance_usdt(venue.specs[position.symbol].tiers, notional) if notional else ZERO
    return position_json(position, maintenance, venue.clock.offset_ms)


def _flat(venue: Venue, config: SimSymbolConfig) -> SimPosition:
    mark = venue.view.marks.get(config.symbol)
    return SimPosition(
        symbol=config.symbol, amount=ZERO, entry_price=ZERO, mark_price=mark.mark_price if mark else ZERO,
        leverage=config.leverage, isolated_wallet=ZERO, liquidation_price=None, unrealized_pnl=ZERO,
        updated_ms=-venue.clock.offset_ms,  # shown as 0: never held
    )  # fmt: skip
