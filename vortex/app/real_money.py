"""What a person is told before real money is traded, and the time to think better of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal

from loguru import logger

from vortex.adapters.binance.inspection import Unread
from vortex.config import Config
from vortex.domain.money import exact
from vortex.domain.order import AccountState

WAIT_S = 10.0
"""For Ctrl-C."""

_CENT = Decimal("0.01")


def announce(config: Config, money: AccountState | Unread, wait: Callable[[float], object]) -> None:
    """Tell what is at stake, then wait. Raises what interrupts `wait`: so far nothing has been done."""
    for line in lines(config, money):
        logger.warning("{}", line)
    logger.warning("starting in {:g} s; Ctrl-C ends it with nothing done", WAIT_S)
    wait(WAIT_S)


def lines(config: Config, money: AccountState | Unread) -> list[str]:
    """Account, symbols, limits, and the worst losses of one trade and of one day, in USDT.

    The worst that a stop cannot prevent is a market that jumps over it. Positions are on isolated margin: one can lose
    no more than its margin, which is bounded by its share of equity and by the notional at the lowest leverage.
    """
    if isinstance(money, Unread):
        raise TypeError(f"no balance: {money.why}")  # the checks let nobody come here without
    equity = money.wallet_usdt + money.unrealized_usdt
    risk, pairs = config.risk, [config.of(pair).risk for pair in config.trading_pairs]
    notional, daily = exact(risk.max_notional_usdt or 0.0), exact(risk.max_daily_loss_usdt or 0.0)
    planned = equity * max(exact(each.risk_per_trade) for each in pairs)
    margin_all = notional / min(each.leverage_min for each in pairs)
    margin_one = min(margin_all, equity * max(exact(each.margin_share_max) for each in pairs))
    entries_end = min(daily, equity * exact(risk.daily_drawdown))
    flatten = equity * exact(risk.hard_flatten)
    jump = min(margin_all, risk.max_positions * margin_one, equity)
    limits = (
        f"notional {_usdt(notional)}", f"loss of a day {_usdt(daily)}", f"{risk.max_trades_per_day} trades a day",
        f"{risk.max_positions} positions", f"leverage up to {max(each.leverage_max for each in pairs)}",
    )  # fmt: skip
    trade = f"{_usdt(planned)} at its stop, costs included; its whole margin {_usdt(margin_one)} in a jump over it"
    day = (
        f"entries end at {_usdt(entries_end)}, all is closed at {_usdt(flatten)}; {_usdt(jump)} more in a jump over all"
    )
    return [
        f"REAL MONEY: Binance USD-M, account {config.account.name}",
        f"symbols: {', '.join(config.trading_pairs)}",
        f"equity {_usdt(equity)}, available {_usdt(money.available_usdt)}",
        f"limits: {', '.join(limits)}",
        f"worst loss of one trade: {trade}",
        f"worst loss of one day: {day}",
        "at 0.05 % taker fee a side the measured edge of these signals is smaller than the cost: expect to lose money",
    ]


def _usdt(value: Decimal) -> str:
    return f"{value.quantize(_CENT, ROUND_CEILING):f} USDT"
