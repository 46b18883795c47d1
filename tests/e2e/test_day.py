"""Recorded minutes in virtual time, by thresholds near production's: the rows add up to what the wallet gained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

import pytest

from tests.kit import invariants
from tests.kit.living_tree import in_memory
from tests.kit.processes import REPOSITORY
from tests.kit.recordings import recording
from tests.kit.virtual import VirtualRun, virtual_run
from vortex.config import load
from vortex.domain.operation import OperatorAction
from vortex.domain.trade import Strategy, TradeRow, TradeStatus
from vortex.messages import Operate
from vortex.sim.core.commands import SetFunding

pytestmark = pytest.mark.shared

SYMBOL = "ADAUSDT"
CANDLES = "klines_1m/ADAUSDT_1m_202307.csv.gz"
HOUR_MS = 3_600_000
BEGIN_MS = 240 * HOUR_MS
"""The day begins at 23:29 UTC of 2023-07-13, some hours after a rise by a quarter: ranges, trends and violence."""
SETTINGS = {
    "TRADING_PAIRS": SYMBOL,
    "VORTEX__SIM__SEED": "137",  # generated positioning that is crowded and opposed by top traders, twelve hours on
    "VORTEX__DECISION__A__THETA": "0.2",
    "VORTEX__DECISION__A__CONFIDENCE_MIN": "0.4",
    "VORTEX__DECISION__A__S1_MIN": "0.2",
    "VORTEX__DECISION__A__S2_MIN": "0.1",
    "VORTEX__DECISION__B__THETA": "0.15",
    "VORTEX__DECISION__B__CONFIDENCE_MIN": "0.4",
    "VORTEX__DECISION__B__MR_MIN": "0.5",
    "VORTEX__DECISION__B__RSI_LOW": "35",
    "VORTEX__DECISION__C__THETA": "0.15",
    "VORTEX__DECISION__C__CONFIDENCE_MIN": "0.4",
    "VORTEX__DECISION__C__S4_MIN": "0.25",
    "VORTEX__RISK__RISK_PER_TRADE": "0.0005",  # the day's losses must not end its entries
    "VORTEX__RISK__SPREAD_MAX_BPS": "4",  # a tick of this symbol is 3 bp
}
QUICK = {"VORTEX__RISK__A__MAX_HOLD_S": "600", "VORTEX__RISK__B__MAX_HOLD_S": "600"}
QUICK_BEGIN_MS = BEGIN_MS + 9 * HOUR_MS + HOUR_MS // 2
"""A stretched range, which breaks a quarter of an hour later: first B, then A."""
BALANCE_USDT = Decimal(10_000)
NEAR_USDT = Decimal("1e-8")
DAY_S = 86_400
PATIENCE_S = 3_600
"""Virtual seconds after which what is awaited does not come."""


@contextmanager
def playing(begin_ms: int, **settings: str) -> Iterator[VirtualRun]:
    """The thresholds of production but for those named above; nothing has happened yet."""
    candles = recording(CANDLES)
    config = load([REPOSITORY / "config" / "paper-live.toml"], SETTINGS | settings).config
    with in_memory() as data_dir:
        yield virtual_run(config, data_dir, markets=(str(candles),), played_ms={SYMBOL: begin_ms})


def until(run: VirtualRun, holds: Callable[[], bool], step_s: int) -> None:
    """Let time pass until this holds."""
    for _ in range(0, PATIENCE_S, step_s):
        if holds():
            return
        run.run_for(step_s)
    raise AssertionError(f"in vain for {PATIENCE_S} s")


def rows_of(run: VirtualRun) -> list[TradeRow]:
    return run.cold_store.recent_trades(100_000)


def until_flat(run: VirtualRun) -> list[TradeRow]:
    """Halt everything, as a person does; returns the rows once nothing is open any more."""
    order = Operate(action=OperatorAction.HALT, symbol=None, why="the day is over")
    exchange, root = run.system.find("exchange"), run.system.find("root")
    assert exchange is not None
    assert root is not None
    exchange.ask(order, 2.0)
    root.tell(order)

    def flat() -> bool:
        return not run.ledger()["positions"] and all(row.status is not TradeStatus.OPEN for row in rows_of(run))

    until(run, flat, step_s=1)
    return rows_of(run)


def judge(run: VirtualRun, rows: Sequence[TradeRow]) -> None:
    """Every row is what the exchange executed, together they are what the wallet gained, and no actor failed."""
    ledger = run.ledger()
    found = [*invariants.of_ids(ledger), *invariants.of_symbol(ledger, SYMBOL)]
    assert found + invariants.of_rows(rows, ledger, [SYMBOL]) + invariants.left_over(ledger, SYMBOL) == []
    earned = sum((row.pnl_net_usdt for row in rows if row.pnl_net_usdt is not None), Decimal(0))
    assert abs(earned - (Decimal(ledger["wallet_usdt"]) - BALANCE_USDT)) <= NEAR_USDT
    assert run.failures == []
    assert {actor.path for actor in run.system.tree() if actor.generation != 1} == set()


def closed(rows: Sequence[TradeRow]) -> Counter[Strategy]:
    """How many trades of each strategy were opened and closed."""
    return Counter(row.strategy for row in rows if row.status is TradeStatus.CLOSED)


def test_some_trades_and_their_funding_add_up_to_the_wallet() -> None:
    with playing(QUICK_BEGIN_MS, **QUICK) as run:
        until(run, lambda: bool(run.ledger()["positions"]), step_s=1)
        run.world.command(run.dispatcher.now_ms(), SetFunding(symbol=SYMBOL, rate=Decimal("0.00012345")))
        until(run, lambda: closed(rows_of(run)).keys() >= {Strategy.A, Strategy.B}, step_s=10)
        rows = until_flat(run)
        judge(run, rows)
    assert [row for row in rows if row.funding_usdt]


@pytest.mark.chaos
def test_a_day_adds_up_to_the_wallet_and_every_strategy_trades() -> None:
    with playing(BEGIN_MS) as run:
        run.run_for(DAY_S)
        rows = until_flat(run)
        judge(run, rows)
        assert run.cold_store.recent_rejections(1)
    assert closed(rows).keys() == {Strategy.A, Strategy.B, Strategy.C}
    assert [row for row in rows if row.funding_usdt], "no trade was open at 16:00, 00:00 or 08:00"
