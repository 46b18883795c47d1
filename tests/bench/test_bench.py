"""The bench itself works: small worlds, every kind of side."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.bench import crashes, evaluation, first_words, isolation, load, outbox, pages, soak, stall, storing
from tests.bench.__main__ import Figure, _ratio
from tests.bench.market import market
from tests.bench.slow_replies import fill_to_stop_ms


@pytest.fixture(autouse=True)
def collector_as_before() -> Iterator[None]:
    """A side takes what lives out of the collector's sight; the tests after it want it back."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_the_market_is_the_same_for_every_side() -> None:
    assert market(3, 0.2) == market(3, 0.2)
    assert [tape.symbol for tape in market(2, 0.1)] == ["S000USDT", "S001USDT"]


@pytest.mark.parametrize("kind", ["pool", "stock"])
def test_a_side_under_load(kind: str) -> None:
    measured = load.run(kind, 2, 0.2)
    assert measured.cpu_us > 0
    assert measured.threads >= (20 if kind == "stock" else 6)


@pytest.mark.parametrize("how", ["kept", "kept_all", "numpy", "kept_candles", "talib", "entry"])
def test_an_evaluation_costs_something(how: evaluation.How) -> None:
    assert evaluation.run(how, seconds=1).us > 0.0


def test_crashes_are_recovered_from_and_counted() -> None:
    measured = crashes.run(2, 0.5, crashing=True)
    assert len(measured.recoveries_ms) >= 4
    assert min(measured.recoveries_ms) > 0.0
    assert measured.lost == 0
    assert measured.samples > 0


def test_closes_go_on_beside_a_hang() -> None:
    measured = isolation.run(2, 1.5, how=None)
    assert measured.samples >= 5
    assert measured.p99_ms <= measured.worst_ms


@pytest.mark.parametrize("how", ["append", "fdatasync", "drain", "executemany"])
def test_the_outbox_costs_something(how: outbox.How) -> None:
    measured = outbox.run(how, 150)
    assert measured.count == 150
    assert measured.p50_us > 0.0
    assert measured.per_s > 0.0


def test_decisions_go_on_where_nobody_looks() -> None:
    measured = pages.run("nobody", 2, 0.5)
    assert measured.samples > 0
    assert 0.0 < measured.p50_ms <= measured.p99_ms
    assert measured.looks == 0


@pytest.mark.parametrize(("how", "mirror"), [("memory", "none"), ("redis", "OK"), ("stalled", "DEGRADED")])
def test_decisions_and_orders_go_on_beside_what_stalls(how: stall.How, mirror: str) -> None:
    measured = stall.run(how, 2, 3.0)
    assert measured.mirror == mirror
    assert len(measured.decision_ms) >= 50
    assert len(measured.order_ms) >= 2
    assert min(measured.decision_ms + measured.order_ms) > 0.0


def test_a_ratio_is_one_of_medians() -> None:
    figure = _ratio("times", [1.0, 9.0, 2.0], [4.0, 4.0, 1.0], lambda value: value)
    assert isinstance(figure, Figure)
    assert (figure.value, figure.system, figure.reference) == (0.5, 2.0, 4.0)


def test_a_stop_is_measured_from_the_first_fill_of_its_entry() -> None:
    def fill(client_id: str, ts_ms: int, symbol: str = "BTCUSDT") -> dict[str, object]:
        return {"client_id": client_id, "ts_ms": ts_ms, "symbol": symbol}

    def algo(client_id: str, ts_ms: int, status: str = "NEW") -> dict[str, object]:
        return {"client_id": client_id, "states": [{"ts_ms": ts_ms, "status": status}]}

    fills = [fill("aE", 5), fill("bE", 10), fill("bE", 12), fill("cE", 20), fill("dE", 30, "ETHUSDT"), fill("aX", 40)]
    algos = [algo("aS", 15), algo("bS", 70), algo("bT", 90), algo("cS", 21, "REJECTED"), algo("dS", 31)]
    assert fill_to_stop_ms({"fills": fills, "algo_orders": algos}, "BTCUSDT", since_ms=10) == [60]


@pytest.mark.parametrize("how", ["vortex", "bare"])
def test_help_takes_a_while(how: first_words.How) -> None:
    assert first_words.run(how, times=1).wall_ms > 10


@pytest.mark.parametrize("how", ["batch", "single"])
def test_rows_cost_something(how: storing.How) -> None:
    assert storing.run(how, rounds=1).cpu_ms > 0


def test_a_soak_sees_what_a_process_and_its_children_hold() -> None:
    nested = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(flush=True); input()'])"
    command, pipe = [sys.executable, "-c", nested], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as parent:  # noqa: S603  # ours
        assert parent.stdout is not None
        parent.stdout.readline()  # the child runs
        both = soak.sample(parent.pid)
        parent.communicate(b"\n")
    assert both.threads == 2
    assert both.files >= 6
    assert both.mb > 10.0
