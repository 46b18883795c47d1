"""A person at work on the real system: pause, halt, restart, unhalt, the kill switch, and pairs that come and go."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.kit.ledger import protected_in_time
from tests.kit.processes import REPOSITORY, Engine, engine, environment, eventually, get, post, simulator

pytestmark = pytest.mark.e2e

SPEED = "4"
MOST_THREADS = 12
SOON_S, TRADE_S = 30.0, 60.0
"""Real seconds, on a busy machine."""
EAGER = {
    "VORTEX__DECISION__A__THETA": "0.001",
    "VORTEX__DECISION__A__CONFIDENCE_MIN": "0",
    "VORTEX__DECISION__A__S1_MIN": "-1",
    "VORTEX__RISK__COOLDOWN_CLOSE_S": "0",
    "VORTEX__RISK__A__MAX_HOLD_S": "600",
}
"""Almost any book is a reason to enter, and what is open stays open."""


HALT, PAUSE, KILL, STAY, COME = "HALTUSDT", "PAUSEUSDT", "KILLUSDT", "STAYUSDT", "COMEUSDT"
"""A symbol of its own for every test: nobody meets what another one left open."""


@pytest.fixture(scope="module")
def sim_url() -> Iterator[str]:
    with simulator("--speed", SPEED, "--market", f"{HALT},{PAUSE},{KILL},{STAY},{COME}=btcusdt_20240808.gz") as url:
        yield url


@contextmanager
def one_pair(data_dir: Path, sim_url: str, symbol: str, **settings: str) -> Iterator[Engine]:
    """One symbol on this simulator, ready."""
    where = {"TRADING_PAIRS": symbol, "VORTEX__EXCHANGE__SIMULATOR_URL": sim_url}
    with engine(data_dir, **(where | EAGER | settings)) as running:
        running.wait_ready()
        yield running


def vortex(running: Engine, *arguments: str) -> str:
    """A command about this system; what it prints."""
    ended = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "vortex", *arguments, "--data-dir", str(running.data_dir)],
        cwd=REPOSITORY, env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def of(running: Engine, symbol: str) -> dict[str, Any]:
    """A symbol as the API shows it; empty when it is not there."""
    found: dict[str, Any] = running.api("/api/status")["symbols"].get(symbol, {})
    return found


def reaches(running: Engine, symbol: str, *states: str) -> None:
    eventually(lambda: of(running, symbol).get("state") in states, SOON_S, f"{symbol} {states}")


def gates(running: Engine) -> set[tuple[str, str | None]]:
    return {(gate["gate"], gate["symbol"]) for gate in running.api("/api/status")["gates"]}


def threads(running: Engine) -> int:
    return len(list(Path(f"/proc/{running.process.pid}/task").iterdir()))


def test_a_halt_flattens_outlives_the_process_and_ends_with_an_unhalt(tmp_path: Path, sim_url: str) -> None:
    with one_pair(tmp_path / "data", sim_url, HALT) as first:
        eventually(lambda: of(first, HALT)["protected"], TRADE_S, "a protected position")
        assert f"halt: {HALT}" in vortex(first, "halt", HALT)
        reaches(first, HALT, "HALTED")
        ledger = get(f"{sim_url}/sim/v1/ledger")
        assert [each for each in ledger["positions"] if each["symbol"] == HALT] == []
        assert [each for each in ledger["algo_orders"] if (each["symbol"], each["status"]) == (HALT, "NEW")] == []
        assert eventually(lambda: first.api("/api/trades?limit=1")[0]["close_reason"], SOON_S, "the row") == "HALT"
        assert ("halted", HALT) in gates(first)
        assert first.stop() == 0
    orders = len(get(f"{sim_url}/sim/v1/ledger")["orders"])
    with one_pair(tmp_path / "data", sim_url, HALT) as second:
        assert of(second, HALT)["state"] in ("FLATTENING", "HALTED"), "it may look once more that it is flat"
        reaches(second, HALT, "HALTED")
        seen = eventually(lambda: of(second, HALT)["decision"], SOON_S, "a decision")["ts_ms"]
        eventually(lambda: of(second, HALT)["decision"]["ts_ms"] > seen + 5_000, SOON_S, "5 s of decisions")
        assert len(get(f"{sim_url}/sim/v1/ledger")["orders"]) == orders, "no entry while halted"
        vortex(second, "unhalt", HALT)
        eventually(lambda: of(second, HALT)["protected"], TRADE_S, "it trades again")
        vortex(second, "flatten", HALT)
        assert second.stop() == 0
    protected_in_time(sim_url, HALT)


def test_a_pause_keeps_the_position_and_stops_entries(tmp_path: Path, sim_url: str) -> None:
    with one_pair(tmp_path / "data", sim_url, PAUSE) as running:
        eventually(lambda: of(running, PAUSE)["protected"], TRADE_S, "a protected position")
        vortex(running, "pause", "--all")
        reaches(running, PAUSE, "PAUSED")
        assert of(running, PAUSE)["protected"] is True
        assert running.api("/readyz")["ready"] is True
        trade_id = of(running, PAUSE)["position"]["trade_id"]
        vortex(running, "flatten", PAUSE)
        eventually(lambda: of(running, PAUSE)["position"] is None, SOON_S, "flat")
        reaches(running, PAUSE, "PAUSED")
        vortex(running, "resume", PAUSE)
        eventually(lambda: of(running, PAUSE)["protected"], TRADE_S, "it trades again")
        assert of(running, PAUSE)["position"]["trade_id"] != trade_id
        vortex(running, "flatten", "--all")
        eventually(lambda: of(running, PAUSE)["position"] is None, SOON_S, "flat")


def test_the_kill_switch_by_environment_and_by_file(tmp_path: Path, sim_url: str) -> None:
    with one_pair(tmp_path / "data", sim_url, KILL, VORTEX_HALT="1") as running:
        reaches(running, KILL, "HALTED")
        assert ("kill_switch", None) in gates(running)
        vortex(running, "unhalt", "--all")
        reaches(running, KILL, "READY", "WARMING")
        file = running.data_dir / "HALT"
        file.touch()
        reaches(running, KILL, "HALTED")
        file.unlink()
        assert of(running, KILL)["state"] in ("FLATTENING", "HALTED"), "the file's end is not the halt's"
        file.touch()
        vortex(running, "unhalt", "--all")
        assert not file.exists()
        reaches(running, KILL, "READY", "WARMING")
        vortex(running, "halt", "--all")
        reaches(running, KILL, "HALTED")


def test_pairs_come_and_go_while_another_trades_on_few_threads(tmp_path: Path, sim_url: str) -> None:
    file = tmp_path / "own.toml"

    def write(*pairs: str) -> None:
        file.write_text(f"trading_pairs = {list(pairs)}".replace("'", '"'), encoding="utf-8")

    write(STAY)
    files = ("--config", "config/paper.toml", "--config", str(file))
    with engine(tmp_path / "data", *files, VORTEX__EXCHANGE__SIMULATOR_URL=sim_url) as running:
        running.wait_ready()
        url = running.run["control_url"]
        write(STAY, COME)
        running.process.send_signal(signal.SIGHUP)
        reaches(running, COME, "WARMING", "READY")
        assert threads(running) <= MOST_THREADS
        write(STAY)
        running.process.send_signal(signal.SIGHUP)
        eventually(lambda: not of(running, COME), SOON_S, f"{COME} gone")
        assert of(running, STAY)["state"] in ("WARMING", "READY")
        write(STAY, COME)
        answer = post(f"{url}/api/reload", {})
        assert (answer["ok"], answer["added"], answer["symbols"]) == (True, [COME], [STAY, COME])
        reaches(running, COME, "WARMING", "READY")
        for wrong in ((STAY, "NOSUCHUSDT"), ()):
            write(*wrong)
            with pytest.raises(HTTPError, match="422") as refused:
                post(f"{url}/api/reload", {})
            refused.value.close()
        assert set(running.api("/api/status")["symbols"]) == {STAY, COME}
        generations = {actor["path"]: actor["generation"] for actor in running.api("/api/actors")}
        assert {generations[path] for path in ("root", "exchange", STAY, f"{STAY}/decision")} == {1}
        busiest = threads_under_traffic(running)
        assert busiest <= MOST_THREADS
        assert running.stop() == 0


def threads_under_traffic(running: Engine) -> int:
    """The most threads seen while many clients read and order at once."""
    url = running.run["control_url"]
    paths = ("/livez", "/readyz", "/api/status", "/api/actors", "/api/trades", "/api/rejects")

    def client() -> None:
        for path in paths * 2:
            get(url + path)
        post(f"{url}/api/resume", {})

    clients = [threading.Thread(target=client) for _ in range(8)]
    for each in clients:
        each.start()
    most = 0
    while any(each.is_alive() for each in clients):
        most = max(most, threads(running))
        clients[0].join(0.01)
    return max(most, threads(running))
