"""The whole tree in virtual time, one actor crashed at the worst moments of trade after trade; the ledger judges."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest

from tests.kit.ledger import agree_with_ledger, unprotected_ms
from tests.kit.virtual import VirtualRun, virtual_run
from vortex.config import Config, load
from vortex.domain.order import AlgoReport, OrderReport, OrderRole
from vortex.domain.trade import TradeRow, TradeStatus
from vortex.messages import (
    ClosePosition,
    OpenPosition,
    PositionClosed,
    PositionOpened,
    ReserveRisk,
    Shutdown,
    TradeRecorded,
)
from vortex.queries import GetSymbolStatus
from vortex.runtime import ActorState, Crash
from vortex.sim.market.sources import DEFAULT_MARKETS

SYMBOL = "BTCUSDT"
ENGINES = tuple(f"{SYMBOL}/E{number}" for number in range(1, 6))
SHARED = ("exchange", "account", "storage", "hot_store", "feed")
PATHS = (*ENGINES, f"{SYMBOL}/decision", f"{SYMBOL}/monitor", SYMBOL, *SHARED)
PROFILE = Path(__file__).parents[2] / "config" / "paper.toml"
QUICK = {
    "TRADING_PAIRS": SYMBOL,
    "VORTEX__RUNTIME__CHILD_PERIOD_S": "5",
    "VORTEX__RUNTIME__TREE_PERIOD_S": "5",
    "VORTEX__RUNTIME__ROOT_PERIOD_S": "5",
    "VORTEX__RISK__A__MAX_HOLD_S": "4",
    "VORTEX__RISK__B__MAX_HOLD_S": "4",
    "VORTEX__RISK__COOLDOWN_CLOSE_S": "1",
    "VORTEX__RISK__COOLDOWN_SL_S": "1",
    "VORTEX__RISK__COOLDOWN_FAILURE_S": "1",
}
"""The paper profile with trades of seconds, and crashes that are forgotten as soon."""
GAP_MS = 6_000
"""Between two crashes: each is the first in its period, so that the restart is immediate."""
LIMIT_MS = 3_000

Moment: TypeAlias = Callable[[str, object], bool]


def about(path: str, kind: type) -> Moment:
    return lambda where, message: where == path and isinstance(message, kind)


def filled(role: OrderRole) -> Moment:
    return lambda where, message: (
        where == "exchange"
        and isinstance(message, OrderReport)
        and message.fill is not None
        and message.client_id.endswith(role)
    )


def stop_confirmed(path: str, message: object) -> bool:
    return path == "exchange" and isinstance(message, AlgoReport) and message.client_id.endswith(OrderRole.STOP)


MOMENTS: tuple[Moment, ...] = (
    about("account", ReserveRisk),
    about("exchange", OpenPosition),
    filled(OrderRole.ENTRY),
    stop_confirmed,
    about(f"{SYMBOL}/monitor", PositionOpened),
    about("exchange", ClosePosition),
    filled(OrderRole.EXIT),
    about(f"{SYMBOL}/monitor", PositionClosed),
    about("exchange", TradeRecorded),
)


@pytest.fixture(scope="module")
def config() -> Config:
    return load([PROFILE], QUICK).config


class Saboteur:
    """Crashes one actor when the next of the moments comes, at most once in a while."""

    def __init__(self, run: VirtualRun, path: str, moments: Sequence[Moment]) -> None:
        address = run.system.find(path)
        assert address is not None
        self._target = address
        self._run = run
        self._record = run.dispatcher.record
        self.left = list(moments)
        self._next_ms = 0

    def record(self, path: str, message: object) -> None:
        self._record(path, message)
        now_ms = self._run.dispatcher.now_ms()
        if self.left and now_ms >= self._next_ms and self.left[0](path, message):
            del self.left[0]
            self._next_ms = now_ms + GAP_MS
            self._target.tell(Crash())


def sabotaged(
    config: Config, data_dir: Path, path: str, monkeypatch: pytest.MonkeyPatch, *, seed: int = 1,
    moments: Sequence[Moment] = MOMENTS,
) -> VirtualRun:  # fmt: skip
    """Run until the actor has crashed at all these moments and everything has ended."""
    run = virtual_run(config, data_dir, seed=seed, markets=DEFAULT_MARKETS[:1])
    run.run_for(5)
    saboteur = Saboteur(run, path, moments)
    monkeypatch.setattr(run.dispatcher, "record", saboteur.record)
    for _ in range(200):
        if not saboteur.left:
            break
        run.run_for(1)
    assert saboteur.left == []
    run.run_for(8)
    assert state(run) == "READY"
    root = run.system.find("root")
    assert root is not None
    root.tell(Shutdown())
    run.run_for(8)
    return run


def state(run: VirtualRun) -> str:
    address = run.system.find(SYMBOL)
    assert address is not None
    status: Any = address.ask(GetSymbolStatus(), 1.0)
    return str(status.state)


# ------------------------------------------------------------------------------------------------------------ the judge


def alive(run: VirtualRun) -> None:
    assert run.failures == []
    assert {actor.state for actor in run.system.tree()} == {ActorState.READY}


def trade_id(entry_id: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"vortex7:main:{SYMBOL}:{entry_id}"))


def one_position_at_a_time(ledger: dict[str, Any]) -> None:
    """A fill of another entry finds the symbol flat, and no id was sent twice."""
    net, entered = Decimal(0), ""
    for fill in ledger["fills"]:
        if fill["client_id"].endswith(OrderRole.ENTRY) and fill["client_id"] != entered:
            assert net == 0
            entered = fill["client_id"]
        net += Decimal(fill["qty"]) * (1 if fill["side"] == "BUY" else -1)
    assert net == 0
    ids = [order["client_id"] for order in (*ledger["orders"], *ledger["algo_orders"])]
    children = [algo["client_id"] for algo in ledger["algo_orders"] if algo["child_order_id"] is not None]
    assert len(ids) - len(children) == len(set(ids))


def rows_match(rows: Sequence[TradeRow], ledger: dict[str, Any]) -> None:
    """Every trade that executed has exactly one closed row, which says what the fills say; others are failed ones."""
    by_id = {row.id: row for row in rows}
    assert len(by_id) == len(rows)
    filled = {fill["client_id"] for fill in ledger["fills"] if fill["client_id"].endswith(OrderRole.ENTRY)}
    executed = {trade_id(entry_id) for entry_id in filled}
    assert {row.id for row in rows if row.status is TradeStatus.CLOSED} == executed
    assert {row.status for row in rows if row.id not in executed} <= {TradeStatus.FAILED}
    for entry_id in filled:
        agree_with_ledger(msgspec.to_builtins(by_id[trade_id(entry_id)]), ledger)


def judge(run: VirtualRun) -> None:
    alive(run)
    ledger = run.ledger()
    assert unprotected_ms(ledger, SYMBOL) <= LIMIT_MS
    one_position_at_a_time(ledger)
    assert [algo for algo in ledger["algo_orders"] if algo["status"] == "NEW"] == []
    rows_match(run.cold_store.recent_trades(1_000), ledger)
    assert run.outbox.status().pending == 0


# ------------------------------------------------------------------------------------------------------------ the tests


@pytest.mark.parametrize("path", PATHS)
def test_a_crash_at_any_moment_of_a_trade_loses_nothing(
    config: Config, data_dir: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    moments = MOMENTS[::3] if path in ENGINES else MOMENTS  # an engine knows of no trade
    run = sabotaged(config, data_dir, path, monkeypatch, moments=moments)
    judge(run)
    generations = {actor.path: actor.generation for actor in run.system.tree()}
    assert generations[path] == len(moments) + 1
    below = {other for other in generations if other == path or other.startswith(f"{path}/")}
    assert {other for other, generation in generations.items() if generation > 1} == below
    assert len(run.cold_store.recent_trades(1_000)) >= 3


def test_the_same_seed_crashes_alike(config: Config, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = []
    for name in ("first", "second"):
        (data_dir / name).mkdir()
        run = sabotaged(config, data_dir / name, "exchange", monkeypatch, seed=3, moments=MOMENTS[:3])
        ends.append((run.dispatcher.trace_hash, run.ledger(), run.cold_store.recent_trades(1_000)))
    assert ends[0] == ends[1]
