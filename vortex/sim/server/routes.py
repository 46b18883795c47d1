"""Every endpoint on one page: method, path, what it asks of the caller, what it weighs, who answers.

Weights are Binance's own request weights; orders weigh nothing and count against the order limits instead.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import Struct

from vortex.sim.server import rest_account as account
from vortex.sim.server import rest_market as market
from vortex.sim.server import rest_standing as standing
from vortex.sim.server import rest_ticker as ticker
from vortex.sim.server import rest_trade as trade
from vortex.sim.server.auth import Security
from vortex.sim.server.params import Params
from vortex.sim.server.venue import Venue

Handler: TypeAlias = Callable[[Venue, Params], Awaitable[object]]
Weight: TypeAlias = Callable[[Params], int]

OPEN, KEY, SIGNED = Security.OPEN, Security.KEY, Security.SIGNED


class Endpoint(Struct, frozen=True):
    """One entry of the table; `orders` adds the order-count headers."""

    handler: Handler
    security: Security
    weight: Weight
    orders: bool = False


def flat(weight: int) -> Weight:
    """The same weight for every request."""
    return lambda _params: weight


def by_symbol(one: int, every: int) -> Weight:
    """`one` with a symbol, `every` without."""
    return lambda params: one if params.optional("symbol") else every


def by_limit(default: int, *steps: tuple[int, int], beyond: int) -> Weight:
    """The weight of the first (limit, weight) step that holds the limit asked for."""

    def weight(params: Params) -> int:
        limit = params.optional_integer("limit") or default
        return next((weight for most, weight in steps if limit <= most), beyond)

    return weight


DEPTH_WEIGHT = by_limit(500, (50, 2), (100, 5), (500, 10), beyond=20)
KLINES_WEIGHT = by_limit(500, (99, 1), (499, 2), (1_000, 5), beyond=10)

ENDPOINTS: dict[tuple[str, str], Endpoint] = {
    ("GET", "/fapi/v1/ping"): Endpoint(market.ping, OPEN, flat(1)),
    ("GET", "/fapi/v1/time"): Endpoint(market.server_time, OPEN, flat(1)),
    ("GET", "/fapi/v1/exchangeInfo"): Endpoint(market.exchange_info, OPEN, flat(1)),
    ("GET", "/fapi/v1/depth"): Endpoint(market.depth, OPEN, DEPTH_WEIGHT),
    ("GET", "/fapi/v1/klines"): Endpoint(market.klines, OPEN, KLINES_WEIGHT),
    ("GET", "/fapi/v1/aggTrades"): Endpoint(market.agg_trades, OPEN, flat(20)),
    ("GET", "/fapi/v1/trades"): Endpoint(ticker.trades, OPEN, flat(5)),
    ("GET", "/fapi/v1/historicalTrades"): Endpoint(ticker.old_trades, KEY, flat(20)),
    ("GET", "/fapi/v1/ticker/price"): Endpoint(ticker.price_ticker, OPEN, by_symbol(1, 2)),
    ("GET", "/fapi/v2/ticker/price"): Endpoint(ticker.price_ticker, OPEN, by_symbol(1, 2)),
    ("GET", "/fapi/v1/ticker/bookTicker"): Endpoint(ticker.book_ticker, OPEN, by_symbol(2, 5)),
    ("GET", "/fapi/v1/ticker/24hr"): Endpoint(ticker.day_ticker, OPEN, by_symbol(1, 40)),
    ("GET", "/fapi/v1/fundingRate"): Endpoint(ticker.funding_history, OPEN, flat(0)),
    ("GET", "/fapi/v1/premiumIndex"): Endpoint(market.premium_index, OPEN, by_symbol(1, 10)),
    ("GET", "/fapi/v1/openInterest"): Endpoint(market.open_interest, OPEN, flat(1)),
    ("GET", "/fapi/v1/fundingInfo"): Endpoint(market.funding_info, OPEN, flat(0)),
    ("GET", "/futures/data/globalLongShortAccountRatio"): Endpoint(market.global_ratio, OPEN, flat(0)),
    ("GET", "/futures/data/topLongShortAccountRatio"): Endpoint(market.top_account_ratio, OPEN, flat(0)),
    ("GET", "/futures/data/topLongShortPositionRatio"): Endpoint(market.top_position_ratio, OPEN, flat(0)),
    ("GET", "/futures/data/takerlongshortRatio"): Endpoint(ticker.taker_ratio, OPEN, flat(0)),
    ("GET", "/futures/data/openInterestHist"): Endpoint(market.open_interest_history, OPEN, flat(0)),
    ("GET", "/fapi/v1/leverageBracket"): Endpoint(market.leverage_bracket, SIGNED, flat(1)),
    ("GET", "/fapi/v1/commissionRate"): Endpoint(account.commission_rate, SIGNED, flat(20)),
    ("GET", "/fapi/v1/symbolConfig"): Endpoint(account.symbol_config, SIGNED, flat(5)),
    ("GET", "/fapi/v1/positionSide/dual"): Endpoint(account.position_mode, SIGNED, flat(30)),
    ("POST", "/fapi/v1/positionSide/dual"): Endpoint(account.change_position_mode, SIGNED, flat(1)),
    ("GET", "/fapi/v1/multiAssetsMargin"): Endpoint(account.multi_assets_mode, SIGNED, flat(30)),
    ("POST", "/fapi/v1/multiAssetsMargin"): Endpoint(account.change_multi_assets_mode, SIGNED, flat(1)),
    ("GET", "/fapi/v1/feeBurn"): Endpoint(account.fee_burn, SIGNED, flat(30)),
    ("POST", "/fapi/v1/feeBurn"): Endpoint(account.change_fee_burn, SIGNED, flat(1)),
    ("POST", "/fapi/v1/positionMargin"): Endpoint(account.adjust_margin, SIGNED, flat(1)),
    ("GET", "/fapi/v1/income"): Endpoint(account.income, SIGNED, flat(30)),
    ("GET", "/sapi/v1/account/apiRestrictions"): Endpoint(account.api_restrictions, SIGNED, flat(1)),
    ("POST", "/fapi/v1/leverage"): Endpoint(account.change_leverage, SIGNED, flat(1)),
    ("POST", "/fapi/v1/marginType"): Endpoint(account.change_margin_type, SIGNED, flat(1)),
    ("POST", "/fapi/v1/order"): Endpoint(trade.place_order, SIGNED, flat(0), orders=True),
    ("PUT", "/fapi/v1/order"): Endpoint(trade.amend_order, SIGNED, flat(1), orders=True),
    ("GET", "/fapi/v1/order"): Endpoint(trade.find_order, SIGNED, flat(1)),
    ("DELETE", "/fapi/v1/order"): Endpoint(trade.cancel_order, SIGNED, flat(1)),
    ("GET", "/fapi/v1/openOrders"): Endpoint(trade.open_orders, SIGNED, by_symbol(1, 40)),
    ("GET", "/fapi/v1/allOrders"): Endpoint(trade.all_orders, SIGNED, flat(5)),
    ("POST", "/fapi/v1/countdownCancelAll"): Endpoint(trade.countdown_cancel_all, SIGNED, flat(10)),
    ("DELETE", "/fapi/v1/allOpenOrders"): Endpoint(trade.cancel_open_orders, SIGNED, flat(1)),
    ("POST", "/fapi/v1/algoOrder"): Endpoint(trade.place_algo, SIGNED, flat(0), orders=True),
    ("GET", "/fapi/v1/algoOrder"): Endpoint(trade.find_algo, SIGNED, flat(1)),
    ("DELETE", "/fapi/v1/algoOrder"): Endpoint(trade.cancel_algo, SIGNED, flat(1)),
    ("GET", "/fapi/v1/openAlgoOrders"): Endpoint(trade.open_algos, SIGNED, by_symbol(1, 40)),
    ("GET", "/fapi/v1/allAlgoOrders"): Endpoint(trade.all_algos, SIGNED, flat(5)),
    ("DELETE", "/fapi/v1/algoOpenOrders"): Endpoint(trade.cancel_open_algos, SIGNED, flat(1)),
    ("GET", "/fapi/v1/userTrades"): Endpoint(trade.user_trades, SIGNED, flat(5)),
    ("GET", "/fapi/v2/account"): Endpoint(account.account_v2, SIGNED, flat(5)),
    ("GET", "/fapi/v3/account"): Endpoint(account.account, SIGNED, flat(5)),
    ("GET", "/fapi/v2/positionRisk"): Endpoint(account.positions_v2, SIGNED, flat(5)),
    ("GET", "/fapi/v3/positionRisk"): Endpoint(account.positions, SIGNED, flat(5)),
    ("GET", "/fapi/v2/balance"): Endpoint(standing.balance, SIGNED, flat(5)),
    ("GET", "/fapi/v3/balance"): Endpoint(standing.balance, SIGNED, flat(5)),
    ("GET", "/fapi/v1/rateLimit/order"): Endpoint(standing.order_limits, SIGNED, flat(1)),
    ("GET", "/fapi/v1/adlQuantile"): Endpoint(standing.adl_quantiles, SIGNED, flat(5)),
    ("POST", "/fapi/v1/listenKey"): Endpoint(account.open_listen_key, KEY, flat(1)),
    ("PUT", "/fapi/v1/listenKey"): Endpoint(account.keep_listen_key, KEY, flat(1)),
    ("DELETE", "/fapi/v1/listenKey"): Endpoint(account.close_listen_key, KEY, flat(1)),
}
