"""A pair goes and comes back, by signal, by the API and by a restart, while another one trades; the ledger judges."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.kit.ledger import protected_in_time
from tests.kit.processes import Engine, engine, eventually, get, post, simulator
from vortex.app.api.shapes import Status

pytestmark = pytest.mark.e2e

SPEED = "4"
STAY, LEAVE = "STAYUSDT", "LEAVEUSDT"
SOON_S, TRADE_S = 30.0, 90.0
"""Real seconds, on a busy machine."""
EAGER = {
    "VORTEX__DECISION__A__THETA": "0.001",
    "VORTEX__DECISION__A__CONFIDENCE_MIN": "0",
    "VORTEX__DECISION__A__S1_MIN": "-1",
    "VORTEX__RISK__COOLDOWN_CLOSE_S": "0",
    "VORTEX__RISK__COOLDOWN_SL_S": "0",
    "VORTEX__RISK__GOVERNOR_ENTRIES_PER_MIN": "10000",
    "VORTEX__RISK__A__MAX_HOLD_S": "10",
}
"""Almost any book is a reason to enter, and what is open closes by its own exit within 10 s of the exchange's time."""


class Desk:
    """The file with the pairs, and the engine that reads it."""

    def __init__(self, folder: Path, sim_url: str) -> None:
        self.sim_url = sim_url
        self._file = folder / "own.toml"
        self._data_dir = folder / "data"

    def write(self, *pairs: str) -> None:
        self._file.write_text(f"trading_pairs = {list(pairs)}".replace("'", '"'), encoding="utf-8")

    def start(self) -> Any:
        files = ("--config", "config/paper.toml", "--config", str(self._file))
        return engine(self._data_dir, *files, **EAGER, VORTEX__EXCHANGE__SIMULATOR_URL=self.sim_url)

    def ledger(self) -> dict[str, Any]:
        found: dict[str, Any] = get(f"{self.sim_url}/sim/v1/ledger")
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with simulator("--speed", SPEED, "--market", f"{STAY},{LEAVE}=btcusdt_20240808.gz") as url:
        yield Desk(tmp_path, url)


def of(running: Engine, symbol: str) -> dict[str, Any]:
    status = running.api("/api/status")
    msgspec.convert(status, Status)  # the reply is as it is described
    found: dict[str, Any] = status["symbols"].get(symbol, {})
    return found


def holds(running: Engine, symbol: str) -> None:
    eventually(lambda: of(running, symbol).get("protected"), TRADE_S, f"{symbol} holds a protected position")


def entries(ledger: dict[str, Any], symbol: str) -> list[str]:
    orders = (order for order in ledger["orders"] if order["symbol"] == symbol)
    return [order["client_id"] for order in orders if order["client_id"].endswith("E")]


def remains(ledger: dict[str, Any], symbol: str) -> Sequence[object]:
    """What of a symbol is still open or rests on the exchange."""
    resting = [*ledger["orders"], *ledger["algo_orders"]]
    return [
        *(each for each in ledger["positions"] if each["symbol"] == symbol and float(each["position_amt"]) != 0),
        *(order for order in resting if order["symbol"] == symbol and order["status"] in ("NEW", "PARTIALLY_FILLED")),
    ]


def goes(desk: Desk, running: Engine) -> None:
    """The pair leaves by its own exit, the other one trades on: nothing of the first remains, nothing new is begun."""
    eventually(lambda: not of(running, LEAVE), TRADE_S, f"{LEAVE} has left")
    ledger = desk.ledger()
    assert remains(ledger, LEAVE) == []
    before = entries(ledger, LEAVE), entries(ledger, STAY)
    eventually(lambda: len(entries(desk.ledger(), STAY)) > len(before[1]) + 1, TRADE_S, f"{STAY} trades on")
    assert entries(desk.ledger(), LEAVE) == before[0]


def test_a_pair_goes_by_signal_api_and_restart_and_comes_back(desk: Desk) -> None:
    desk.write(STAY, LEAVE)
    with desk.start() as running:
        running.wait_ready()
        url = running.run["control_url"]
        holds(running, LEAVE)
        holds(running, STAY)

        desk.write(STAY)
        running.process.send_signal(signal.SIGHUP)
        goes(desk, running)

        desk.write(STAY, LEAVE)
        assert post(f"{url}/api/reload", {})["added"] == [LEAVE]
        holds(running, LEAVE)
        desk.write(STAY)
        assert post(f"{url}/api/reload", {})["removed"] == [LEAVE]
        goes(desk, running)

        desk.write(STAY, LEAVE)
        running.process.send_signal(signal.SIGHUP)
        holds(running, LEAVE)
        generations = {actor["path"]: actor["generation"] for actor in running.api("/api/actors")}
        assert {generations[path] for path in ("root", "exchange", STAY, f"{STAY}/decision", f"{STAY}/monitor")} == {1}
        desk.write(STAY)
        assert running.stop() == 0
    with desk.start() as again:
        again.wait_ready()
        goes(desk, again)
        assert again.stop() == 0
    protected_in_time(desk.sim_url, STAY, LEAVE)
