"""The same tree and the same judgement in virtual time: the simulator's core behind the ports, one seeded thread."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest

from tests.kit.ledger import agree_with_ledger, unprotected_ms
from tests.kit.processes import REPOSITORY
from tests.kit.virtual import VirtualRun, virtual_run
from vortex.config import load
from vortex.domain.trade import TradeStatus
from vortex.runtime import Crash

SYMBOLS = ("BTCUSDT", "ETHUSDT")
LOOK_S = 0.02


def started(data_dir: Path, seed: int) -> VirtualRun:
    """The paper profile, some seconds old: every engine speaks."""
    config = load([REPOSITORY / "config" / "paper.toml"], {}).config
    run = virtual_run(config, data_dir, seed=seed)
    run.run_for(30)
    return run


def decision_times_ms(run: VirtualRun, symbol: str, seconds: float) -> list[int]:
    """Let time pass and note when the symbol decided."""
    times: list[int] = []
    for _ in range(round(seconds / LOOK_S)):
        run.run_for(LOOK_S)
        decided = run.decided_ms(symbol)
        if decided is not None and decided not in times[-1:]:
            times.append(decided)
    return times


@pytest.mark.parametrize("seed", [1, 2])
def test_trades_agree_with_the_ledger_and_a_crash_stays_alone(tmp_path: Path, seed: int) -> None:
    run = started(tmp_path, seed)
    engine = run.system.find("BTCUSDT/E2")
    assert engine is not None
    engine.tell(Crash())
    times_ms = decision_times_ms(run, "ETHUSDT", 10)
    assert max(later - earlier for earlier, later in itertools.pairwise(times_ms)) <= 300
    run.run_for(140)
    assert run.failures == []
    generations = {actor.path: actor.generation for actor in run.system.tree()}
    assert {path for path, generation in generations.items() if generation != 1} == {"BTCUSDT/E2"}
    ledger = run.ledger()
    trades = [row for row in run.cold_store.recent_trades(100) if row.status is TradeStatus.CLOSED]
    assert len(trades) >= 3
    assert run.cold_store.recent_rejections(100)
    for symbol in SYMBOLS:
        assert unprotected_ms(ledger, symbol) <= 2_000
    for trade in trades:
        agree_with_ledger(msgspec.to_builtins(trade), ledger)


def test_the_same_seed_gives_the_same_run(tmp_path: Path) -> None:
    runs = []
    for name in ("first", "second"):
        data_dir = tmp_path / name
        data_dir.mkdir()
        run = started(data_dir, seed=7)
        run.run_for(60)
        runs.append((run.dispatcher.trace_hash, run.ledger(), run.cold_store.recent_trades(100)))
    assert runs[0] == runs[1]
