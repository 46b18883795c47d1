"""The whole tree in virtual time, halted at every moment of a trade: it is flat soon, once, and the ledger agrees."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.actors.test_tree import LIMIT_MS, MOMENTS, PROFILE, QUICK, SYMBOL, Moment
from tests.kit.ledger import trades_of, unprotected_ms
from tests.kit.virtual import VirtualRun, virtual_run
from vortex.config import Config, load
from vortex.domain.operation import OperatorAction
from vortex.domain.trade import CloseReason, TradeRow, TradeStatus
from vortex.messages import Operate
from vortex.queries import ExchangeStatus, GetExchange, GetSymbolStatus, SymbolStatus
from vortex.runtime import Crash
from vortex.runtime.errors import ActorGone
from vortex.sim.market.sources import DEFAULT_MARKETS

HALT = Operate(action=OperatorAction.HALT, symbol=SYMBOL, why="a test")
UNHALT = Operate(action=OperatorAction.UNHALT, symbol=SYMBOL, why="a test")
KILL = Operate(action=OperatorAction.HALT, symbol=None, why="a test")
REVIVE = Operate(action=OperatorAction.UNHALT, symbol=None, why="a test")
FLATTEN = Operate(action=OperatorAction.FLATTEN, symbol=SYMBOL, why="a test")


@pytest.fixture(scope="module")
def config() -> Config:
    return load([PROFILE], QUICK).config


class Operator:
    """Waits for a moment, then does something, once."""

    def __init__(self, run: VirtualRun) -> None:
        self._run = run
        self._record = run.dispatcher.record
        self._moment: Moment | None = None
        self._act: Callable[[], None] = lambda: None

    def record(self, path: str, message: object) -> None:
        self._record(path, message)
        if self._moment is not None and self._moment(path, message):
            self._moment = None
            self._act()

    def at(self, moment: Moment, act: Callable[[], None]) -> None:
        """Let time pass until this moment has come and it was acted."""
        self._moment, self._act = moment, act
        for _ in range(1_000):
            if self._moment is None:
                return
            self._run.run_for(0.1)
        pytest.fail("the moment never came")


@pytest.fixture
def run(config: Config, data_dir: Path) -> VirtualRun:
    made = virtual_run(config, data_dir, markets=DEFAULT_MARKETS[:1])
    made.run_for(5)
    return made


@pytest.fixture
def operator(run: VirtualRun, monkeypatch: pytest.MonkeyPatch) -> Operator:
    made = Operator(run)
    monkeypatch.setattr(run.dispatcher, "record", made.record)
    return made


def tell(run: VirtualRun, path: str, message: object) -> None:
    address = run.system.find(path)
    assert address is not None
    address.tell(message)


def ask(run: VirtualRun, path: str, message: object) -> Any:
    address = run.system.find(path)
    assert address is not None
    return address.ask(message, 2.0)


def exchange(run: VirtualRun) -> ExchangeStatus:
    status = ask(run, "exchange", GetExchange())
    assert isinstance(status, ExchangeStatus)
    return status


def state(run: VirtualRun) -> str:
    status = ask(run, SYMBOL, GetSymbolStatus())
    assert isinstance(status, SymbolStatus)
    return status.state


def killed(run: VirtualRun) -> None:
    """The process is gone in the middle of what it did."""
    root = run.system.find("root")
    assert root is not None
    run.system.cut_off(root)


def flat_soon(run: VirtualRun, limit_s: float = 8) -> None:
    """Halted or not: before long nothing is open, nothing rests, and the exchange actor is sure of it."""
    run.run_for(limit_s)
    ledger = run.ledger()
    assert [float(each["position_amt"]) for each in ledger["positions"] if float(each["position_amt"])] == []
    assert [algo for algo in ledger["algo_orders"] if algo["status"] == "NEW"] == []
    assert exchange(run).flattening == ()


def judged(run: VirtualRun) -> list[TradeRow]:
    """No stop was missing for long, and every trade has one row which says what the fills say; newest first."""
    tell(run, "exchange", HALT)
    run.run_for(8)
    ledger, rows = run.ledger(), run.cold_store.recent_trades(1_000)
    assert unprotected_ms(ledger, SYMBOL) <= LIMIT_MS
    trades = {
        str(uuid.uuid5(uuid.NAMESPACE_URL, f"vortex7:main:{SYMBOL}:{trade.entry_id}")): trade
        for trade in trades_of(ledger, SYMBOL)
    }
    assert len({row.id for row in rows}) == len(rows)
    assert {row.id for row in rows if row.status is TradeStatus.CLOSED} == set(trades)
    assert {row.status for row in rows if row.id not in trades} <= {TradeStatus.FAILED}
    for row in rows:
        if (trade := trades.get(row.id)) is not None:
            assert (row.quantity, row.pnl_net_usdt) == (trade.closed_quantity, trade.pnl_net_usdt)
    assert run.failures == []
    return rows


def reasons(rows: Sequence[TradeRow]) -> set[CloseReason | None]:
    return {row.close_reason for row in rows}


# ------------------------------------------------------------------------------------------------------------ the tests


@pytest.mark.parametrize(("halt", "unhalt"), [(HALT, UNHALT), (KILL, REVIVE)], ids=["symbol", "all"])
def test_halted_at_any_moment_it_is_flat_and_unhalted_it_trades_again(
    run: VirtualRun, operator: Operator, halt: Operate, unhalt: Operate
) -> None:
    for moment in MOMENTS:
        operator.at(moment, lambda: tell(run, "exchange", halt))
        flat_soon(run)
        entries = len(trades_of(run.ledger(), SYMBOL))
        run.run_for(3)
        assert len(trades_of(run.ledger(), SYMBOL)) == entries
        assert state(run) == "HALTED"
        assert ask(run, "exchange", unhalt) == (SYMBOL,)
    assert CloseReason.HALT in reasons(judged(run))


def test_flattened_at_any_moment_it_goes_on_trading(run: VirtualRun, operator: Operator) -> None:
    for moment in MOMENTS:
        operator.at(moment, lambda: tell(run, "exchange", FLATTEN))
        run.run_for(1)
    assert CloseReason.MANUAL in reasons(judged(run))


def test_halted_because_its_own_actors_cannot_start_it_is_flat_without_them(
    run: VirtualRun, operator: Operator
) -> None:
    for moment in MOMENTS[::2]:
        operator.at(moment, lambda: tell(run, SYMBOL, Crash(how="start_failure", times=4)))
        flat_soon(run)
        assert exchange(run).halted == (SYMBOL,)
        with pytest.raises(ActorGone):
            state(run)
        for path in ("exchange", "root"):
            tell(run, path, UNHALT)
    assert CloseReason.HALT in reasons(judged(run))


def test_halted_as_the_exchange_actor_crashes_it_is_flat(run: VirtualRun, operator: Operator) -> None:
    for moment in MOMENTS:

        def halt_and_crash() -> None:
            tell(run, "exchange", HALT)
            tell(run, "exchange", Crash())

        operator.at(moment, halt_and_crash)
        flat_soon(run, 16)  # an entry whose outcome is unknown is asked for as long as 10 s
        assert exchange(run).halted == (SYMBOL,)
        assert state(run) == "HALTED"
        ask(run, "exchange", UNHALT)
    judged(run)


def test_a_halt_goes_on_in_the_next_process(run: VirtualRun, operator: Operator) -> None:
    for moment in MOMENTS:
        operator.at(moment, lambda: tell(run, "exchange", HALT))
        run.run_for(0.03)
        killed(run)
        run.restart()
        flat_soon(run, 16)
        assert exchange(run).halted == (SYMBOL,)
        run.run_for(5)
        assert state(run) == "HALTED"
        ask(run, "exchange", UNHALT)
    assert CloseReason.HALT in reasons(judged(run))
