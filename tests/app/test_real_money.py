"""What a person is told to be at stake, by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from tests.app.test_preflight import LIVE, LOST
from vortex.app.real_money import announce, lines
from vortex.config.schema import SymbolConfig
from vortex.domain.order import AccountState
from vortex.domain.risk.params import RiskParams

MONEY = AccountState(ts_ms=1, wallet_usdt=Decimal(10_000), unrealized_usdt=Decimal(-100), available_usdt=Decimal(9_000))


def test_account_symbols_limits_and_worst_losses() -> None:
    trade = "49.50 USDT at its stop, costs included; its whole margin 500.00 USDT in a jump over it"
    day = "entries end at 200.00 USDT, all is closed at 445.50 USDT; 500.00 USDT more in a jump over all"
    assert lines(LIVE, MONEY) == [
        "REAL MONEY: Binance USD-M, account main",
        "symbols: BTCUSDT, ETHUSDT",
        "equity 9900.00 USDT, available 9000.00 USDT",
        "limits: notional 5000.00 USDT, loss of a day 200.00 USDT, 50 trades a day, 3 positions, leverage up to 30",
        # 0.5 % of 9900; 5000 USDT of notional at the lowest leverage 10 are less than 20 % of 9900
        f"worst loss of one trade: {trade}",
        # 200 is less than 3 % of 9900; 4.5 % of 9900
        f"worst loss of one day: {day}",
        "at 0.05 % taker fee a side the measured edge of these signals is smaller than the cost: expect to lose money",
    ]


def test_the_worst_symbol_and_the_smaller_limit_count() -> None:
    risk = structs.replace(LIVE.risk, max_notional_usdt=1e6, max_daily_loss_usdt=1e6)
    bold = SymbolConfig(risk=RiskParams(risk_per_trade=0.02, margin_share_max=0.3, leverage_max=50))
    said = "\n".join(lines(structs.replace(LIVE, risk=risk, symbols={"ETHUSDT": bold}), MONEY))
    assert "198.00 USDT at its stop" in said
    assert "its whole margin 2970.00 USDT" in said
    assert "entries end at 297.00 USDT" in said
    assert "8910.00 USDT more in a jump over all" in said
    assert "leverage up to 50" in said


def test_without_a_balance_nothing_is_told() -> None:
    with pytest.raises(TypeError, match="no balance"):
        announce(LIVE, LOST, print)
