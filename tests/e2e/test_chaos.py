"""Crashes, hangs, storms and stops of the real processes, while they trade; the exchange's ledger is the judge."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit.ledger import held_ms
from tests.kit.ordeal import HALT_S, SOON_S, TRADE_S, Heartbeat, Ordeal, holding, locked
from tests.kit.processes import eventually, simulator

pytestmark = pytest.mark.e2e

SPEED = 2
PAUSE_MS = 1_500 * SPEED
"""Of the exchange's time: nothing below one symbol may hold up another one for longer, on a busy machine."""
TESTS = 6
VICTIMS, OTHERS = ([f"{name}{number}USDT" for number in range(TESTS)] for name in ("VICTIM", "OTHER"))
"""Two symbols of its own for every test: nobody meets what another one left open."""
PARTS = {
    "E1": "hang", "E2": "spin", "E3": "system_exit", "E4": "start_failure", "E5": "exception",
    "decision": "exception", "monitor": "spin",
}  # fmt: skip
SHARED = {
    "storage": "exception", "hot_store": "hang", "feed": "system_exit", "account": "start_failure",
    "exchange": "exception",
}  # fmt: skip
NEED_A_POSITION = ("decision", "monitor", "exchange")


@pytest.fixture(scope="module")
def ordeals() -> Iterator[Iterator[tuple[str, str, str]]]:
    markets = (f"{','.join(VICTIMS)}=btcusdt_20240808.gz", f"{','.join(OTHERS)}=ethusdt_20240808.gz")
    with simulator("--speed", str(SPEED), "--market", markets[0], "--market", markets[1]) as url:
        yield zip(itertools.repeat(url), VICTIMS, OTHERS, strict=False)


@pytest.fixture
def ordeal(ordeals: Iterator[tuple[str, str, str]], tmp_path: Path) -> Ordeal:
    return Ordeal(*next(ordeals), data_dir=tmp_path / "data")


def test_every_class_of_actor_crashes_while_it_trades_and_nothing_is_lost(ordeal: Ordeal) -> None:
    with ordeal.trading(VORTEX__RUNTIME__CHILD_RESTARTS="100", VORTEX__RUNTIME__ROOT_RESTARTS="100"):
        ordeal.position_open(ordeal.victim)
        with Heartbeat(ordeal, ordeal.other) as heart:
            for part, how in PARTS.items():
                if part in NEED_A_POSITION:
                    ordeal.position_open(ordeal.victim)
                ordeal.crash_and_recover(f"{ordeal.victim}/{part}", how, seconds=2)
            ordeal.crash_and_recover(ordeal.victim)
        assert heart.longest_ms <= PAUSE_MS
        for name, how in SHARED.items():
            if name in NEED_A_POSITION:
                ordeal.position_open(ordeal.victim)
            ordeal.crash_and_recover(name, how, seconds=2)
        ordeal.is_well()
        ordeal.judge()


def test_a_hang_in_one_symbol_holds_up_no_close_of_another(ordeal: Ordeal) -> None:
    hold_s = 4
    with ordeal.trading(**holding(hold_s)):
        with Heartbeat(ordeal, ordeal.other) as heart:
            for how in ("hang", "spin"):
                ordeal.position_open(ordeal.other)
                ordeal.crash_and_recover(f"{ordeal.victim}/E1", how, seconds=20)
                _closes_go_on(ordeal)
        late_ms = max(held_ms(ordeal.ledger(), ordeal.other)) - hold_s * 1_000
        assert late_ms <= PAUSE_MS
        assert heart.longest_ms <= PAUSE_MS
        ordeal.judge()


def test_a_storm_halts_its_symbol_alone_until_somebody_ends_it(ordeal: Ordeal) -> None:
    with ordeal.trading() as running, Heartbeat(ordeal, ordeal.other) as heart:
        ordeal.position_open(ordeal.victim)
        ordeal.crash(f"{ordeal.victim}/E1", times=100)
        ordeal.reaches(ordeal.victim, "HALTED", HALT_S)
        ordeal.is_flat(ordeal.victim)
        ordeal.position_open(ordeal.other)
        assert heart.longest_ms <= PAUSE_MS
        running.kill()
    with ordeal.trading():
        ordeal.reaches(ordeal.victim, "HALTED")
        ordeal.command("unhalt", symbol=ordeal.victim)
        ordeal.position_open(ordeal.victim)
        ordeal.is_well()
        ordeal.judge()


def test_what_no_restart_heals_ends_the_process_with_70_and_the_next_start_goes_on(ordeal: Ordeal) -> None:
    engines = [f"{ordeal.victim}/E{number}" for number in (1, 2, 3)]
    for paths, how, times in ((["root"], "exception", 1), (["root"], "hang", 1), (engines, "hang", 1),
                              (["feed"], "exception", 100)):  # fmt: skip
        with ordeal.trading() as running:
            ordeal.position_open(ordeal.victim)
            for path in paths:
                ordeal.crash(path, how, times=times, seconds=30)
            assert running.process.wait(2 * SOON_S) == 70, (paths, how)
        ordeal.is_left_protected(died=True)
    with ordeal.trading():
        ordeal.is_well()
        ordeal.judge()


@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.chaos)])
def test_it_stops_in_time_whatever_is_wrong(ordeal: Ordeal, times: int) -> None:
    for wrong in ("hang", "storm", "blocked store") * times:
        with ordeal.trading() as running:
            ordeal.position_open(ordeal.other)
            with _going_wrong(ordeal, wrong):
                running.stops_in_time()
        ordeal.is_left_protected()
    with ordeal.trading():
        ordeal.is_well()
        ordeal.judge()


@pytest.mark.chaos
def test_a_second_signal_ends_a_slow_stop_at_once(ordeal: Ordeal) -> None:
    with ordeal.trading() as running:
        ordeal.position_open(ordeal.victim)
        with _going_wrong(ordeal, "blocked store"):
            running.process.send_signal(signal.SIGTERM)
            eventually(lambda: "stopping: SIGTERM" in running.log.read_text(), SOON_S, "the stop begins")
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(2.0) == 1
    with ordeal.trading():
        ordeal.is_well()
        ordeal.judge()


def _closes_go_on(ordeal: Ordeal) -> None:
    """Wait until the other symbol has closed two more trades on time."""

    def closes() -> int:
        return len(held_ms(ordeal.ledger(), ordeal.other))

    wanted = closes() + 2
    eventually(lambda: closes() >= wanted, TRADE_S, "closes go on")


@contextmanager
def _going_wrong(ordeal: Ordeal, what: str) -> Iterator[None]:
    """A hang, a storm of restarts, or a ledger that cannot be written, for the length of the block."""
    if what == "hang":
        ordeal.crash(f"{ordeal.victim}/E2", "hang", times=2, seconds=20)
        yield
    elif what == "storm":
        ordeal.crash(f"{ordeal.victim}/E2", times=100)
        eventually(lambda: ordeal.running.actor(f"{ordeal.victim}/E2")["restarts"] >= 2, SOON_S, "a storm")
        yield
    else:
        with locked(ordeal.data_dir / "vortex.db"):
            eventually(lambda: ordeal.pending() > 0, TRADE_S, "something to write")
            yield
