"""Frames of the user stream, with Decimal money, and the reports they become."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct, field

from vortex.adapters.binance.rows import algo_kind, child_id, order_status
from vortex.domain.order import (
    ZERO,
    AccountUpdate,
    AlgoReport,
    AlgoStatus,
    ConfigUpdate,
    Fill,
    FillAnnounced,
    MarginCall,
    OrderReport,
    OrderSide,
    PositionReport,
    TriggerRejected,
)

UserReport: TypeAlias = (
    OrderReport | AlgoReport | AccountUpdate | FillAnnounced | ConfigUpdate | MarginCall | TriggerRejected
)

ENDED: Final = frozenset({"listenKeyExpired", "eventStreamTerminated"})
"""Events after which nothing comes on this connection any more."""

TRANSFERS: Final = frozenset(
    {"DEPOSIT", "WITHDRAW", "WITHDRAW_REJECT", "ADMIN_DEPOSIT", "ADMIN_WITHDRAW", "ASSET_TRANSFER", "ADJUSTMENT"}
)
"""Reasons of an account update whose balance change is money that came or went."""

QUIET: Final = frozenset({"STRATEGY_UPDATE", "GRID_UPDATE"})
"""Events we know and need nothing of: the exchange's own robots."""


class Head(Struct, frozen=True):
    """What every event says of itself: its name, and when it was made (the exchange's ms, 0 when it does not say).

    A combined connection or the WebSocket API wrap the event once more.
    """

    name: str = field(name="e", default="")
    event_ms: int = field(name="E", default=0)
    data: msgspec.Raw = msgspec.Raw()
    event: msgspec.Raw = msgspec.Raw()


class _Order(Struct, frozen=True):
    symbol: str = field(name="s")
    client_id: str = field(name="c")
    side: OrderSide = field(name="S")
    execution: str = field(name="x")
    status: str = field(name="X")
    order_id: int = field(name="i")
    executed: Decimal = field(name="z")
    average_price: Decimal = field(name="ap")
    last_quantity: Decimal = field(name="l")
    last_price: Decimal = field(name="L")
    ts_ms: int = field(name="T")
    trade_id: int = field(name="t")
    maker: bool = field(name="m")
    realized_pnl: Decimal = field(name="rp", default=ZERO)
    commission: Decimal | None = field(name="n", default=None)
    commission_asset: str | None = field(name="N", default=None)


class _OrderEvent(Struct, frozen=True):
    order: _Order = field(name="o")


class _Algo(Struct, frozen=True):
    client_id: str = field(name="caid")
    algo_id: int = field(name="aid")
    kind: str = field(name="o")
    symbol: str = field(name="s")
    side: OrderSide = field(name="S")
    status: AlgoStatus = field(name="X")
    trigger_price: Decimal = field(name="tp")
    close_position: bool = field(name="cp")
    quantity: Decimal = field(name="q", default=ZERO)
    child: str = field(name="ai", default="")


class _AlgoEvent(Struct, frozen=True):
    ts_ms: int = field(name="T")
    algo: _Algo = field(name="o")


class _Balance(Struct, frozen=True):
    asset: str = field(name="a")
    wallet: Decimal = field(name="wb")
    change: Decimal = field(name="bc", default=ZERO)


class _Position(Struct, frozen=True):
    symbol: str = field(name="s")
    amount: Decimal = field(name="pa")
    entry_price: Decimal = field(name="ep")
    side: str = field(name="ps", default="BOTH")
    isolated_wallet: Decimal = field(name="iw", default=ZERO)


class _Account(Struct, frozen=True):
    reason: str = field(name="m")
    balances: tuple[_Balance, ...] = field(name="B", default=())
    positions: tuple[_Position, ...] = field(name="P", default=())


class _AccountEvent(Struct, frozen=True):
    ts_ms: int = field(name="T")
    account: _Account = field(name="a")


class _LiteEvent(Struct, frozen=True):
    ts_ms: int = field(name="T")
    symbol: str = field(name="s")
    client_id: str = field(name="c")
    order_id: int = field(name="i")
    trade_id: int = field(name="t")


class _Leverage(Struct, frozen=True):
    symbol: str = field(name="s")
    leverage: int = field(name="l")


class _AssetMode(Struct, frozen=True):
    multi_assets: bool = field(name="j")


class _ConfigEvent(Struct, frozen=True):
    ts_ms: int = field(name="T")
    leverage: _Leverage | None = field(name="ac", default=None)
    mode: _AssetMode | None = field(name="ai", default=None)


class _CalledPosition(Struct, frozen=True):
    symbol: str = field(name="s")


class _MarginCallEvent(Struct, frozen=True):
    ts_ms: int = field(name="E")
    positions: tuple[_CalledPosition, ...] = field(name="p")


class _RejectedOrder(Struct, frozen=True):
    symbol: str = field(name="s")
    order_id: int = field(name="i")
    reason: str = field(name="r", default="")


class _RejectEvent(Struct, frozen=True):
    ts_ms: int = field(name="T")
    order: _RejectedOrder = field(name="or")


