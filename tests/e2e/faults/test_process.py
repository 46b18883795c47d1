"""The process itself suffers: signals, no memory, no disk, no files, a damaged or read-only journal (F9 to F14)."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.kit.disk import read_only
from tests.kit.ledger import trades_of
from tests.kit.ordeal import holding
from tests.kit.processes import Engine, eventually, simulator
from tests.kit.stand import ALGO, LOAD_MS, ORDER, SOON_S, SPEED, TIMEOUT_MS, TRADE_S, Stand, Trial, at_rest

pytestmark = pytest.mark.e2e

BACK_S = 30.0
"""The time in which a new process has everything protected."""
NAMES = ("AUSDT", "BUSDT", "CUSDT")


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    """A market of its own; positions are held for long."""
    with simulator("--speed", str(SPEED), "--market", f"{','.join(NAMES)}=btcusdt_20240808.gz") as url:
        yield Stand(url, NAMES, tmp_path / "data", **holding(3_600))


def begin(stand: Stand) -> list[Trial]:
    """Everything flat and paused."""
    stand.command("pause")
    stand.command("flatten")
    stand.until(lambda status: all(at_rest(each) for each in status["symbols"].values()), TRADE_S, "at rest")
    return [Trial(stand, symbol) for symbol in stand.symbols]


def open_all(trials: list[Trial]) -> dict[Trial, str]:
    """A protected position each; its trade id."""
    for trial in trials:
        trial.resume()
    opened = {trial: str(trial.opened()["trade_id"]) for trial in trials}
    for trial in trials:
        trial.paused()
    return opened


def end(trials: list[Trial]) -> None:
    """Everybody trades on, all is closed, and nothing was unsafe."""
    for trial in trials:
        trial.flat()
    for trial in trials:
        trial.recovers()
    for trial in trials:
        trial.judge()


def is_protected(trials: list[Trial]) -> None:
    """By the ledger: whatever is open has its stop."""
    for trial in trials:
        timeline = trial.ledger()["timeline"]
        last: dict[str, Any] = timeline[-1] if timeline else {"position_amt": "0"}
        assert float(last["position_amt"]) == 0 or last["stop_working"], last


def test_f9_sigterm_while_one_enters_one_holds_and_one_closes(stand: Stand) -> None:
    with stand.trading() as running:
        trials = begin(stand)
        entering, holds, closing = trials
        opened = open_all([holds, closing])
        for trial in trials:
            trial.cost_ms = TIMEOUT_MS
        rules = [entering.rule("POST", ORDER, "timeout_after_apply"), closing.rule("POST", ORDER, "reset_after_apply")]
        entering.resume()
        stand.command("flatten", symbol=closing.symbol)
        for trial, rule in zip((entering, closing), rules, strict=True):
            trial.fired(rule)
        running.stops_in_time()
        is_protected(trials)
    with stand.trading():
        assert holds.shown["position"]["trade_id"] == opened[holds]
        end(trials)


@pytest.mark.chaos
def test_f9_sigterm_twice(stand: Stand) -> None:
    with stand.trading() as running:
        trials = begin(stand)
        entering, *held = trials
        opened = open_all(held)
        entering.cost_ms = TIMEOUT_MS
        rule = entering.rule("POST", ALGO, "timeout_before_apply")
        entering.resume()
        entering.fired(rule)
        running.process.send_signal(signal.SIGTERM)
        eventually(lambda: "stopping: SIGTERM" in running.log.read_text(), SOON_S, "the stop begins")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(3.0) in (0, 1)
    with stand.trading():
        for trial in held:
            assert trial.shown["position"]["trade_id"] == opened[trial]
        end(trials)


@pytest.mark.parametrize("pause_ms", [5_000, pytest.param(60_000, marks=pytest.mark.chaos)])
def test_f10_the_process_stands_still(stand: Stand, pause_ms: int) -> None:
    """What it decided before is not sent afterwards; the trades go on as they were."""
    with stand.trading() as running:
        trials = begin(stand)
        *held, other = trials
        opened = open_all(held)
        other.resume()
        other.seen("orders", lambda _order: True, "an entry")
        stopping_ms = stand.now_ms()
        running.process.send_signal(signal.SIGSTOP)
        began_ms = stand.now_ms()
        stand.pass_ms(pause_ms)
        ended_ms = stand.now_ms()
        running.process.send_signal(signal.SIGCONT)
        stand.down.append((stopping_ms, stand.now_ms()))
        for trial in held:
            assert trial.shown["position"]["trade_id"] == opened[trial]
        other.opened()
        other.flat()
        entries = [order for order in other.ledger()["orders"] if order["client_id"].endswith("E")]
        on_its_way_ms = began_ms + LOAD_MS
        assert all(not on_its_way_ms < order["received_ms"] < ended_ms for order in entries)
        end(trials)


@contextmanager
def limited(pid: int, what: int, soft: int) -> Iterator[None]:
    """A running process may have no more than this, for the length of the block."""
    before = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (soft, before[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # it may have ended
            resource.prlimit(pid, what, before)


@pytest.mark.chaos
def test_f11_no_memory(stand: Stand) -> None:
    """It lives on or it ends: the next process finds everything, and no position was without its stop."""
    with stand.trading() as running:
        trials = begin(stand)
        opened = open_all(trials)
        used = int(Path(f"/proc/{running.process.pid}/statm").read_text().split()[0]) * resource.getpagesize()
        rule = stand.rule("GET", "/fapi/v3/account", "json:" + '["' + "x" * 900_000 + '"]', times=3)
        with limited(running.process.pid, resource.RLIMIT_AS, used):
            eventually(lambda: stand.hits(rule) >= 3, TRADE_S, "three huge answers")
            is_protected(trials)
        stand.lift([rule])
        code = running.process.poll()
        assert code in (None, 70)
        running.kill()
    with stand.trading():
        for trial in trials:
            assert trial.shown["position"]["trade_id"] == opened[trial]
        end(trials)


def full(running: Engine) -> AbstractContextManager[None]:
    """The disk takes nothing of this process for the length of the block."""
    return limited(running.process.pid, resource.RLIMIT_FSIZE, 1_024)


def is_closed(trial: Trial) -> None:
    """Wait until the exchange has closed the position."""
    eventually(lambda: trades_of(trial.ledger(), trial.symbol)[-1].closed_ms, SOON_S, f"{trial.symbol} closed")


def test_f12_the_disk_is_full(stand: Stand) -> None:
    """Exits work and entries wait; every row is there when the disk takes them again."""
    with stand.trading() as running:
        trials = begin(stand)
        *held, other = trials
        opened = open_all(held)
        other.resume()
        other.opened()
        stand.command("flatten", symbol=other.symbol)
        with full(running):
            stand.gate_closed("journal")
            began_ms = stand.now_ms()
            exits = [trial.ledger() for trial in held]
            assert all(not ledger["orders"][1:] for ledger in exits)
            for trial in held:
                trial.do("algo", "expire")
            stand.pass_ms(5_000)
            is_protected(trials)
            entries = [order for order in other.ledger()["orders"] if order["client_id"].endswith("E")]
            assert [order for order in entries if order["received_ms"] > began_ms] == []
            stand.command("flatten", symbol=held[0].symbol)
            is_closed(held[0])
            assert running.process.poll() is None
        stand.gates_open()
        for trial in held:
            trial.flat()
            assert trial.ended(opened[trial]).close_reason == "MANUAL"
        end(trials)


@pytest.mark.chaos
def test_f12_it_dies_before_the_disk_takes_what_was_closed(stand: Stand) -> None:
    """Neither the intent to close nor the end of the trade is on disk: the exchange tells both at the next start."""
    with stand.trading() as running:
        trials = begin(stand)
        closing, *held = trials
        opened = open_all(trials)
        with full(running):
            stand.command("flatten", symbol=closing.symbol)
            is_closed(closing)
            stand.gate_closed("journal")
            running.kill()
    with stand.trading():
        closing.ended(opened[closing])
        for trial in held:
            assert trial.shown["position"]["trade_id"] == opened[trial]
        end(trials)


@pytest.mark.chaos
def test_f14_no_file_can_be_opened(stand: Stand) -> None:
    with stand.trading() as running:
        trials = begin(stand)
        opened = open_all(trials)
        files = sum(1 for _ in Path(f"/proc/{running.process.pid}/fd").iterdir())
        with limited(running.process.pid, resource.RLIMIT_NOFILE, files - 5):
            for route in ("public", "market", "private"):
                stand.sim("stream", do="drop", route=route)
            stand.rule("*", "*", "reset_before_apply", times=20)
            stand.pass_ms(10_000)
            is_protected(trials)
            assert running.process.poll() is None
        stand.gates_open()
        for trial in trials:
            assert trial.shown["position"]["trade_id"] == opened[trial]
        end(trials)


def deleted(data_dir: Path) -> None:
    for path in data_dir.glob("journal.db*"):
        path.unlink()


def torn(data_dir: Path) -> None:
    wal = data_dir / "journal.db-wal"
    size = wal.stat().st_size
    assert size > 3_000
    os.truncate(wal, size - 1_000)


def flipped(data_dir: Path) -> None:
    """Some bits in the middle of what was written last."""
    wal = data_dir / "journal.db-wal"
    data = bytearray(wal.read_bytes())
    for at in range(len(data) // 2, len(data), 997):
        data[at] ^= 0x55
    wal.write_bytes(data)


@pytest.mark.chaos
@pytest.mark.parametrize("damage", [deleted, torn, flipped])
def test_f13_the_journal_is_damaged_while_positions_are_open(stand: Stand, damage: Callable[[Path], None]) -> None:
    """The exchange and the ids of its executions tell what is ours: it is found, protected, and has one row."""
    with stand.trading() as running:
        trials = begin(stand)
        open_all(trials)
        running.kill()
    damage(stand.data_dir)
    with stand.trading():
        for trial in trials:
            trial.until(lambda shown: bool(shown["protected"]), "found and protected", BACK_S)
        is_protected(trials)
        end(trials)


@pytest.mark.chaos
def test_f13_what_is_no_journal_any_more_is_refused_by_name_and_may_be_moved_aside(stand: Stand) -> None:
    with stand.trading() as running:
        trials = begin(stand)
        open_all(trials)
        running.kill()
    deleted(stand.data_dir)
    (stand.data_dir / "journal.db").write_bytes(b"This is no database. " * 500)
    with pytest.raises(AssertionError, match="the engine ended with 1"), stand.trading():
        pass
    assert "journal.db: damaged" in running.log.read_text().splitlines()[-1]
    is_protected(trials)
    deleted(stand.data_dir)
    with stand.trading():
        for trial in trials:
            trial.until(lambda shown: bool(shown["protected"]), "found and protected", BACK_S)
        end(trials)


def the_file(data_dir: Path) -> Path:
    return data_dir / "journal.db"


def the_folder(data_dir: Path) -> Path:
    return data_dir


@pytest.mark.chaos
@pytest.mark.parametrize("place", [the_file, the_folder])
def test_f13_what_cannot_be_written_is_refused_by_name(stand: Stand, place: Callable[[Path], Path]) -> None:
    """Positions keep their stops meanwhile, and are found when it can be written again."""
    with stand.trading() as running:
        trials = begin(stand)
        opened = open_all(trials)
        running.kill()
    with (
        read_only(place(stand.data_dir)),
        pytest.raises(AssertionError, match=r"the engine ended with [12]"),
        stand.trading(),
    ):
        pass
    assert str(place(stand.data_dir)) in running.log.read_text().splitlines()[-1]
    is_protected(trials)
    with stand.trading():
        for trial in trials:
            assert trial.shown["position"]["trade_id"] == opened[trial]
        end(trials)


@pytest.mark.chaos
def test_f13_everything_becomes_read_only_while_it_trades(stand: Stand) -> None:
    """Files that are open stay writable: exits and entries go on, and what was written is there at the next start."""
    with stand.trading() as running:
        trials = begin(stand)
        closing, holds, entering = trials
        opened = open_all([closing, holds])
        with read_only(stand.data_dir, *stand.data_dir.iterdir()):
            closing.flat()
            assert closing.ended(opened[closing]).close_reason == "MANUAL"
            entering.resume()
            opened[entering] = str(entering.opened()["trade_id"])
            entering.paused()
            running.stops_in_time()
            is_protected(trials)
    with stand.trading():
        for trial in (holds, entering):
            assert trial.shown["position"]["trade_id"] == opened[trial]
        end(trials)
