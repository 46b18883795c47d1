"""The whole system with a real Redis that hangs: it decides and trades on, and the mirror heals by itself."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.kit.ordeal import MOVING, holding
from tests.kit.processes import Engine, engine, eventually, get, simulator
from tests.kit.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.e2e
SYMBOL = "BTCUSDT"
FROZEN_S = 8.0
PATIENCE_S = 90.0


def settings(server: RedisServer, sim_url: str) -> dict[str, str]:
    return {
        **MOVING, **holding(1), "TRADING_PAIRS": SYMBOL, "VORTEX__EXCHANGE__SIMULATOR_URL": sim_url,
        "REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(server.port), "VORTEX__HOT_STORE__ALLOW_PAPER_REMOTE": "true",
    }  # fmt: skip


def state(running: Engine) -> Any:
    return running.api("/api/status")["hot_store"]


def decided_ms(running: Engine) -> int:
    decision = running.api("/api/status")["symbols"][SYMBOL]["decision"]
    return 0 if decision is None else int(decision["ts_ms"])


def unhindered(status: dict[str, Any]) -> bool:
    """Whether it is ready and may enter, as far as it is not for people or cooldowns to say."""
    closed = {gate["gate"] for gate in status["gates"]}
    return bool(status["ready"]) and not closed & {"book", "engines", "monitor", "exchange"}


def orders(sim_url: str) -> int:
    return len(get(f"{sim_url}/sim/v1/ledger")["orders"])


def read(server: RedisServer, key: str) -> dict[str, Any] | None:
    with server.client() as client:
        text = client.get(key)
    found: dict[str, Any] | None = None if text is None else json.loads(str(text))
    return found


def test_a_frozen_redis_stops_neither_decisions_nor_orders(tmp_path: Path) -> None:
    with (
        redis_server() as server,
        simulator("--speed", "2") as sim_url,
        engine(tmp_path / "data", **settings(server, sim_url)) as running,
    ):
        running.wait_ready()
        eventually(lambda: state(running)["state"] == "OK", 60, "the mirror")
        eventually(lambda: orders(sim_url) >= 2, PATIENCE_S, "the first orders")
        generations = {actor["path"]: actor["generation"] for actor in running.api("/api/actors")}
        before_log = len(running.log.read_text())
        server.freeze()
        frozen_s, before, seen_ms = time.monotonic(), orders(sim_url), decided_ms(running)
        eventually(lambda: state(running)["state"] == "DEGRADED", 30, "a mirror that is lost")
        eventually(lambda: orders(sim_url) >= before + 4, PATIENCE_S, "orders beside a frozen Redis")
        eventually(lambda: time.monotonic() - frozen_s > FROZEN_S, 2 * FROZEN_S, "some time")
        assert decided_ms(running) > seen_ms + 1_000 * FROZEN_S
        assert state(running)["lost"] > 0
        eventually(lambda: unhindered(running.api("/api/status")), 30, "ready, and no gate closed")
        server.thaw()
        eventually(lambda: state(running)["state"] == "OK", 60, "the mirror again")
        book = eventually(lambda: read(server, f"orderbook:{SYMBOL}"), 30, "a book")
        assert book["v"] == 1
        assert {actor["path"]: actor["generation"] for actor in running.api("/api/actors")} == generations
        log = running.log.read_text()[before_log:]
        assert log.count("takes nothing") == log.count("is written again") == 1


@pytest.mark.chaos
def test_the_next_process_begins_with_the_trades_of_the_last(tmp_path: Path) -> None:
    with redis_server() as server, simulator() as sim_url:  # at full speed of its clock a slow start would be too late
        with engine(tmp_path / "data", **settings(server, sim_url)) as first:
            first.wait_ready()
            eventually(lambda: read(server, f"engine_signals:{SYMBOL}"), 30, "signals")
            eventually(lambda: count(server) >= 200, 60, "some trades")
            first.kill()
        with engine(tmp_path / "data", **settings(server, sim_url)) as second:
            second.wait_ready()
            before = count(server)
            assert before >= 200, "the list goes on"
            assert "taken from the mirror" in second.log.read_text()


def count(server: RedisServer) -> int:
    with server.client() as client:
        found: Any = client.llen(f"ticks:{SYMBOL}")
    return int(found)


@pytest.mark.chaos
def test_a_redis_that_is_not_there_keeps_nobody_from_starting(tmp_path: Path) -> None:
    with (
        redis_server(start=False) as server,
        simulator() as sim_url,
        engine(tmp_path / "data", **settings(server, sim_url)) as running,
    ):
        running.wait_ready()
        assert state(running)["state"] == "DEGRADED"
        assert running.log.read_text().count("cannot be reached") == 1
        server.start()
        eventually(lambda: state(running)["state"] == "OK", 10, "the mirror")
        assert eventually(lambda: read(server, f"orderbook:{SYMBOL}"), 10, "a book")
