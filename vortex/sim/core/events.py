"""What the core tells without being asked: the events of the user stream, and the lines of the ledger's timeline."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct

from vortex.sim.core.types import SimAlgo, SimFill, SimOrder, SimPosition


class OrderPushed(Struct, frozen=True, kw_only=True):
    """ORDER_TRADE_UPDATE: a copy of the order, and the fill that caused it if one did.

    Attributes:
        execution: What happened: NEW, TRADE, AMENDMENT, CALCULATED (the exchange's own execution), CANCELED, EXPIRED.
    """

    ts_ms: int
    order: SimOrder
    execution: str
    fill: SimFill | None = None


class TradePushed(Struct, frozen=True, kw_only=True):
    """TRADE_LITE: an execution, told before the OrderPushed of the same fill."""

    ts_ms: int
    order: SimOrder
    fill: SimFill


class AlgoPushed(Struct, frozen=True, kw_only=True):
    """ALGO_UPDATE: a copy of the conditional order."""

    ts_ms: int
    algo: SimAlgo
    reason: str = ""


class TriggerRejectPushed(Struct, frozen=True, kw_only=True):
    """CONDITIONAL_ORDER_TRIGGER_REJECT: what a triggered order became was refused."""

    ts_ms: int
    symbol: str
    algo_id: int
    reason: str


class AccountPushed(Struct, frozen=True, kw_only=True):
    """ACCOUNT_UPDATE: wallet and the positions that changed; `change` is what came in other than by trading."""

    ts_ms: int
    reason: str
    wallet: Decimal
    positions: tuple[SimPosition, ...]
    change: Decimal = Decimal(0)


class ConfigPushed(Struct, frozen=True, kw_only=True):
    """ACCOUNT_CONFIG_UPDATE: a symbol's leverage changed, or the account's multi-assets mode."""

    ts_ms: int
    symbol: str | None = None
    leverage: int | None = None
    multi_assets: bool | None = None


class MarginCallPushed(Struct, frozen=True, kw_only=True):
    """MARGIN_CALL: a position comes near its liquidation; `maintenance` is the margin it must keep."""

    ts_ms: int
    position: SimPosition
    maintenance: Decimal


UserEvent: TypeAlias = (
    OrderPushed | TradePushed | AlgoPushed | TriggerRejectPushed | AccountPushed | ConfigPushed | MarginCallPushed
)


class TimelineEntry(Struct, frozen=True, kw_only=True, array_like=True):
    """One line of the ledger's timeline; position and stop are the state after the event, None without a symbol."""

    seq: int
    ts_ms: int
    symbol: str | None
    event: str
    position_amt: Decimal | None
    stop_working: bool | None
    detail: dict[str, str] = {}
