"""The exchange as the examination sees it: a real simulator, near and broken ones, and what is left behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.kit.processes import get, post, simulator
from vortex.app.data_dir import DataDir
from vortex.app.doctor.exchange import NAMES, look, proposal, round_trip
from vortex.app.doctor.family import Family, Options
from vortex.app.preflight import Check, Verdict
from vortex.config import Config, Secret
from vortex.config.sections import Exchange, Sim, SimLatency

PAPER = Secret("paper")
TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    with simulator() as url:  # at speed 1: faster, the clock would be the busy machine's to judge
        yield url


@pytest.fixture
def sim_url(running: str) -> str:
    """The same exchange for every test, as it was at its beginning."""
    post(f"{running}/sim/v1/reset", {})
    return running


def config_of(folder: Path, sim_url: str, *pairs: str) -> Config:
    return Config(
        trading_pairs=pairs or ("BTCUSDT", "ETHUSDT"), data_dir=str(folder / "data"),
        exchange=Exchange(simulator_url=sim_url, api_key=PAPER, secret_key=PAPER),
    )  # fmt: skip


def examined(config: Config, **options: Any) -> Mapping[str, Check]:
    found = list(Family(NAMES, look, TIMEOUT_S).examine(config, Options(**options)))
    assert [check.name for check in found] == list(NAMES), "each once, in this order"
    return {check.name: check for check in found}


def test_a_good_exchange_is_seen_whole_and_nothing_is_changed(tmp_path: Path, sim_url: str) -> None:
    before = get(f"{sim_url}/sim/v1/ledger")
    found = examined(config_of(tmp_path, sim_url))
    verdicts = {name: check.verdict for name, check in found.items()}
    untold = {"key permissions", "canary", "latency for paper"}
    assert {name for name, verdict in verdicts.items() if verdict is Verdict.NOT_CHECKED} == untold
    assert {name for name, verdict in verdicts.items() if verdict is Verdict.FAILED} == set()
    assert sim_url in found["exchange"].detail
    after = get(f"{sim_url}/sim/v1/ledger")
    assert (after["orders"], after["algo_orders"]) == (before["orders"], before["algo_orders"])
    assert list(tmp_path.iterdir()) == []


def test_the_canary_places_two_stops_and_takes_them_back(tmp_path: Path, sim_url: str) -> None:
    seen = {order["client_id"] for order in get(f"{sim_url}/sim/v1/ledger")["algo_orders"]}
    found = examined(config_of(tmp_path, sim_url), canary=True)
    assert found["canary"].verdict is Verdict.OK, found["canary"]
    ledger = get(f"{sim_url}/sim/v1/ledger")
    tried = [order for order in ledger["algo_orders"] if order["client_id"] not in seen]
    assert [(order["status"], order["close_position"]) for order in tried] == [("REJECTED", True), ("CANCELED", False)]
    assert ledger["positions"] == []
    again = DataDir.claim(config_of(tmp_path, sim_url))  # it was given back
    try:
        beside = examined(config_of(tmp_path, sim_url), canary=True)["canary"]
    finally:
        again.release()
    assert (beside.verdict, beside.detail.partition(":")[0]) == (Verdict.NOT_CHECKED, "a system runs")


def test_a_refused_stop_fails_the_canary(tmp_path: Path, sim_url: str) -> None:
    rule = {"method": "POST", "path": "/fapi/v1/algoOrder", "symbol": None, "do": "code:-4120", "times": 2}
    post(f"{sim_url}/sim/v1/faults", rule)
    found = examined(config_of(tmp_path, sim_url), canary=True)["canary"]
    assert (found.verdict, "-4120" in found.detail) == (Verdict.FAILED, True)


def test_an_exchange_that_does_not_answer_fails_once(tmp_path: Path) -> None:
    found = examined(config_of(tmp_path, "http://127.0.0.1:1"), canary=True)
    assert found["exchange"].verdict is Verdict.FAILED
    assert {found[name].detail for name in NAMES[1:]} == {"exchange failed"}


def test_a_pair_that_is_not_listed_is_named(tmp_path: Path, sim_url: str) -> None:
    found = examined(config_of(tmp_path, sim_url, "BTCUSDT", "NOSUCHUSDT"))
    assert "NOSUCHUSDT" in found["filters"].detail
    assert found["leverage brackets"].verdict is Verdict.FAILED


def test_a_simulator_is_started_for_the_moment_and_says_why_it_did_not(tmp_path: Path) -> None:
    here = config_of(tmp_path, "")
    found = examined(here)
    assert "started for this check" in found["exchange"].detail
    broken = examined(structs.replace(here, sim=Sim(market=("/nothing.gz",))))["exchange"]
    assert (broken.verdict, "no such file" in broken.detail) == (Verdict.FAILED, True)


def test_the_way_to_a_public_exchange_becomes_settings_for_paper(tmp_path: Path, sim_url: str) -> None:
    found = examined(config_of(tmp_path, sim_url), latency_from=sim_url)["latency for paper"]
    assert found.verdict is Verdict.OK
    assert found.detail.startswith("[sim.latency] market_ms = ")
    for wrong in ("http://evil.example", "file:///x", "https://u:p@fapi.binance.com"):
        refused = examined(config_of(tmp_path, sim_url), latency_from=wrong)["latency for paper"]
        assert (refused.verdict, wrong in refused.detail) == (Verdict.FAILED, True)


def test_a_proposal_is_half_the_way_for_data_and_all_of_it_for_orders() -> None:
    verdict, words = proposal([100.0, 80.0, 120.0])
    assert (verdict, words) == (Verdict.OK, "[sim.latency] market_ms = 50.0, order_ms = 100.0, sigma = 0.17")
    assert proposal([0.1] * 9)[1] == "[sim.latency] market_ms = 1.0, order_ms = 1.0, sigma = 0.05"
    keys = [part.split(" = ")[0] for part in words.removeprefix("[sim.latency] ").split(", ")]
    assert keys == list(SimLatency.__struct_fields__)


@pytest.mark.parametrize(("ms", "verdict"), [(40.0, Verdict.OK), (1_000.5, Verdict.WARN)])
def test_one_slow_answer_among_fast_ones_is_no_slow_line(ms: float, verdict: Verdict) -> None:
    found, words = round_trip([ms, ms, ms, 9_000.0])
    assert found is verdict
    assert words.startswith(f"median {ms:.1f} ms of 4, ")
