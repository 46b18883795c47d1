"""The main job over real processes and sockets: the paper system on the shipped recording, judged by the ledger."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.kit.ledger import agree_with_ledger, protected_in_time
from tests.kit.processes import (
    REPOSITORY,
    Engine,
    engine,
    environment,
    eventually,
    get,
    post,
    simulator,
)

pytestmark = pytest.mark.e2e

SYMBOLS = ("BTCUSDT", "ETHUSDT")
ENGINES = ("E1", "E2", "E3", "E4", "E5")
SPEED = "4"
"""Real processes are held to their time limits up to this speed."""


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One paper system for the tests that only look, or that do no lasting harm."""
    data_dir = tmp_path_factory.mktemp("paper") / "data"
    with engine(data_dir, VORTEX__SIM__SPEED=SPEED) as running:
        running.wait_ready()
        yield running


def closed_trades(running: Engine) -> list[dict[str, Any]]:
    """The closed trades of the ledger."""
    return [trade for trade in running.api("/api/trades?limit=1000") if trade["status"] == "CLOSED"]


def test_every_engine_of_every_symbol_hears_the_market(paper: Engine) -> None:
    status = paper.api("/api/status")
    assert status["mode"] == "paper"
    assert status["simulated"] is True
    assert status["market_source"] == "recording of 2024-08-08"
    assert set(status["symbols"]) == set(SYMBOLS)

    def all_heard() -> bool:
        symbols = paper.api("/api/status")["symbols"].values()
        return all(
            set(each["engines"]) == set(ENGINES)
            and each["feeds"]["depth20"] < 1_000
            and each["feeds"]["markPrice"] < 2_500
            and all(each["engines"][name]["age_ms"] is not None for name in ENGINES)
            for each in symbols
        )

    assert eventually(all_heard, 60, "fresh books and mark prices in every engine")
    paths = {actor["path"] for actor in paper.api("/api/actors")}
    shared = {"root", "exchange", "storage", "hot_store", "account", "feed"}
    parts = {f"{symbol}/{part}" for symbol in SYMBOLS for part in (*ENGINES, "decision", "monitor")}
    assert paths == shared | set(SYMBOLS) | parts


def test_trades_open_close_and_agree_with_the_exchange(paper: Engine) -> None:
    trades = eventually(lambda: len(found := closed_trades(paper)) >= 3 and found, 150, "three closed trades")
    assert isinstance(trades, list)
    assert paper.api("/api/rejects")
    ledger = get(paper.run["sim_url"] + "/sim/v1/ledger")
    protected_in_time(paper.run["sim_url"], *SYMBOLS)
    for trade in trades:
        agree_with_ledger(trade, ledger)
    assert get(paper.run["sim_url"] + "/sim/v1/requests")["unknown"] == {}


def test_metrics_of_a_real_run_say_paper_and_count_its_stops(paper: Engine) -> None:
    def scraped() -> str:
        with urllib.request.urlopen(paper.run["control_url"] + "/metrics", timeout=5.0) as reply:  # noqa: S310  # this machine
            return str(reply.read(), "utf-8")

    def stops_timed() -> bool:
        lines = dict(line.rsplit(" ", 1) for line in scraped().splitlines() if not line.startswith("#"))
        return float(lines["vortex_fill_to_stop_seconds_count"]) >= 1

    assert eventually(stops_timed, 150, "a stop that was timed")
    text = scraped()
    assert text.startswith("# PAPER · demo profile · recording of 2024-08-08\n")
    assert 'mode="PAPER"' in text
    assert 'vortex_fill_to_stop_seconds_bucket{le="2.0"} 0.0' not in text


def test_a_crashed_engine_is_replaced_alone(paper: Engine) -> None:
    before = {actor["path"]: actor for actor in paper.api("/api/actors")}
    assert post(paper.run["control_url"] + "/api/chaos/crash", {"actor": "BTCUSDT/E2"}) == {"ok": True}

    def replaced() -> bool:
        after = {actor["path"]: actor for actor in paper.api("/api/actors")}
        again = after["BTCUSDT/E2"]
        return bool(
            again["generation"] == before["BTCUSDT/E2"]["generation"] + 1
            and again["state"] == "READY"
            and again["last_error"]
        )

    assert eventually(replaced, 30, "E2 restarted")
    after = {actor["path"]: actor["generation"] for actor in paper.api("/api/actors")}
    assert {path: number for path, number in after.items() if path != "BTCUSDT/E2"} == {
        path: actor["generation"] for path, actor in before.items() if path != "BTCUSDT/E2"
    }
    seen = paper.api("/api/status")["symbols"]["ETHUSDT"]["decision"]["ts_ms"]
    assert eventually(
        lambda: paper.api("/api/status")["symbols"]["ETHUSDT"]["decision"]["ts_ms"] > seen, 30, "ETHUSDT decides on"
    )


