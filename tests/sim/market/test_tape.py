from __future__ import annotations

import gzip
from bisect import bisect_right
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.recordings import recording
from tests.sim.market import wire
from tests.sim.market.conftest import Write
from vortex.sim.market.ladder import RecordedBook
from vortex.sim.market.recording import Recording
from vortex.sim.market.sources import SHIPPED
from vortex.sim.market.tape import DEPTH, SLOT_MS, CaptureError, Tape, TradeGroups, load_tape
from vortex.sim.market.wire import DepthDiff, RawTrade, Snapshot


def test_shipped_books_are_deep_sorted_and_never_crossed(shipped: Tape) -> None:
    for index in range(len(shipped.book_times)):
        bids, asks = shipped.bids.levels(index), shipped.asks.levels(index)
        assert len(bids) == len(asks) == DEPTH
        assert all(a > b for (a, _), (b, _) in pairwise(bids))
        assert all(a < b for (a, _), (b, _) in pairwise(asks))
        assert bids[0][0] < asks[0][0]
        assert min(lots for _, lots in bids + asks) > 0


def test_shipped_times_rise_with_one_book_a_slot(shipped: Tape) -> None:
    assert list(shipped.times) == sorted(shipped.times)
    assert shipped.times[0] == shipped.book_times[0] == 0
    assert shipped.times[-1] < shipped.duration_ms <= shipped.times[-1] + SLOT_MS
    slots = [(shipped.recorded_ms + time_ms) // SLOT_MS for time_ms in shipped.book_times]
    assert all(a < b for a, b in pairwise(slots))
    assert len(shipped.order) == len(shipped.book_times) + len(shipped.trade_times)


def test_shipped_books_come_about_ten_times_a_second(shipped: Tape) -> None:
    assert 9.5 < len(shipped.book_times) / shipped.duration_ms * 1_000 <= 10.0


def test_shipped_trades_keep_all_their_volume(btc: Tape) -> None:
    traded = sum(
        (
            Decimal(message.quantity)
            for message in Recording(SHIPPED / "btcusdt_20240808.gz")
            if isinstance(message, RawTrade) and message.time_ms >= btc.recorded_ms
        ),
        Decimal(0),
    )
    assert sum(btc.trade_lots) * btc.spec.step_size == traded


def test_trades_print_near_the_book_of_their_time(shipped: Tape) -> None:
    """A buyer prints within 10 bps of the ask, a seller of the bid: side, price and time belong together."""
    near = 0
    for time_ms, price, maker in zip(shipped.trade_times, shipped.trade_prices, shipped.trade_makers, strict=True):
        index = bisect_right(shipped.book_times, time_ms) - 1
        best = shipped.bids.best(index) if maker else shipped.asks.best(index)
        near += abs(price - best) * 1_000 < best
    assert near > 0.99 * len(shipped.trade_times)


def test_first_book_needs_the_snapshot_and_trades_before_it_are_dropped(write: Write) -> None:
    early = [wire.diff(900_000, (7, 8, 9)), wire.trade(900_010, "100.50", "7.00", maker=False)]
    lines = wire.calm(2)
    lines[1]["data"]["pu"] = 9
    tape = load_tape(write(early + lines))
    assert tape.recorded_ms == 1_000_000
    assert list(tape.trade_lots) == [10, 10]
    assert list(tape.trade_times) == [50, 1_050]
    assert tape.duration_ms == 1_100


def test_slot_holds_the_last_book_and_nothing_when_unchanged(write: Write) -> None:
    lines = [
        wire.snapshot(),
        wire.diff(1_000_000, (9, 10, 11), bids=[("100.00", "5.00")]),
        wire.diff(1_000_060, (11, 12, 13), bids=[("100.00", "6.00")]),
        wire.diff(1_000_110, (13, 14, 15), bids=[("100.00", "6.00")]),
        wire.diff(1_000_250, (15, 16, 17), bids=[("99.50", "0.50")]),
    ]
    tape = load_tape(write(lines))
    assert list(tape.book_times) == [0, 190]
    assert tape.recorded_ms == 1_000_060
    assert tape.bids.levels(0) == ((1000, 60), (990, 20))
    assert tape.bids.levels(1)[1] == (995, 5)


def test_unknown_symbol_gets_the_grid_of_its_own_numbers(write: Write) -> None:
    spec = load_tape(write(wire.calm())).spec
    assert (spec.symbol, spec.base, spec.quote) == ("ABCUSDT", "ABC", "USDT")
    assert (spec.tick_size, spec.step_size) == (Decimal("0.1"), Decimal("0.1"))


def test_recorded_aggregates_are_taken_as_they_are(write: Write) -> None:
    grouped = [wire.agg_trade(1_000_100, "100.50", "2.00", maker=False) for _ in range(2)]
    assert len(load_tape(write(wire.calm() + grouped)).trade_lots) == 2


def test_only_market_trades_count(write: Write) -> None:
    other = wire.trade(1_000_100, "0", "0", maker=False, kind="NA")
    assert len(load_tape(write([*wire.calm(3), other])).trade_lots) == 3


Raw = tuple[int, int, int, bool]
RAW = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 3), st.integers(1, 9), st.booleans()), max_size=40)


