"""Ledger rows for tests: one builder each, and hypothesis strategies over everything a row may hold."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from vortex.adapters.sqlite.rows import MAX_MS
from vortex.domain.order import Side
from vortex.domain.trade import CloseReason, RejectionRow, Strategy, TradeRow, TradeStatus


def trade(**changes: Any) -> TradeRow:
    """An open BTCUSDT trade, changed as told."""
    values: dict[str, Any] = {
        "id": "t1",
        "symbol": "BTCUSDT",
        "side": Side.LONG,
        "strategy": Strategy.A,
        "entry_price": Decimal("60000.10"),
        "quantity": Decimal("0.002"),
        "leverage": 20,
        "open_fee_usdt": Decimal("0.06000010"),
        "sl_price": Decimal("59915.4"),
        "tp_price": Decimal("60253.8"),
        "confidence": 0.7,
        "final_score": 0.41,
        "e1_direction": "LONG",
        "e5_regime": "RANGING/NORMAL",
        "opened_at": 1_723_075_200_123,
        "status": TradeStatus.OPEN,
        "mode": "paper",
        "account": "main",
        "market_source": "recording of 2024-08-08",
        "profile": "demo profile",
        "revision": 1,
    }
    return TradeRow(**values | changes)


def closed(**changes: Any) -> TradeRow:
    """The same trade, closed at its take-profit."""
    values: dict[str, Any] = {
        "status": TradeStatus.CLOSED,
        "revision": 2,
        "exit_price": Decimal("60253.8"),
        "closed_at": 1_723_075_230_000,
        "hold_time_s": 29,
        "close_reason": CloseReason.TP_HIT,
        "close_fee_usdt": Decimal("0.06025380"),
        "funding_usdt": Decimal("-0.001"),
        "pnl_gross_usdt": Decimal("0.50740000"),
        "pnl_net_usdt": Decimal("0.38614610"),
        "pnl_pct": Decimal("6.43576"),
    }
    return trade(**values | changes)


def rejection(**changes: Any) -> RejectionRow:
    """One rejected signal, changed as told."""
    values: dict[str, Any] = {
        "id": "r1",
        "symbol": "ETHUSDT",
        "action": Side.SHORT,
        "strategy": Strategy.B,
        "rejection_reason": "RR_LOW",
        "confidence": 0.6,
        "final_score": -0.3,
        "daily_pnl": Decimal("-1.25"),
        "details": '{"RR_LOW":{"value":"0.7","threshold":"0.8"}}',
        "count": 3,
        "mode": "paper",
        "account": "main",
        "market_source": "recording of 2024-08-08",
        "profile": "demo profile",
        "created_at": 1_723_075_200_000,
    }
    return RejectionRow(**values | changes)


money = st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=12
) | st.builds(Decimal, st.integers(-(10**18), 10**18).map(lambda digits: f"{digits}E-18"))
texts = st.text(st.characters(codec="utf-8"), max_size=20)
floats = st.floats(allow_nan=False, allow_infinity=False)
times = st.integers(0, MAX_MS)

trades = st.builds(
    TradeRow,
    id=texts,
    symbol=texts,
    side=st.sampled_from(Side),
    strategy=st.sampled_from(Strategy),
    entry_price=money,
    quantity=money,
    leverage=st.integers(1, 125),
    open_fee_usdt=money,
    sl_price=money,
    tp_price=money,
    confidence=floats,
    final_score=floats,
    e1_direction=texts,
    e5_regime=texts,
    opened_at=times,
    status=st.sampled_from(TradeStatus),
    mode=texts,
    account=texts,
    market_source=texts,
    profile=texts,
    revision=st.integers(0, 2**62),
    exit_price=st.none() | money,
    closed_at=st.none() | times,
    hold_time_s=st.none() | st.integers(0, 10**9),
    close_reason=st.none() | st.sampled_from(CloseReason),
    close_fee_usdt=st.none() | money,
    funding_usdt=money,
    pnl_gross_usdt=st.none() | money,
    pnl_net_usdt=st.none() | money,
    pnl_pct=st.none() | money,
)
rejections = st.builds(
    RejectionRow,
    id=texts,
    symbol=texts,
    action=st.sampled_from(Side),
    strategy=st.sampled_from(Strategy),
    rejection_reason=texts,
    confidence=floats,
    final_score=floats,
    daily_pnl=money,
    details=texts,
    count=st.integers(1, 2**62),
    mode=texts,
    account=texts,
    market_source=texts,
    profile=texts,
    created_at=times,
)
