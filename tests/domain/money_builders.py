"""Decisions, plans, trades, accounts and fills for tests: a long BTCUSDT entry at 60,000 where nothing is wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from vortex.domain.decision import Action, Decision
from vortex.domain.market import Book, Levels, LeverageTier, MarkPrice, SymbolRules
from vortex.domain.order import ZERO, Fill, OrderSide, Side
from vortex.domain.risk.request import RiskRequest
from vortex.domain.risk.view import AccountView
from vortex.domain.signal import Regime, VolatilityPhase
from vortex.domain.trade import EntryPlan, OpenTrade, Strategy

NOW = 1_700_000_000_000
SYMBOL = "BTCUSDT"

RULES = SymbolRules(
    symbol=SYMBOL, tick_size=Decimal("0.1"), step_size=Decimal("0.001"), min_quantity=Decimal("0.001"),
    max_quantity=Decimal(120), min_notional_usdt=Decimal(100),
)  # fmt: skip


def tier(floor: int, cap: int, rate: str, cumulative: int, leverage: int) -> LeverageTier:
    return LeverageTier(
        floor_usdt=Decimal(floor), cap_usdt=Decimal(cap), maintenance_rate=Decimal(rate),
        cumulative_usdt=Decimal(cumulative), max_leverage=leverage,
    )  # fmt: skip


TIERS = (
    tier(0, 300_000, "0.004", 0, 150),
    tier(300_000, 800_000, "0.005", 300, 100),
    tier(800_000, 3_000_000, "0.0065", 1_500, 75),
    tier(3_000_000, 12_000_000, "0.01", 12_000, 50),
    tier(12_000_000, 70_000_000, "0.02", 132_000, 25),
)
BIDS: Levels = tuple((59_999.9 - step / 10, 10.0) for step in range(20))
ASKS: Levels = tuple((60_000.0 + step / 10, 10.0) for step in range(20))


def book(*, bids: Levels = BIDS, asks: Levels = ASKS, at_ms: int = NOW) -> Book:
    return Book(symbol=SYMBOL, epoch=1, ts_ms=at_ms, recv_ms=at_ms, bids=bids, asks=asks)


def mark(price: float = 60_000.0, *, at_ms: int = NOW, rate: float = 0.0001, next_ms: int = NOW + 10**7) -> MarkPrice:
    return MarkPrice(
        symbol=SYMBOL, ts_ms=at_ms, recv_ms=at_ms, mark_price=price, index_price=price,
        funding_rate=rate, next_funding_ms=next_ms,
    )  # fmt: skip


def account(equity: str | None = "10000", **changes: Any) -> AccountView:
    money = None if equity is None else Decimal(equity)
    view = AccountView(ts_ms=NOW, equity_usdt=money, available_usdt=money, day_start_equity_usdt=money)
    return replace(view, **changes)


def decision(side: Side = Side.LONG, **changes: Any) -> Decision:
    sign = side.sign
    made = Decision(
        id="decision-1", symbol=SYMBOL, epoch=1, ts_ms=NOW, action=Action(side.value), strategy=Strategy.A,
        confidence=0.8, final_score=0.5 * sign, reasons=("STRATEGY_A",),
        scores={"E1": 0.6 * sign, "E2": 0.5 * sign, "E3": 0.4 * sign, "E4": None, "E5": 0.2 * sign},
        weights={}, regime=Regime.TRENDING_UP, phase=VolatilityPhase.NORMAL, alignment=1, atr15=141.0, atr1=26.0,
    )  # fmt: skip
    return replace(made, **changes)


def request(**changes: Any) -> RiskRequest:
    made = RiskRequest(
        decision=decision(), book=book(), now_ms=NOW, account=account(), rules=RULES, tiers=TIERS,
        taker_fee=Decimal("0.0005"), mark=mark(), mid_1s_ago=60_000.0,
    )  # fmt: skip
    return replace(made, **changes)


def plan(**changes: Any) -> EntryPlan:
    made = EntryPlan(
        symbol=SYMBOL, side=Side.LONG, strategy=Strategy.A, quantity=Decimal("0.1"), expected_price=Decimal(60_000),
        sl_price=Decimal("59915.4"), tp_price=Decimal("60253.8"), leverage=20, max_hold_s=1_800,
        risk_usdt=Decimal(15), notional_usdt=Decimal(6_000), margin_usdt=Decimal(300), atr15=Decimal(141),
        confidence=0.8, final_score=0.5, e1_direction="LONG", e5_regime="TRENDING_UP/NORMAL",
        decision_id="decision-1", decided_ms=NOW, book_ms=NOW,
    )  # fmt: skip
    return replace(made, **changes)


def trade(trade_id: str = "trade-1", **changes: Any) -> OpenTrade:
    entry = plan(**changes)
    return OpenTrade(
        trade_id=trade_id, plan=entry, quantity=entry.quantity, entry_price=entry.expected_price,
        open_fee_usdt=Decimal("0.0005") * entry.notional_usdt, opened_ms=NOW,
        liquidation_price=entry.expected_price * (1 - entry.side.sign * Decimal("0.045")),
    )  # fmt: skip


def fill(quantity: str, price: str, *, fee: Decimal = ZERO, at_ms: int = NOW) -> Fill:
    return Fill(
        fill_id=1, order_id=1, client_id="v7-main-BTCUSDT-1-1E", symbol=SYMBOL, side=OrderSide.BUY,
        quantity=Decimal(quantity), price=Decimal(price), commission=fee * Decimal(quantity) * Decimal(price),
        commission_asset="USDT", realized_pnl=ZERO, maker=False, ts_ms=at_ms,
    )  # fmt: skip