@given(RAW)
def test_groups_equal_a_plain_reference(raw: list[Raw]) -> None:
    now_ms, groups, expected = 0, TradeGroups(), list[list[Raw]]()
    for wait_ms, price, quantity, maker in raw:
        now_ms += wait_ms
        groups.add(now_ms, price, quantity, maker=maker, window_ms=100)
        head = expected[-1][0] if expected else None
        if head and (head[1], head[3]) == (price, maker) and now_ms - head[0] < 100:
            expected[-1].append((now_ms, price, quantity, maker))
        else:
            expected.append([(now_ms, price, quantity, maker)])
    assert list(groups.times) == [group[-1][0] for group in expected]
    assert list(groups.prices) == [group[0][1] for group in expected]
    assert list(groups.quantities) == [sum(quantity for _, _, quantity, _ in group) for group in expected]
    assert [bool(maker) for maker in groups.makers] == [group[0][3] for group in expected]


class Ticker(msgspec.Struct):
    u: int
    b: str
    B: str
    a: str
    A: str


class Line(msgspec.Struct):
    stream: str
    data: Ticker


@pytest.mark.shared
@pytest.mark.parametrize("name", ["usdm_btcusdt_20240808.gz", "usdm_ethusdt_20240808_first165s.gz"])
def test_rebuilt_best_prices_equal_the_recorded_ones(name: str) -> None:
    path = recording(f"l2/{name}")
    tickers = _tickers(path)
    ids = [ticker.u for ticker in tickers]
    book, compared = RecordedBook(), 0
    for message in Recording(path):
        if isinstance(message, Snapshot):
            book.start(message)
        elif isinstance(message, DepthDiff):
            book.update(message)
            index = bisect_right(ids, message.last_id) - 1
            if book.live and index >= 0:
                compared += 1
                assert _best(book) == _printed(book, tickers[index])
    assert compared > 3_000


def _tickers(path: Path) -> list[Ticker]:
    decoder = msgspec.json.Decoder(Line)
    with gzip.open(path) as lines:
        tickers = [decoder.decode(line.partition(b" ")[2]).data for line in lines if b"@bookTicker" in line]
    return sorted(tickers, key=lambda ticker: ticker.u)


def _best(book: RecordedBook) -> tuple[tuple[int, int], tuple[int, int]]:
    bids, asks = book.best(1)
    return bids[0], asks[0]


def _printed(book: RecordedBook, ticker: Ticker) -> tuple[tuple[int, int], tuple[int, int]]:
    prices, quantities = book.prices, book.quantities
    return (prices[ticker.b], quantities[ticker.B]), (prices[ticker.a], quantities[ticker.A])


def test_whole_books_are_kept_one_by_one(write: Write) -> None:
    bids, asks = [("100.0", "1.0"), ("99.5", "2.0")], [("100.5", "3.0")]
    books = [(1_000, bids), (1_040, bids), (1_180, bids[:1])]
    tape = load_tape(write([wire.partial(time_ms, some, asks) for time_ms, some in books]))
    assert list(tape.book_times) == [0, 40, 180]
    assert tape.bids.levels(0) == tape.bids.levels(1) == ((1000, 1), (995, 2))
    assert tape.bids.levels(2) == ((1000, 1),)
    assert (tape.spec.tick_size, tape.spec.step_size) == (Decimal("0.1"), Decimal(1))


def test_a_recorded_contract_is_the_listing(write: Write) -> None:
    book = wire.partial(1_000, [("100.0", "1.0")], [("100.5", "3.0")])
    spec = load_tape(write([wire.contract("0.10", "0.01"), book])).spec
    assert (spec.tick_size, spec.step_size, spec.min_quantity) == (Decimal("0.10"), Decimal("0.01"), Decimal("0.01"))
    assert (spec.max_market_quantity, spec.min_notional_usdt) == (Decimal(700), Decimal(5))
    with pytest.raises(CaptureError, match="beside the grid"):
        load_tape(write([wire.contract("1", "0.01"), book]))
    broken = wire.contract("1", "1")
    del broken["data"]["filters"][0]
    with pytest.raises(CaptureError, match="no tick_size in PRICE_FILTER"):
        load_tape(write([broken, book]))


def test_the_first_kind_of_book_seen_is_the_one_that_counts(write: Write) -> None:
    whole = wire.partial(1_020, [("1.00", "1.00")], [("2.00", "1.00")])
    assert load_tape(write([*wire.calm(3), whole])).book_times == load_tape(write(wire.calm(3))).book_times
    assert len(load_tape(write([whole, *wire.calm(3)])).book_times) == 1


@pytest.mark.parametrize(("bids", "words"), [([], "empty"), ([("3.00", "1.00")], "crossed")])
def test_an_impossible_book_is_refused(write: Write, bids: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(CaptureError, match=words):
        load_tape(write([wire.partial(1_000, bids, [("2.00", "1.00")])]))
