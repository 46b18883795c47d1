"""The balance endpoints: the account's money without its positions."""

from __future__ import annotations

from vortex.domain.order import ZERO
from vortex.sim.core.types import GetAccountInfo, ListPositions, SimAccount, SimPosition
from vortex.sim.server.params import Params
from vortex.sim.server.render import Json, account_json
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
