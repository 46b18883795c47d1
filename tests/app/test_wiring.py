"""The wiring: one tree for each pair, in the contract's names, with each symbol's own settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from tests.kit.virtual import virtual_run
from tests.sim.server.kit import short_capture
from vortex.app import life, live, wiring
from vortex.config import Config, load

PAPER = Path(__file__).parents[2] / "config" / "paper.toml"
PARTS = ("E1", "E2", "E3", "E4", "E5", "decision", "monitor")


def paths(config: Config, folder: Path) -> set[str]:
    run = virtual_run(config, folder, markets=(f"BTCUSDT,ETHUSDT={short_capture(folder)}",))
    run.run_for(0.5)
    assert run.failures == []
    return {actor.path for actor in run.system.tree()}


@pytest.mark.parametrize("pairs", [("ETHUSDT",), ("BTCUSDT", "ETHUSDT")])
def test_pairs_alone_decide_which_actors_there_are(tmp_path: Path, pairs: tuple[str, ...]) -> None:
    config = structs.replace(load([PAPER], {}).config, trading_pairs=pairs)
    shared = {"root", "exchange", "storage", "hot_store", "account", "feed"}
    parts = {f"{symbol}/{part}" for symbol in pairs for part in PARTS}
    assert paths(config, tmp_path) == shared | set(pairs) | parts


def test_a_symbol_trades_by_its_own_settings(tmp_path: Path) -> None:
    """A score that nothing reaches, asked of one symbol alone."""
    unreachable = {f"symbols.BTCUSDT.decision.{strategy}.theta": 1.0 for strategy in ("a", "b")}
    run = virtual_run(load([PAPER], {}, unreachable).config, tmp_path)
    run.run_for(60.0)
    assert {order["symbol"] for order in run.ledger()["orders"]} == {"ETHUSDT"}


def test_the_times_to_stop_fit_into_each_other() -> None:
    assert wiring.PART_STOP_S < wiring.TREE_STOP_S
    assert 2 * wiring.TREE_STOP_S < live.STOP_S
    assert live.SETTLE_S + live.STOP_S < life.SHUTDOWN_S < 10.0
