"""Crashes, hangs, storms and stops of the real processes, while they trade; the exchange's ledger is the judge."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from tests.kit.invariants import of_symbol
from tests.kit.ledger import agree_with_ledger
from tests.kit.processes import Engine, engine, eventually, get, post, simulator

pytestmark = pytest.mark.e2e

SPEED = "2"
SOON_S, TRADE_S = 15.0, 25.0
"""Real seconds, on a busy machine."""
PAUSE_MS = 3_000
"""Of the exchange's time, at speed 2: no crash below one symbol may hold up another's decisions for longer."""
MOVING = {
    "VORTEX__DECISION__A__THETA": "0.001",
    "VORTEX__DECISION__A__CONFIDENCE_MIN": "0",
    "VORTEX__DECISION__A__S1_MIN": "-1",
    "VORTEX__RISK__COOLDOWN_CLOSE_S": "0",
    "VORTEX__RISK__A__MAX_HOLD_S": "8",
    "VORTEX__RISK__GOVERNOR_LOSING_TRIPS_PER_HOUR": "100000",
    "VORTEX__RISK__COOLDOWN_LOSSES_S": "0",
}
"""Trades open and close every few seconds."""
VICTIM, OTHER = "BTCUSDT", "ETHUSDT"
PARTS = ("E1", "E2", "E3", "E4", "E5", "decision", "monitor")
HOWS = ("hang", "spin", "system_exit", "start_failure", "exception", "exception", "spin")
SHARED = ("storage", "hot_store", "feed", "account", "exchange")


@pytest.fixture
def sim_url() -> Iterator[str]:
    with simulator("--speed", SPEED) as url:
        yield url


@contextmanager
def trading(data_dir: Path, sim_url: str, **settings: str) -> Iterator[Engine]:
    where = {"TRADING_PAIRS": f"{VICTIM},{OTHER}", "VORTEX__EXCHANGE__SIMULATOR_URL": sim_url}
    with engine(data_dir, **(where | MOVING | settings)) as running:
        running.wait_ready()
        yield running


def crash(running: Engine, path: str, how: str = "exception", **more: float) -> None:
    reply = post(f"{running.run['control_url']}/api/chaos/crash", {"actor": path, "how": how, **more})
    assert reply == {"ok": True}


def actor(running: Engine, path: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in running.api("/api/actors") if each["path"] == path)
    return found


def comes_back(running: Engine, path: str, generation: int) -> None:
    def back() -> bool:
        shown = actor(running, path)
        return bool(shown["generation"] > generation and shown["state"] == "READY")

    eventually(back, SOON_S, f"{path} after generation {generation}")


def of(running: Engine, symbol: str) -> dict[str, Any]:
    shown: dict[str, Any] = running.api("/api/status")["symbols"][symbol]
    return shown


def position_open(running: Engine, symbol: str = VICTIM) -> str:
    """Wait for a protected position; returns its trade id."""

    def found() -> str | None:
        shown = of(running, symbol)
        return str(shown["position"]["trade_id"]) if shown["protected"] else None

    return eventually(found, TRADE_S, f"a protected position in {symbol}")


def is_well(running: Engine) -> None:
    """Every actor runs, every gate is open."""
    eventually(lambda: {each["state"] for each in running.api("/api/actors")} == {"READY"}, SOON_S, "all READY")
    eventually(lambda: running.api("/readyz")["ready"], SOON_S, "readyz")
    eventually(lambda: running.api("/api/status")["gates"] == [], SOON_S, "no closed gate")


def judge(running: Engine, sim_url: str) -> None:
    """No entry from now on; then the exchange's ledger and the rows must agree, and nothing was ever unsafe."""
    control = running.run["control_url"]
    post(f"{control}/api/pause", {})
    symbols = (VICTIM, OTHER)
    eventually(lambda: all(of(running, symbol)["protected"] is not False for symbol in symbols), SOON_S, "settled")
    post(f"{control}/api/flatten", {})
    eventually(lambda: all(of(running, symbol)["position"] is None for symbol in symbols), SOON_S, "flat")
    eventually(lambda: running.api("/api/status")["outbox"]["pending"] == 0, SOON_S, "the outbox is empty")
    ledger = get(f"{sim_url}/sim/v1/ledger")
    assert [violation for symbol in symbols for violation in of_symbol(ledger, symbol)] == []
    rows = [row for row in running.api("/api/trades?limit=1000") if row["status"] == "CLOSED"]
    assert rows
    for row in rows:
        agree_with_ledger(row, ledger)
    entries = [order for order in ledger["orders"] if order["client_id"].endswith("E") and float(order["executed_qty"])]
    assert len(entries) == len(rows), "one row for each trade"


