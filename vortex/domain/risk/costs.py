"""What a round trip costs per unit of quantity, and what is left of reward and risk after it."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from vortex.domain.market import MarkPrice
from vortex.domain.money import BPS, exact
from vortex.domain.order import ZERO, Side
from vortex.domain.risk.params import RiskParams
from vortex.domain.risk.targets import Targets


class Costs(Struct, frozen=True, kw_only=True):
    """A trade's economics per unit of quantity, quote units.

    Attributes:
        reward, risk: Distances of take-profit and stop from the entry.
        cost_tp, cost_sl: Fees of both sides, slippage and expected funding when leaving there.
    """

    reward: Decimal
    risk: Decimal
    cost_tp: Decimal
    cost_sl: Decimal

    @property
    def unit_loss(self) -> Decimal:
        """What one unit loses at the stop, costs included."""
        return self.risk + self.cost_sl

    @property
    def rr_gross(self) -> Decimal:
        """Reward to risk before costs; 0 without a risk to compare with."""
        return self.reward / self.risk if self.risk else ZERO

    @property
    def rr_net(self) -> Decimal:
        """Reward to risk after costs; negative when costs eat the whole reward."""
        return (self.reward - self.cost_tp) / self.unit_loss if self.unit_loss else ZERO

    @property
    def break_even_win_rate(self) -> Decimal | None:
        """The share of wins at which such trades earn nothing; None when even winning does not pay."""
        return 1 / (1 + self.rr_net) if self.rr_net >= 0 else None

    @property
    def fee_share(self) -> Decimal | None:
        """The share of the reward that costs eat; None without a reward."""
        return self.cost_tp / self.reward if self.reward > 0 else None


def costs_of(
    side: Side,
    entry: Decimal,
    targets: Targets,
    *,
    fee: Decimal,
    entry_slippage: Decimal,
    funding: Decimal,
    params: RiskParams,
) -> Costs:
    """Return the costs of entering at `entry` and leaving at either of the targets.

    Args:
        side: Direction of the trade.
        entry: Expected entry price, slippage included.
        targets: Stop and take-profit, rounded.
        fee: Taker fee per side, share of notional.
        entry_slippage: Distance of the entry from the best price, quote units, at least 0.
        funding: Expected funding per unit, quote units (`expected_funding`).
        params: Slippage expected at the stop.
    """
    floor = exact(params.sl_slippage_floor_bps) / BPS * targets.sl_price
    sl_slippage = max(floor, exact(params.sl_slippage_factor) * entry_slippage)
    return Costs(
        reward=side.sign * (targets.tp_price - entry),
        risk=side.sign * (entry - targets.sl_price),
        cost_tp=fee * (entry + targets.tp_price) + max(ZERO, entry_slippage) + funding,
        cost_sl=fee * (entry + targets.sl_price) + sl_slippage + funding,
    )


def expected_funding(side: Side, mark: MarkPrice, now_ms: int, max_hold_s: int) -> Decimal:
    """Return the funding one unit would pay if held for `max_hold_s`: 0 when none settles or when it would receive."""
    if not now_ms <= mark.next_funding_ms < now_ms + max_hold_s * 1_000:
        return ZERO
    return max(ZERO, side.sign * exact(mark.funding_rate)) * exact(mark.mark_price)
