"""How an account stands: its balance, its limits, its place in the queue of auto-deleveraging."""

from __future__ import annotations

from vortex.domain.order import ZERO
from vortex.sim.core.types import GetAccountInfo, ListPositions, SimAccount, SimPosition
from vortex.sim.server.params import Params
from vortex.sim.server.render import Json, account_json
from vortex.sim.server.usage import ORDERS_PER_10S, ORDERS_PER_MINUTE
from vortex.sim.server.venue import Venue

ALIAS = "paper"


async def balance(venue: Venue, _params: Params) -> list[Json]:
    """GET balance, v2 and v3: USDT is all there is."""
    money = await venue.ask(GetAccountInfo(), SimAccount)
    held = venue.peek_list(ListPositions(), SimPosition)
    isolated_usdt = sum((position.isolated_wallet for position in held), ZERO)
    [asset] = account_json(money, isolated_usdt, [], venue.clock.offset_ms)["assets"]
    names = (
        "asset", "crossWalletBalance", "crossUnPnl", "availableBalance", "maxWithdrawAmount", "marginAvailable",
        "updateTime",
    )  # fmt: skip
    row = {name: asset[name] for name in names}
    return [{"accountAlias": ALIAS, "balance": asset["walletBalance"], **row}]


async def order_limits(_venue: Venue, _params: Params) -> list[Json]:
    """GET rateLimit/order."""
    limits = (("SECOND", 10, ORDERS_PER_10S), ("MINUTE", 1, ORDERS_PER_MINUTE))
    return [
        {"rateLimitType": "ORDERS", "interval": interval, "intervalNum": number, "limit": limit}
        for interval, number, limit in limits
    ]


async def adl_quantiles(venue: Venue, params: Params) -> list[Json]:
    """GET adlQuantile: of open positions; there is one account here, first in every queue."""
    held = await venue.ask_list(ListPositions(symbol=params.optional("symbol")), SimPosition)
    quantile = {"LONG": 0, "SHORT": 0, "BOTH": 1}
    return [{"symbol": position.symbol, "adlQuantile": quantile} for position in held]
