"""What the gates need to know of the account, and the room its limits leave."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from vortex.domain.money import exact
from vortex.domain.order import ZERO, Side
from vortex.domain.risk.params import RiskParams


class Exposure(Struct, frozen=True, kw_only=True):
    """What one symbol uses of the account's limits since `since_ms`; `trade_id` is None while it is only granted."""

    decision_id: str
    trade_id: str | None
    side: Side
    risk_usdt: Decimal
    notional_usdt: Decimal
    margin_usdt: Decimal
    since_ms: int


class Cooldown(Struct, frozen=True, kw_only=True):
    """No entry of a symbol before `until_ms`, and why."""

    until_ms: int
    cause: str


class AccountView(Struct, frozen=True, kw_only=True):
    """The account at `ts_ms`; equity and what follows from it are None before the first observation.

    `exposures` and `cooldowns` go by symbol; `governor_tripped` says which limit was exceeded. The two latches hold
    for the rest of the UTC day: no entries, and everything to be closed.
    """

    ts_ms: int
    equity_usdt: Decimal | None = None
    available_usdt: Decimal | None = None
    day_start_equity_usdt: Decimal | None = None
    daily_pnl_usdt: Decimal = ZERO
    drawdown_latched: bool = False
    flatten_latched: bool = False
    trades_today: int = 0
    exposures: Mapping[str, Exposure] = {}
    cooldowns: Mapping[str, Cooldown] = {}
    governor_tripped: str | None = None

    def same_direction(self, side: Side) -> int:
        """Return how many exposures point this way."""
        return sum(exposure.side is side for exposure in self.exposures.values())


class Room(Struct, frozen=True, kw_only=True):
    """What the limits of the whole account still allow; negative when exceeded."""

    notional_usdt: Decimal
    risk_usdt: Decimal
    margin_usdt: Decimal


def room_of(view: AccountView, params: RiskParams) -> Room | None:
    """Return the room left, None while equity is unknown."""
    equity = view.equity_usdt
    if equity is None:
        return None
    notional_max = exact(params.notional_total_max) * equity
    if params.max_notional_usdt is not None:
        notional_max = min(notional_max, exact(params.max_notional_usdt))
    exposures = view.exposures.values()
    return Room(
        notional_usdt=notional_max - sum((each.notional_usdt for each in exposures), ZERO),
        risk_usdt=exact(params.open_risk_max) * equity - sum((each.risk_usdt for each in exposures), ZERO),
        margin_usdt=view.available_usdt if view.available_usdt is not None else ZERO,
    )
