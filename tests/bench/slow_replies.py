"""Replies that come late for other symbols: how long a stop takes meanwhile, by the exchange's ledger.

Real processes: the engine with production's client, and the simulated exchange, whose latency is made constant so that
what varies is ours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from tests.chaos.profile import scratch
from tests.kit.ordeal import MOVING, holding
from tests.kit.processes import Engine, engine, eventually, get, post, simulator

Late: TypeAlias = Literal["nobody", "one", "crowd"]
"""Whose replies are late: nobody's, those of one symbol that trades, or of 20 more too, which never get reconciled."""
HEALTHY, SLOW = ("BTCUSDT", *(f"BTC{number}USDT" for number in range(2))), "ETHUSDT"
"""All of the healthy are measured, three: the exchange's weight allows about 70 trades a minute."""
CROWD = tuple(f"CROWD{number:02d}USDT" for number in range(20))
SPEED = 2
DELAY_MS, DAY_MS = 10_000, 86_400_000
START_S = 30.0
SETTINGS = {
    **MOVING,
    **holding(1),
    "VORTEX__DECISION__DEBOUNCE_EVALUATIONS": "1",
    "VORTEX__RISK__COOLDOWN_SL_S": "0",
    "VORTEX__RISK__COOLDOWN_FAILURE_S": "0",
    "VORTEX__RISK__MAX_POSITIONS": "10",
    "VORTEX__RISK__MAX_SAME_DIRECTION": "10",
    "VORTEX__RISK__GOVERNOR_ENTRIES_PER_MIN": "10000",
}


class SlowReplies(Struct, frozen=True, kw_only=True):
    """One run; milliseconds of the exchange's time from the first fill of each entry until its stop rests."""

    taken_ms: list[int]
    reconciling: int
    """Symbols that were not reconciled at the end."""


def run(late: Late, seconds: float) -> SlowReplies:
    """Trade for so long of real time while replies are late."""
    markets = (f"{','.join((*HEALTHY, *CROWD))}=btcusdt_20240808.gz", "ethusdt_20240808.gz")
    words = [word for market in markets for word in ("--market", market)]
    with (
        scratch() as folder,
        simulator("--speed", str(SPEED), "--latency-sigma", "0", *words) as sim_url,
        _trading(folder / "data", sim_url, CROWD if late == "crowd" else ()) as running,
    ):
        if late != "nobody":
            _delay(sim_url, SLOW)
        began_ms = get(f"{sim_url}/sim/v1/clock")["now_ms"]
        time.sleep(seconds)
        symbols = running.api("/api/status")["symbols"]
        reconciling = sum(each["state"] == "RECONCILING" for each in symbols.values())
        ledger = get(f"{sim_url}/sim/v1/ledger")
        taken_ms = [taken for symbol in HEALTHY for taken in fill_to_stop_ms(ledger, symbol, began_ms)]
        return SlowReplies(taken_ms=taken_ms, reconciling=reconciling)


def fill_to_stop_ms(ledger: Mapping[str, Any], symbol: str, since_ms: int) -> list[int]:
    """Of every entry of a symbol that began to fill since then and got a stop."""
    rests = {
        algo["client_id"][:-1]: algo["states"][0]["ts_ms"]
        for algo in ledger["algo_orders"]
        if algo["client_id"].endswith("S") and algo["states"][0]["status"] == "NEW"
    }
    fills: dict[str, int] = {}
    for fill in ledger["fills"]:
        if fill["symbol"] == symbol and fill["client_id"].endswith("E") and fill["ts_ms"] >= since_ms:
            fills.setdefault(fill["client_id"][:-1], fill["ts_ms"])
    return [rests[entry] - at_ms for entry, at_ms in fills.items() if entry in rests]


@contextmanager
def _trading(data_dir: Path, sim_url: str, crowd: tuple[str, ...]) -> Iterator[Engine]:
    """The engine, once all that trades has traded; the crowd, which has no market, never gets an answer in time."""
    for symbol in CROWD:
        post(f"{sim_url}/sim/v1/market", {"symbol": symbol, "do": "freeze", "for_ms": DAY_MS})
    for symbol in crowd:
        _delay(sim_url, symbol)
    pairs = ",".join((*HEALTHY, SLOW, *crowd))
    with engine(data_dir, **SETTINGS, TRADING_PAIRS=pairs, VORTEX__EXCHANGE__SIMULATOR_URL=sim_url) as running:
        eventually(lambda: _traded(sim_url) >= {*HEALTHY, SLOW}, START_S, "the first trades")
        yield running


def _traded(sim_url: str) -> set[str]:
    return {fill["symbol"] for fill in get(f"{sim_url}/sim/v1/ledger")["fills"]}


def _delay(sim_url: str, symbol: str) -> None:
    rule = {"method": "*", "path": "*", "symbol": symbol, "do": f"delay:{DELAY_MS}", "times": 10**9}
    post(f"{sim_url}/sim/v1/faults", rule)
