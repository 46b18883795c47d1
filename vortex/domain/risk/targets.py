"""Stop and take-profit of an entry."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from vortex.domain.money import ceil_to, exact, floor_to
from vortex.domain.order import Side
from vortex.domain.risk.params import TargetCParams, TargetParams


class Targets(Struct, frozen=True, kw_only=True):
    """Trigger prices around an entry, on the tick grid."""

    sl_price: Decimal
    tp_price: Decimal


def targets_around(
    side: Side,
    entry: Decimal,
    atr15: Decimal,
    tick_size: Decimal,
    params: TargetParams,
    cluster: Decimal | None = None,
) -> Targets:
    """Place both at their multiples of ATR14(15m), each rounded toward the entry (never more risk, never more hope).

    The take-profit of strategy C is the near edge of its liquidation cluster, where that lies within its limits.
    """
    stop = entry - side.sign * exact(params.sl_atr) * atr15
    target = entry + side.sign * exact(params.tp_atr) * atr15
    if isinstance(params, TargetCParams) and cluster is not None:
        ahead = side.sign * (cluster - entry)
        if exact(params.cluster_atr_min) * atr15 <= ahead <= exact(params.cluster_atr_max) * atr15:
            target = cluster
    if side is Side.LONG:
        return Targets(sl_price=ceil_to(stop, tick_size), tp_price=floor_to(target, tick_size))
    return Targets(sl_price=floor_to(stop, tick_size), tp_price=ceil_to(target, tick_size))