_HEAD = msgspec.json.Decoder(Head, strict=False)
_ORDER = msgspec.json.Decoder(_OrderEvent, strict=False)
_ALGO = msgspec.json.Decoder(_AlgoEvent, strict=False)
_ACCOUNT = msgspec.json.Decoder(_AccountEvent, strict=False)
_LITE = msgspec.json.Decoder(_LiteEvent, strict=False)
_CONFIG = msgspec.json.Decoder(_ConfigEvent, strict=False)
_MARGIN_CALL = msgspec.json.Decoder(_MarginCallEvent, strict=False)
_REJECT = msgspec.json.Decoder(_RejectEvent, strict=False)


def read_head(frame: bytes) -> tuple[Head, bytes]:
    """What the event says of itself, and the event without wrapping.

    Raises:
        msgspec.MsgspecError: When the frame is no event.
    """
    head = _HEAD.decode(frame)
    for wrapped in (bytes(head.data), bytes(head.event)):
        if not head.name and wrapped:
            head, frame = _HEAD.decode(wrapped), wrapped
    if not head.name:
        raise msgspec.ValidationError("a frame without an event name")
    return head, frame


def decode_user(event: str, frame: bytes) -> UserReport | None:
    """The report in a frame of this type; None when the type carries none for us, or an order kind we never send.

    Raises:
        msgspec.MsgspecError: When the frame lacks what its type must have, or has a value that is not known.
    """
    decode = _REPORTS.get(event)
    return None if decode is None else decode(frame)


def _order(frame: bytes) -> OrderReport:
    order = _ORDER.decode(frame).order
    return OrderReport(
        symbol=order.symbol,
        client_id=order.client_id,
        order_id=order.order_id,
        side=order.side,
        status=order_status(order.status),
        executed_quantity=order.executed,
        average_price=order.average_price,
        ts_ms=order.ts_ms,
        fill=_fill(order) if order.execution == "TRADE" else None,
    )


def _fill(order: _Order) -> Fill:
    return Fill(
        fill_id=order.trade_id,
        order_id=order.order_id,
        client_id=order.client_id,
        symbol=order.symbol,
        side=order.side,
        quantity=order.last_quantity,
        price=order.last_price,
        commission=order.commission or ZERO,
        commission_asset=order.commission_asset or "",
        realized_pnl=order.realized_pnl,
        maker=order.maker,
        ts_ms=order.ts_ms,
    )


def _algo(frame: bytes) -> AlgoReport | None:
    event = _ALGO.decode(frame)
    algo = event.algo
    kind = algo_kind(algo.kind)
    if kind is None:
        return None
    return AlgoReport(
        symbol=algo.symbol,
        client_id=algo.client_id,
        algo_id=algo.algo_id,
        side=algo.side,
        kind=kind,
        status=algo.status,
        trigger_price=algo.trigger_price,
        quantity=algo.quantity,
        close_position=algo.close_position,
        ts_ms=event.ts_ms,
        child_order_id=child_id(algo.child),
    )


def _account(frame: bytes) -> AccountUpdate:
    event = _ACCOUNT.decode(frame)
    own = [balance for balance in event.account.balances if balance.asset == "USDT"]
    moved = event.account.reason in TRANSFERS
    return AccountUpdate(
        ts_ms=event.ts_ms,
        reason=event.account.reason,
        wallet_usdt=own[-1].wallet if own else None,
        transferred_usdt=sum((balance.change for balance in own), ZERO) if moved else ZERO,
        positions=tuple(
            PositionReport(
                symbol=position.symbol,
                amount=position.amount,
                entry_price=position.entry_price,
                isolated_wallet_usdt=position.isolated_wallet,
            )
            for position in event.account.positions
            if position.side == "BOTH"
        ),
    )


def _announced(frame: bytes) -> FillAnnounced:
    event = _LITE.decode(frame)
    return FillAnnounced(
        symbol=event.symbol,
        client_id=event.client_id,
        order_id=event.order_id,
        fill_id=event.trade_id,
        ts_ms=event.ts_ms,
    )


def _config(frame: bytes) -> ConfigUpdate:
    event = _CONFIG.decode(frame)
    if event.leverage is None and event.mode is None:
        raise msgspec.ValidationError("a changed configuration that does not say what changed")
    return ConfigUpdate(
        ts_ms=event.ts_ms,
        symbol=event.leverage.symbol if event.leverage else None,
        leverage=event.leverage.leverage if event.leverage else None,
        multi_assets=event.mode.multi_assets if event.mode else None,
    )


def _margin_call(frame: bytes) -> MarginCall:
    event = _MARGIN_CALL.decode(frame)
    return MarginCall(ts_ms=event.ts_ms, symbols=tuple(position.symbol for position in event.positions))


def _rejected(frame: bytes) -> TriggerRejected:
    event = _REJECT.decode(frame)
    order = event.order
    return TriggerRejected(symbol=order.symbol, order_id=order.order_id, reason=order.reason, ts_ms=event.ts_ms)


_REPORTS: dict[str, Callable[[bytes], UserReport | None]] = {
    "ORDER_TRADE_UPDATE": _order,
    "ALGO_UPDATE": _algo,
    "ACCOUNT_UPDATE": _account,
    "TRADE_LITE": _announced,
    "ACCOUNT_CONFIG_UPDATE": _config,
    "MARGIN_CALL": _margin_call,
    "CONDITIONAL_ORDER_TRIGGER_REJECT": _rejected,
}
REPORTED: Final = frozenset(_REPORTS)
"""Events that carry a report."""
