"""People are told of a paper run, receivers that hang change nothing for it, and a stop closes what it is to close."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.notify.kit import hanging, nobody, receiver
from tests.kit.ledger import agree_with_ledger, protected_in_time
from tests.kit.processes import Engine, engine, eventually, get, post, simulator
from vortex.adapters.sqlite.cold_store import SqliteColdStore

pytestmark = pytest.mark.e2e

SYMBOL, SPEED = "BTCUSDT", "4"
MOST_THREADS = 13
"""Twelve, and the notifier's own."""
QUICK = {"TRADING_PAIRS": SYMBOL, "VORTEX__RISK__A__MAX_HOLD_S": "10", "VORTEX__RISK__B__MAX_HOLD_S": "10"}
LONG = {"TRADING_PAIRS": SYMBOL, "VORTEX__RISK__A__MAX_HOLD_S": "3600", "VORTEX__RISK__B__MAX_HOLD_S": "3600"}


def holding(running: Engine) -> bool:
    """True once the position has its stop."""
    return bool(running.api("/api/status")["symbols"][SYMBOL]["protected"])


def test_a_paper_run_tells_start_entry_restart_exit_halt_and_stop(tmp_path: Path) -> None:
    with receiver() as got, simulator("--speed", SPEED) as sim_url:
        settings = {**QUICK, "VORTEX__EXCHANGE__SIMULATOR_URL": sim_url, "VORTEX__NOTIFY__URLS": got.url}
        with engine(tmp_path / "data", **settings) as running:
            running.wait_ready()
            got.wait_for("\nstart: ", 60)
            got.wait_for("\nentry: ", 60)
            post(running.run["control_url"] + "/api/chaos/crash", {"actor": f"{SYMBOL}/E2"})
            got.wait_for(f"\nrestart: {SYMBOL}/E2 generation 1 crashed: InjectedCrash", 60)
            assert "net " in got.wait_for("\nexit: ", 60)
            post(running.run["control_url"] + "/api/halt", {})
            got.wait_for("\nhalt: halt all symbols: control API", 60)
            eventually(lambda: running.api("/api/status")["symbols"][SYMBOL]["position"] is None, 60, "flat")
            assert len(list(Path(f"/proc/{running.process.pid}/task").iterdir())) <= MOST_THREADS
            assert running.stop() == 0
        stop = got.wait_for("\nstop: ", 60)
    label = "PAPER · demo profile · recording of 2024-08-08\n"
    assert [text for text in got.texts if not text.startswith(label)] == []
    assert stop == f"{label}stop: SIGTERM\nno position is open"
    assert "canary-token" not in running.log.read_text()


@pytest.mark.parametrize("receiver_kind", ["hangs", pytest.param("is not there", marks=pytest.mark.chaos)])
def test_a_receiver_that_fails_changes_nothing_for_trading(tmp_path: Path, receiver_kind: str) -> None:
    with hanging() as silent, simulator("--speed", SPEED) as sim_url:
        url = silent if receiver_kind == "hangs" else nobody()
        settings = {**QUICK, "VORTEX__EXCHANGE__SIMULATOR_URL": sim_url, "VORTEX__NOTIFY__URLS": f"{url},{url}"}
        with engine(tmp_path / "data", **settings) as running:
            running.wait_ready()
            closed = eventually(
                lambda: [row for row in running.api("/api/trades") if row["status"] == "CLOSED"], 60, "a closed trade"
            )
            failed = "notify.urls 1 (json): not delivered"
            eventually(lambda: failed in running.log.read_text(), 30, failed)
            ledger = get(f"{sim_url}/sim/v1/ledger")
            protected_in_time(sim_url, SYMBOL)
            agree_with_ledger(closed[0], ledger)
            crashed = [row["path"] for row in running.api("/api/actors") if row["last_error"] or row["restarts"]]
            assert crashed == []
            running.stops_in_time()


@pytest.mark.parametrize("on_exit", [pytest.param("keep", marks=pytest.mark.chaos), "flatten"])
def test_a_stop_keeps_or_closes_what_is_open_and_says_so(tmp_path: Path, on_exit: str) -> None:
    with receiver() as got, simulator("--speed", SPEED) as sim_url:
        settings = {
            **LONG,
            "VORTEX__EXCHANGE__SIMULATOR_URL": sim_url,
            "VORTEX__NOTIFY__URLS": got.url,
            "VORTEX__MONITOR__ON_EXIT": on_exit,
        }
        with engine(tmp_path / "data", **settings) as running:
            running.wait_ready()
            eventually(lambda: holding(running), 90, "a protected position")
            assert running.stop() == 0
        ledger, stop = get(f"{sim_url}/sim/v1/ledger"), got.wait_for("\nstop: ", 60)
    store = SqliteColdStore.read_only(tmp_path / "data" / "vortex.db")
    row = store.recent_trades(1)[0]
    store.close()
    resting = [algo for algo in ledger["algo_orders"] if algo["status"] == "NEW"]
    if on_exit == "keep":
        assert len(ledger["positions"]) == 1
        assert row.status == "OPEN"
        assert f"{row.id}: stays open, {row.side}" in stop
        assert "rests on the exchange; time exits do not run while stopped" in stop
    else:
        assert (ledger["positions"], resting) == ([], [])
        assert (row.status, row.close_reason) == ("CLOSED", "SHUTDOWN")
        assert stop.endswith("no position is open")
        assert any("exit: " in text and "SHUTDOWN" in text for text in got.texts)
    assert stop.splitlines()[-1] in running.log.read_text()
