"""The liquidated order inside a forceOrder frame, and what it says in our own terms."""

from __future__ import annotations

from math import inf
from typing import Literal

from msgspec import Struct, field

from vortex.domain.market import Liquidation


class LiquidationBody(Struct, frozen=True, gc=False):
    """The order that closed the position: SELL liquidates a long. Only the latest of each second is pushed."""

    symbol: str = field(name="s")
    side: Literal["BUY", "SELL"] = field(name="S")
    average_price: float = field(name="ap", default=0.0)
    filled: float = field(name="z", default=0.0)
    trade_ms: int = field(name="T", default=0)


def to_liquidation(body: LiquidationBody, ts_ms: int, recv_ms: int) -> Liquidation | None:
    """The liquidation; None before anything of the order was filled.

    Args:
        body: The order.
        ts_ms: Event time of the frame, for an order without a time of its own.
        recv_ms: When the frame came.
    """
    if not (0.0 < body.average_price < inf and 0.0 < body.filled < inf):
        return None
    return Liquidation(
        symbol=body.symbol, ts_ms=body.trade_ms or ts_ms, recv_ms=recv_ms, long=body.side == "SELL",
        price=body.average_price, quantity=body.filled,
    )  # fmt: skip