class Heartbeat:
    """Watches that a symbol goes on deciding."""

    def __init__(self, running: Engine, symbol: str) -> None:
        self.longest_ms = 0
        self._running, self._symbol = running, symbol
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10.0)

    def _watch(self) -> None:
        last_ms, seen_s = 0, time.monotonic()
        while not self._over.wait(0.1):
            try:
                decision = of(self._running, self._symbol)["decision"]
            except OSError:
                continue
            if decision is not None and decision["ts_ms"] != last_ms:
                last_ms, seen_s = decision["ts_ms"], time.monotonic()
            self.longest_ms = max(self.longest_ms, int((time.monotonic() - seen_s) * 1_000 * float(SPEED)))


def test_every_class_of_actor_crashes_while_it_trades_and_nothing_is_lost(tmp_path: Path, sim_url: str) -> None:
    with trading(tmp_path / "data", sim_url, VORTEX__RUNTIME__CHILD_RESTARTS="100") as running:
        position_open(running)
        with Heartbeat(running, OTHER) as heart:
            for part, how in zip(PARTS, HOWS, strict=True):
                generation = actor(running, f"{VICTIM}/{part}")["generation"]
                if part in ("decision", "monitor"):
                    position_open(running)
                crash(running, f"{VICTIM}/{part}", how, seconds=2)
                comes_back(running, f"{VICTIM}/{part}", generation)
            generation = actor(running, f"{VICTIM}/monitor")["generation"]
            crash(running, VICTIM)
            comes_back(running, f"{VICTIM}/monitor", generation)
        assert heart.longest_ms <= PAUSE_MS
        for name in SHARED:
            if name == "exchange":
                position_open(running)
            generation = actor(running, name)["generation"]
            crash(running, name)
            comes_back(running, name, generation)
        is_well(running)
        judge(running, sim_url)
        assert running.stop() == 0


def test_the_roots_crash_ends_the_process_and_the_next_start_goes_on(tmp_path: Path, sim_url: str) -> None:
    with trading(tmp_path / "data", sim_url, VORTEX__RISK__A__MAX_HOLD_S="600") as first:
        trade_id = position_open(first)
        crash(first, "root")
        assert first.process.wait(SOON_S) == 70
    with trading(tmp_path / "data", sim_url, VORTEX__RISK__A__MAX_HOLD_S="600") as second:
        assert position_open(second) == trade_id
        is_well(second)
        judge(second, sim_url)


def test_a_storm_halts_its_symbol_alone_until_somebody_ends_it(tmp_path: Path, sim_url: str) -> None:
    with trading(tmp_path / "data", sim_url) as running, Heartbeat(running, OTHER) as heart:
        position_open(running)
        crash(running, f"{VICTIM}/E1", times=100)
        eventually(lambda: of(running, VICTIM)["state"] == "HALTED", 60.0, "halted by the storm")
        eventually(lambda: of(running, VICTIM)["position"] is None, SOON_S, "flat")
        assert heart.longest_ms <= PAUSE_MS
        running.process.kill()
        running.process.wait()
    with trading(tmp_path / "data", sim_url) as again:
        eventually(lambda: of(again, VICTIM)["state"] == "HALTED", SOON_S, "halted after the restart")
        post(f"{again.run['control_url']}/api/unhalt", {"symbol": VICTIM})
        position_open(again)
        is_well(again)
        judge(again, sim_url)


def test_it_stops_in_time_whatever_hangs(tmp_path: Path, sim_url: str) -> None:
    data_dir = tmp_path / "data"
    for disturb in ("hang", "storm", "blocked store"):
        with trading(data_dir, sim_url) as running:
            position_open(running, OTHER)
            if disturb == "hang":
                crash(running, f"{VICTIM}/E2", "hang", seconds=20)
            elif disturb == "storm":
                crash(running, f"{VICTIM}/E2", times=15)
            with _locked(data_dir / "vortex.db", really=disturb == "blocked store"):
                began_s = time.monotonic()
                assert running.stop() == 0, disturb
                assert time.monotonic() - began_s <= 10.5, disturb
    with trading(data_dir, sim_url) as last:
        is_well(last)
        judge(last, sim_url)


def test_three_threads_that_do_not_return_end_the_process(tmp_path: Path, sim_url: str) -> None:
    with trading(tmp_path / "data", sim_url) as running:
        for part in ("E1", "E2", "E3"):
            crash(running, f"{VICTIM}/{part}", "hang", seconds=30)
        assert running.process.wait(SOON_S) == 70


def test_a_second_signal_ends_a_slow_stop_at_once(tmp_path: Path, sim_url: str) -> None:
    with trading(tmp_path / "data", sim_url) as running, _locked(running.data_dir / "vortex.db", really=True):
        position_open(running)
        os.kill(running.process.pid, signal.SIGTERM)
        os.kill(running.process.pid, signal.SIGTERM)
        assert running.process.wait(5.0) in (0, 1)  # the two may arrive as one


@contextmanager
def _locked(database: Path, *, really: bool) -> Iterator[None]:
    """Hold the ledger so that nobody can write."""
    if not really:
        yield
        return
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()
