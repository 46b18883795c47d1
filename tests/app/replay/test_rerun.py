"""A recorded run is run again from its record alone: every decision and request comes out the same, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.kit.living_tree import BTC, ETH, in_memory
from tests.kit.recorded import RecordedRun, live, quick_config, until, virtual
from tests.kit.threads import hurried
from vortex.app.replay.entries import Entry, Handled, Loaded, Note, Record, Sent, encode, kind_of, pack, unpack
from vortex.app.replay.rerun import Rerun, rerun
from vortex.domain.market import Book
from vortex.domain.operation import OperatorAction
from vortex.domain.order import PlaceOrder
from vortex.messages import OpenPosition, Operate, RemoveSymbol, RiskGranted, SignalEmitted
from vortex.runtime import Crash
from vortex.runtime.control import ChildReady

WARM_MS, APART_MS = 15_000, 3_000
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with in_memory() as path:
        yield path


@pytest.fixture
def data_dir(folder: Path, request: pytest.FixtureRequest) -> Path:
    path = folder / str(abs(hash(request.node.nodeid)))
    path.mkdir()
    return path


@pytest.fixture(scope="module")
def record(folder: Path) -> Record:
    """Half a minute of one symbol with a few trades."""
    (folder / "common").mkdir()
    run, dispatcher = virtual(quick_config(BTC), folder / "common")
    dispatcher.run_for(30_000)
    assert run.system.stop(5.0)
    return run.record()


def placed(run: RecordedRun) -> int:
    """Orders that have left so far."""
    return sum(isinstance(sent.request, PlaceOrder) for sent in run.noted(Sent))


def assert_same(run: RecordedRun) -> Rerun:
    """The replay agrees with the record, and with what was seen beside it."""
    record = run.record()
    again = rerun(record)
    assert again.difference is None
    assert again.entries == len(list(record.entries))
    assert list(map(encode, again.decisions)) == list(map(encode, run.decisions))
    assert list(map(encode, again.requests)) == [encode(sent.request) for sent in run.noted(Sent)]
    return again


# ---------------------------------------------------------------------------------------------------------- the same


def test_the_same_seed_gives_the_same_record(data_dir: Path) -> None:
    runs: list[tuple[str, list[bytes]]] = []
    for number, seed in enumerate((7, 7, 8)):
        (data_dir / str(number)).mkdir()
        run, dispatcher = virtual(quick_config(BTC), data_dir / str(number), seed=seed)
        dispatcher.run_for(10_000)
        for path in ("BTCUSDT/decision", "exchange"):
            run.tell(path, Crash())
        dispatcher.run_for(5_000)
        runs.append((dispatcher.trace_hash, list(map(encode, run.record().entries))))
    assert runs[0] == runs[1]
    assert runs[0][0] != runs[2][0]
    assert runs[0][1] != runs[2][1]


def test_a_virtual_run_with_every_way_to_fail(data_dir: Path) -> None:
    run, dispatcher = virtual(quick_config(BTC, ETH), data_dir)
    dispatcher.run_for(WARM_MS)
    for path, crash in (
        ("BTCUSDT/E1", Crash()),
        ("BTCUSDT/decision", Crash(times=2)),
        ("exchange", Crash()),
        ("account", Crash(how="system_exit")),
        ("storage", Crash(how="start_failure")),
        ("feed", Crash()),
        ("ETHUSDT/monitor", Crash(how="hang")),
        ("ETHUSDT/E2", Crash(how="hang", seconds=0.1)),
        ("BTCUSDT", Crash()),
    ):
        run.tell(path, crash)
        dispatcher.run_for(APART_MS)
    assert run.system.stop(5.0)
    assert placed(run) >= 12
    assert run.generation("BTCUSDT/decision") == 4
    assert_same(run)


@hurried()
def test_a_live_run_on_real_threads(data_dir: Path) -> None:
    with live(quick_config(BTC, ETH), data_dir, speed=8.0) as run:
        until(lambda: placed(run) >= 9, PATIENCE_S)
        for path in ("BTCUSDT/E1", "ETHUSDT/decision"):
            run.tell(path, Crash())
            until(lambda path=path: run.generation(path) >= 2, PATIENCE_S)  # type: ignore[misc]  # a default is no parameter
        before = placed(run)
        until(lambda: placed(run) >= before + 9, PATIENCE_S)
    again = assert_same(run)
    assert len(again.decisions) > 100


def test_what_people_order_and_which_symbols_come_and_go(data_dir: Path) -> None:
    run, dispatcher = virtual(quick_config(BTC), data_dir)
    dispatcher.run_for(WARM_MS)
    run.add(ETH, quick_config(BTC, ETH, VORTEX__RISK__A__MAX_HOLD_S="5"))
    dispatcher.run_for(WARM_MS)
    for action, symbol in ((OperatorAction.PAUSE, ETH), (OperatorAction.HALT, None), (OperatorAction.UNHALT, None)):
        order = Operate(action=action, symbol=symbol, why="a test")
        run.tell("exchange", order)
        run.tell("root", order)
        dispatcher.run_for(APART_MS)
    run.tell("root", RemoveSymbol(symbol=BTC))
    dispatcher.run_for(WARM_MS)
    run.tell("feed", Crash())
    dispatcher.run_for(APART_MS)
    assert any(isinstance(sent.request, PlaceOrder) and sent.request.symbol == ETH for sent in run.noted(Sent))
    assert_same(run)


def test_a_run_begins_with_what_the_journal_holds(data_dir: Path) -> None:
    config = quick_config(BTC)
    first, dispatcher = virtual(config, data_dir)
    dispatcher.run_for(WARM_MS)
    first.tell("exchange", Operate(action=OperatorAction.PAUSE, symbol=BTC, why="a test"))
    dispatcher.run_for(WARM_MS)
    assert first.system.stop(5.0)
    second, dispatcher = virtual(config, data_dir)
    dispatcher.run_for(WARM_MS)
    assert placed(second) == 0
    assert_same(second)
    record = second.record()
    empty = [Loaded(each.kind, {}) if isinstance(each, Loaded) else each for each in record.entries]
    assert rerun(msgspec.structs.replace(record, entries=empty)).difference is not None


def test_a_record_may_end_anywhere(record: Record) -> None:
    entries = list(record.entries)
    for end in (0, 1, len(entries) // 3, len(entries) // 2, len(entries) - 1):
        again = rerun(Record(record.header, entries[:end], whole=False))
        assert (again.entries, again.difference) == (end, None)


# ------------------------------------------------------------------------------------------------------ a difference


def of_kind(entries: list[Entry], kind: type, path: str, nth: int = 0) -> int:
    """Where the nth entry of this kind and path is."""
    found = [
        number
        for number, each in enumerate(entries)
        if isinstance(each, Handled) and (each.kind, each.path) == (kind_of(kind), path)
    ]
    return found[nth]


def change_a_plan(entries: list[Entry]) -> tuple[int, str]:
    at = of_kind(entries, RiskGranted, "BTCUSDT/decision")
    entry = entries[at]
    assert isinstance(entry, Handled)
    granted = unpack(entry.kind, entry.body)
    plan = msgspec.structs.replace(granted.plan, leverage=granted.plan.leverage + 1)
    entries[at] = msgspec.structs.replace(entry, body=pack(RiskGranted(plan=plan))[1])
    return at, "RiskGranted"


def change_a_book(entries: list[Entry]) -> tuple[int, str]:
    """By a billionth, in the last book before an answer."""
    answer = of_kind(entries, SignalEmitted, "BTCUSDT/decision", 40)
    at = max(number for number in range(answer) if is_book(entries[number], "BTCUSDT/E1"))
    entry = entries[at]
    assert isinstance(entry, Handled)
    book = unpack(entry.kind, entry.body)
    steps = tuple(msgspec.structs.replace(step, imbalance=step.imbalance * (1.0 + 1e-9)) for step in book.steps)
    entries[at] = msgspec.structs.replace(entry, body=pack(msgspec.structs.replace(book, steps=steps))[1])
    return -1, "SignalEmitted"


def swap_two_books(entries: list[Entry]) -> tuple[int, str]:
    books = [number for number, entry in enumerate(entries) if is_book(entry, "BTCUSDT/E1")]
    here, there = books[50], books[51]
    entries[here], entries[there] = entries[there], entries[here]
    return -1, "SignalEmitted"


def forget_an_entry_order(entries: list[Entry]) -> tuple[int, str]:
    del entries[of_kind(entries, OpenPosition, "exchange")]
    return -1, "the replay nothing"


def invent_a_message(entries: list[Entry]) -> tuple[int, str]:
    at = of_kind(entries, OpenPosition, "exchange")
    entries.insert(at + 1, entries[at])
    return -1, "OpenPosition"


def change_a_request(entries: list[Entry]) -> tuple[int, str]:
    at = next(at for at, each in enumerate(entries) if isinstance(each, Sent) and isinstance(each.request, PlaceOrder))
    entry = entries[at]
    assert isinstance(entry, Sent)
    entries[at] = Sent(msgspec.structs.replace(entry.request, reduce_only=True), entry.timeout_ms)
    return at, "reduce_only=True"


def forget_a_request(entries: list[Entry]) -> tuple[int, str]:
    at = next(at for at, each in enumerate(entries) if isinstance(each, Sent))
    del entries[at]
    return -1, "the replay sends"


def invent_a_request(entries: list[Entry]) -> tuple[int, str]:
    at = next(at for at, each in enumerate(entries) if isinstance(each, Sent))
    entries.insert(at, entries[at])
    return at + 1, "the replay nothing"


def start_twice(entries: list[Entry]) -> tuple[int, str]:
    at = of_kind(entries, ChildReady, "BTCUSDT", 0)
    entries.insert(at, Handled("BTCUSDT/monitor", 1, 0, 0.0))
    return at, "it runs already"


def start_a_stranger(entries: list[Entry]) -> tuple[int, str]:
    entries.insert(9, Handled("DOGEUSDT", 1, 0, 0.0))
    return 9, "no replayed supervisor has started it"


def fire_a_timer_early(entries: list[Entry]) -> tuple[int, str]:
    at = next(n for n, e in enumerate(entries) if isinstance(e, Handled) and e.kind == "vortex.actors.monitor:_Look")
    entry = entries[at]
    assert isinstance(entry, Handled)
    entries[at] = msgspec.structs.replace(entry, monotonic_ms=entry.monotonic_ms - 1.0)
    return at, "_Look"


def is_book(entry: Entry, path: str) -> bool:
    return isinstance(entry, Handled) and (entry.kind, entry.path) == (kind_of(Book), path)


Tamper = Callable[[list[Entry]], tuple[int, str]]


@pytest.mark.parametrize(
    "tamper",
    [
        change_a_plan, change_a_book, swap_two_books, forget_an_entry_order, invent_a_message, change_a_request,
        forget_a_request, invent_a_request, start_twice, start_a_stranger, fire_a_timer_early,
    ],
)  # fmt: skip
def test_a_changed_record_is_found_out(record: Record, tamper: Tamper) -> None:
    entries = list(record.entries)
    at, words = tamper(entries)
    again = rerun(Record(record.header, entries))
    assert again.difference is not None
    assert words in again.difference
    assert again.difference.startswith(f"entry {again.entries}")
    if at >= 0:
        assert again.entries == at


def test_a_crash_that_did_not_happen_again_is_a_difference(data_dir: Path) -> None:
    run, dispatcher = virtual(quick_config(BTC), data_dir)
    dispatcher.run_for(WARM_MS)
    run.tell("BTCUSDT/E3", Crash())
    dispatcher.run_for(APART_MS)
    record = run.record()
    calm = [each for each in record.entries if not (isinstance(each, Handled) and each.kind == kind_of(Crash))]
    again = rerun(Record(record.header, calm))
    assert again.difference is not None
    assert "ChildExited {'name': 'E3'" in again.difference
    assert again.difference.endswith("the replay nothing like it")


def test_the_first_difference_shows_both_values(record: Record) -> None:
    entries = list(record.entries)
    at, _ = change_a_plan(entries)
    entry = entries[at]
    assert isinstance(entry, Handled)
    leverage = unpack(entry.kind, entry.body).plan.leverage
    difference = rerun(Record(record.header, entries)).difference or ""
    assert difference.startswith(f"entry {at}, BTCUSDT/decision #1, RiskGranted: the record has RiskGranted {{'plan'")
    words = f"plan.leverage: {leverage} in the record, {leverage - 1} in the replay"
    assert difference.endswith(f", the replay another, {words}")


def test_notes_are_taken_in_one_order_and_cost_no_encoding(data_dir: Path) -> None:
    run, dispatcher = virtual(quick_config(BTC), data_dir)
    dispatcher.run_for(1_000)
    notes = run.noted(Note)
    assert notes[0] == Note("root", 1, notes[0].now_ms, notes[0].monotonic_ms, None)
    assert [note.now_ms for note in notes] == sorted(note.now_ms for note in notes)
    assert any(isinstance(note.message, Book) for note in notes)