def test_a_position_outlives_a_restart(tmp_path: Path) -> None:
    """SIGTERM with a position open: the stop rests on, the outbox is empty, the next start takes the position over."""
    settings = {"TRADING_PAIRS": "BTCUSDT", "VORTEX__RISK__A__MAX_HOLD_S": "600"}
    with simulator("--speed", SPEED) as sim_url:
        with engine(tmp_path / "data", VORTEX__EXCHANGE__SIMULATOR_URL=sim_url, **settings) as first:
            first.wait_ready()
            eventually(lambda: symbol_status(first)["protected"], 60, "a protected position")
            trade_id = symbol_status(first)["position"]["trade_id"]
            first.stops_in_time()
            with closing(sqlite3.connect(first.data_dir / "journal.db")) as journal:
                assert journal.execute("select count(*) from outbox").fetchone() == (0,)
        ledger = get(sim_url + "/sim/v1/ledger")
        assert len(ledger["positions"]) == 1
        stops = [algo for algo in ledger["algo_orders"] if algo["type"] == "STOP_MARKET" and algo["status"] == "NEW"]
        assert len(stops) == 1
        settings["VORTEX__RISK__A__MAX_HOLD_S"] = "30"
        with engine(tmp_path / "data", VORTEX__EXCHANGE__SIMULATOR_URL=sim_url, **settings) as second:
            second.wait_ready()
            again = symbol_status(second)
            assert again["position"]["trade_id"] == trade_id
            assert again["protected"] is True
            assert second.stop() == 0
        protected_in_time(sim_url, "BTCUSDT")


def symbol_status(running: Engine) -> dict[str, Any]:
    """BTCUSDT as the API shows it."""
    found: dict[str, Any] = running.api("/api/status")["symbols"]["BTCUSDT"]
    return found


@pytest.mark.parametrize("count", [1, 20])
def test_pairs_alone_decide_how_many_trees_there_are(tmp_path: Path, count: int) -> None:
    names = [f"A{number:02d}USDT" for number in range(20)]
    market = f"{','.join(names)}=btcusdt_20240808.gz"
    pairs = ",".join(names[:count])
    with simulator("--market", market) as sim_url:
        settings = {"VORTEX__EXCHANGE__SIMULATOR_URL": sim_url, "TRADING_PAIRS": pairs}
        with engine(tmp_path / "data", **settings) as running:
            running.wait_ready()
            paths = [actor["path"] for actor in running.api("/api/actors")]
            assert sum(path.endswith("/E1") for path in paths) == count
            assert running.stop() == 0


def run_start(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `vortex start` to its end."""
    return subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "vortex", "start", *arguments],
        cwd=REPOSITORY, env=environment(**settings), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_pair_the_exchange_does_not_list_is_refused(tmp_path: Path) -> None:
    ports = {"VORTEX__SIM__PORT": "0", "VORTEX__CONTROL__PORT": "0", "VORTEX__DATA_DIR": str(tmp_path / "data")}
    ended = run_start("--pairs", "BTCUSDT,NOSUCHUSDT", **ports)
    assert ended.returncode == 2
    assert "NOSUCHUSDT" in ended.stderr.splitlines()[-1]


def test_production_without_keys_names_every_missing_variable() -> None:
    ended = run_start("--config", "config/prod.toml")
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    for name in ("BINANCE_API_KEY", "BINANCE_SECRET_KEY", "TESTNET"):
        assert name in ended.stderr


def test_a_second_start_in_the_same_directory_is_refused(paper: Engine) -> None:
    ended = run_start("--data-dir", str(paper.data_dir))
    assert ended.returncode == 1
    assert str(paper.process.pid) in ended.stderr


def test_the_commands_read_the_running_system(paper: Engine) -> None:
    for command in ("status", "actors", "trades", "rejects"):
        ended = subprocess.run(  # noqa: S603  # our own program
            [sys.executable, "-m", "vortex", command, "--data-dir", str(paper.data_dir)],
            cwd=REPOSITORY, env=environment(), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        if command != "actors":
            assert ended.stdout.startswith("PAPER · demo profile · recording of 2024-08-08")


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with engine(tmp_path / "data", TRADING_PAIRS="BTCUSDT") as running:
        running.wait_ready()
        running.process.send_signal(signal.SIGTERM)
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(30) in (0, 1)
