"""The simulator as a child process: up, down, failing, killed, and out of Ctrl-C's reach."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from queue import SimpleQueue
from typing import NoReturn

import pytest

from tests.kit.processes import eventually, get
from tests.sim.server.kit import short_capture
from vortex.app.children import simulator as module
from vortex.app.children.simulator import SimulatorChild, SimulatorFailedError
from vortex.config import Config
from vortex.config.sections import Sim, SimLatency

pytestmark = pytest.mark.e2e
TIMEOUT_S = 30.0


def never(code: int) -> NoReturn:
    raise AssertionError(f"ended with {code}")


def config(folder: Path, *markets: str, speed: float = 2.0) -> Config:
    latency = SimLatency(market_ms=1.0, order_ms=2.0, sigma=0.0)
    shown = markets or (f"BTCUSDT={short_capture(folder)}",)
    return Config(sim=Sim(market=shown, port=0, speed=speed, seed=11, balance_usdt=500.0, latency=latency))


def test_a_child_serves_what_is_configured_and_keeps_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STOP_S", TIMEOUT_S)  # to end well is what this is about, not how soon
    ended: SimpleQueue[int] = SimpleQueue()
    child = SimulatorChild(config(tmp_path), tmp_path / "sim.db", ended.put)
    try:
        url = child.wait_ready()
        assert get(f"{url}/sim/v1/clock")["speed"] == 2.0
        assert get(f"{url}/sim/v1/ledger")["wallet_usdt"] == "500"
        assert os.getpgid(child._process.pid) != os.getpgid(0), "Ctrl-C of a terminal goes to our group"
        child.look()
    finally:
        child.stop()
    assert child._process.returncode == 0
    child.look()
    assert ended.empty(), "it was asked to end"
    assert (tmp_path / "sim.db").exists()


def test_the_whole_sim_section_reaches_the_child(tmp_path: Path) -> None:
    command = module._command(config(tmp_path, "a", "b"), tmp_path / "s")
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert command[4:8] == ["--market", "a", "--market", "b"]
    expected = {"--seed": "11", "--speed": "2.0", "--balance": "500", "--port": "0", "--host": "127.0.0.1"}
    latency = {"--market-latency-ms": "1.0", "--order-latency-ms": "2.0", "--latency-sigma": "0.0"}
    assert options.items() >= (expected | latency).items()


def test_a_child_that_cannot_start_is_one_line(tmp_path: Path) -> None:
    child = SimulatorChild(config(tmp_path, "nothing.gz"), tmp_path / "sim.db", never)
    with pytest.raises(SimulatorFailedError, match=r"^the simulator ended with code 2 before it was ready$"):
        child.wait_ready()
    child.stop()


@pytest.mark.parametrize("said", ["nonsense", json.dumps({"event": "ready"})])
def test_a_child_that_says_something_else_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setattr(module, "_command", lambda *_: ["echo", said])
    child = SimulatorChild(Config(), tmp_path / "sim.db", never)
    with pytest.raises(SimulatorFailedError, match="where it should be ready"):
        child.wait_ready()
    child.stop()


def test_a_child_that_stays_silent_or_does_not_stop_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_command", lambda *_: ["sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"])
    monkeypatch.setattr(module, "READY_S", 0.1)
    monkeypatch.setattr(module, "STOP_S", 0.1)
    child = SimulatorChild(Config(), tmp_path / "sim.db", never)
    with pytest.raises(SimulatorFailedError, match="code -9 before it was ready"):
        child.wait_ready()
    child.stop()
    stubborn = SimulatorChild(Config(), tmp_path / "sim.db", never)
    stubborn.stop()
    assert stubborn._process.returncode in (-signal.SIGKILL, -signal.SIGTERM)


def test_a_child_that_dies_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = json.dumps({"url": "http://127.0.0.1:1"})
    monkeypatch.setattr(module, "_command", lambda *_: ["sh", "-c", f"echo '{ready}'; exec sleep 60"])
    codes = list[int]()
    child = SimulatorChild(Config(), tmp_path / "sim.db", codes.append)
    assert child.wait_ready() == "http://127.0.0.1:1"
    child.look()
    assert codes == []
    os.kill(child._process.pid, signal.SIGKILL)

    def seen() -> bool:
        child.look()
        return bool(codes)

    eventually(seen, TIMEOUT_S, "the end of the child")
    child.look()
    assert codes == [-signal.SIGKILL], "said once"
    child.stop()


def test_live_is_live_for_the_pairs_that_are_traded(tmp_path: Path) -> None:
    sim = Sim(market=("live", "XRPUSDT=live"))
    command = module._command(Config(trading_pairs=("SOLUSDT", "ETHUSDT"), sim=sim), tmp_path / "s")
    assert command[4:8] == ["--market", "SOLUSDT,ETHUSDT=live", "--market", "XRPUSDT=live"]
