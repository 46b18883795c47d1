from __future__ import annotations

import gzip
import random
from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise, takewhile
from pathlib import Path

import pytest

from tests.kit.recordings import recording
from vortex.sim.core.market import BookEvent, CandleEvent, MarketEvent, MarkEvent, TradeEvent
from vortex.sim.market.candles import MINUTE_MS
from vortex.sim.market.klines import HEADER, KlineSeries, KlinesError, KlineSource, symbol_of

FIRST_MS = 1_748_169_180_000
START_MS = 1_760_000_012_345
ROUND = 20
"""Minutes of the short file."""

Row = tuple[str, str, str, str, str]


def some_rows(count: int = ROUND, seed: int = 1) -> list[Row]:
    """A walk in ticks of 0.01 with volumes in steps of 0.1; minute 7 is silent."""
    rng, at, rows = random.Random(seed), 9_500, []
    for number in range(count):
        opened, close = at, at + rng.randint(-40, 40)
        high, low = max(opened, close) + rng.randint(0, 20), min(opened, close) - rng.randint(0, 20)
        lots = rng.randint(5, 90_000)
        if number == 7:
            opened = high = low = close = at
            lots = 0
        at = close
        rows.append((*(f"{price / 100}" for price in (opened, high, low, close)), f"{lots / 10}"))
    return rows  # type: ignore[return-value]  # five texts each


def write(folder: Path, rows: Iterable[Row], name: str = "ABCUSDT_1m_x.csv") -> Path:
    folder.mkdir(exist_ok=True)
    lines = [",".join((str(FIRST_MS + number * MINUTE_MS), *row)) for number, row in enumerate(rows)]
    path = folder / name
    path.write_text("\n".join([HEADER, *lines]) + "\n")
    return path


def played(source: KlineSource, minutes: float) -> list[MarketEvent]:
    end_ms = START_MS + minutes * MINUTE_MS
    return list(takewhile(lambda event: event.ts_ms < end_ms, source.events(START_MS)))


def closed(events: Iterable[MarketEvent], interval: str = "1m") -> list[CandleEvent]:
    return [e for e in events if isinstance(e, CandleEvent) and e.closed and e.interval == interval]


def as_row(candle: CandleEvent) -> tuple[Decimal, ...]:
    return candle.open, candle.high, candle.low, candle.close, candle.volume


def decimals(rows: Iterable[Row]) -> list[tuple[Decimal, ...]]:
    return [tuple(map(Decimal, row)) for row in rows]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("data") / "klines_1m", some_rows())


@pytest.fixture(scope="module")
def source(path: Path) -> KlineSource:
    return KlineSource(path, seed=7)


@pytest.fixture(scope="module")
def events(source: KlineSource) -> list[MarketEvent]:
    """Two rounds and a half."""
    return played(source, 2.5 * ROUND)


def test_played_candles_equal_the_file(events: list[MarketEvent]) -> None:
    candles = closed(events)
    assert [as_row(candle) for candle in candles[:ROUND]] == decimals(some_rows())
    assert [as_row(candle) for candle in candles[2 * ROUND :]] == decimals(some_rows())[: len(candles) - 2 * ROUND]
    assert all(b.open_ms - a.open_ms == MINUTE_MS for a, b in pairwise(candles))


def test_second_round_is_the_price_mirror(events: list[MarketEvent]) -> None:
    first, second = closed(events)[:ROUND], closed(events)[ROUND : 2 * ROUND]
    pivot = first[0].open + first[-1].close
    for candle, mirrored in zip(first, second, strict=True):
        assert as_row(mirrored) == (
            pivot - candle.open, pivot - candle.low, pivot - candle.high, pivot - candle.close, candle.volume,
        )  # fmt: skip


def test_a_minute_without_volume_has_books_and_no_trade(events: list[MarketEvent]) -> None:
    quiet = closed(events)[7]
    inside = [e for e in events if quiet.open_ms < e.ts_ms < quiet.open_ms + MINUTE_MS]
    assert quiet.trades == 0
    assert not [event for event in inside if isinstance(event, TradeEvent)]
    assert len([event for event in inside if isinstance(event, BookEvent)]) > 100


def test_events_rise_and_trades_are_numbered_without_a_gap(events: list[MarketEvent]) -> None:
    assert [type(event) for event in events[:2]] == [BookEvent, MarkEvent]
    assert all(a.ts_ms <= b.ts_ms for a, b in pairwise(events))
    trades = [event for event in events if isinstance(event, TradeEvent)]
    assert all(b.trade_id == a.trade_id + 1 for a, b in pairwise(trades))


def test_books_never_cross_and_trades_hit_them(events: list[MarketEvent]) -> None:
    book = None
    for event in events:
        if isinstance(event, BookEvent):
            book = event
            assert 0 < book.bids[0][0] < book.asks[0][0]
        elif isinstance(event, TradeEvent):
            assert book is not None
            assert event.price_ticks == (book.bids if event.buyer_is_maker else book.asks)[0][0]


def test_a_run_is_the_same_for_the_same_seed(path: Path) -> None:
    assert played(KlineSource(path, seed=7), 2) == played(KlineSource(path, seed=7), 2)
    assert played(KlineSource(path, seed=7), 2) != played(KlineSource(path, seed=8), 2)


def test_a_resumed_market_has_the_earlier_candles_of_the_file_behind_it(path: Path) -> None:
    source = KlineSource(path, resume={"ABCUSDT": 12 * MINUTE_MS + 1})
    played(source, 0.1)
    position_ms = 12 * MINUTE_MS + START_MS % MINUTE_MS  # the next one that stands at a minute's same millisecond
    assert source.position()["ABCUSDT"] - position_ms == pytest.approx(0.1 * MINUTE_MS, abs=250)
    history = source.history("ABCUSDT", "1m", START_MS, 2_000)
    assert [as_row(candle) for candle in history[-12:]] == decimals(some_rows())[:12]
    assert source.generated_before_ms("ABCUSDT") == history[-12].open_ms
    mirrored = history[-13]  # before the file: the end of its price mirror
    assert mirrored.close == history[-12].open
    assert all(b.open_ms - a.open_ms == MINUTE_MS for a, b in pairwise(history))


def test_the_minute_under_way_at_the_start_is_whole_when_it_closes(path: Path) -> None:
    source = KlineSource(path, resume={"ABCUSDT": 3 * MINUTE_MS})
    assert as_row(closed(played(source, 1.5))[0]) == decimals(some_rows())[3]


def test_funding_rates_beside_the_file_are_used(tmp_path: Path) -> None:
    path = write(tmp_path / "klines_1m", some_rows())
    (tmp_path / "funding").mkdir()
    text = f"time_ms,funding_rate\n{FIRST_MS - 5},9e-05\n{FIRST_MS + 10 * MINUTE_MS + 4},1.5e-05\n"
    with gzip.open(tmp_path / "funding" / "ABCUSDT_funding_rate_x.csv.gz", "wt") as file:
        file.write(text)
    marks = [event for event in played(KlineSource(path), ROUND + 2) if isinstance(event, MarkEvent)]
    assert marks[1].funding_rate == Decimal("0.000015")
    assert marks[-1].funding_rate == Decimal("-0.000015")  # of the mirror


def test_without_them_the_rate_is_generated(source: KlineSource, events: list[MarketEvent]) -> None:
    mark = next(event for event in events if isinstance(event, MarkEvent))
    assert mark.funding_rate == source._feeds["ABCUSDT"].positioning.funding_rate(START_MS)


def test_the_listing_is_the_files_own_grid(source: KlineSource) -> None:
    spec = source.specs[0]
    assert (spec.symbol, spec.base, spec.tick_size, spec.step_size) == (
        "ABCUSDT", "ABC", Decimal("0.01"), Decimal("0.1"),
    )  # fmt: skip
    assert source.label == "klines of 2025-05-25, book modelled"


def test_names_replicate_the_file_at_offsets_of_their_own(path: Path) -> None:
    source = KlineSource(path, ("ABCUSDT", "X1USDT"))
    assert source.label == "klines of 2025-05-25, book modelled, replicated"
    assert source.position() == {"ABCUSDT": 0, "X1USDT": ROUND * MINUTE_MS}
    assert {event.symbol for event in played(source, 0.2)} == {"ABCUSDT", "X1USDT"}


def test_the_symbol_comes_from_the_name_or_from_the_user(tmp_path: Path) -> None:
    assert symbol_of(Path("a/BTCUSDT_1m_202505-06.csv.gz")) == "BTCUSDT"
    assert symbol_of(Path("BTCUSDT_1m.csv")) == "BTCUSDT"
    unnamed = write(tmp_path, some_rows(), "my.csv")
    assert KlineSource(unnamed, ("MYUSDT",)).label == "klines of 2025-05-25, book modelled"
    with pytest.raises(KlinesError, match="tells no symbol"):
        KlineSource(unnamed)


def test_a_mirror_below_zero_is_lifted(tmp_path: Path) -> None:
    rows: list[Row] = [("1.0", "1.1", "0.9", "1.0", "10"), ("1.0", "9.0", "1.0", "1.2", "10")]
    series = KlineSeries(write(tmp_path, rows), "ABCUSDT")
    mirrored = [series.at(number) for number in (2, 3)]
    assert min(minute.low for minute in mirrored) == 9
    assert max(minute.high for minute in mirrored) == 90


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"{FIRST_MS + 2 * MINUTE_MS},1,2,1,1,5", ":3: a candle of each minute is expected"),
        (f"{FIRST_MS + MINUTE_MS},1,2,1.5,1,5", ":3: low <= open, close <= high"),
        (f"{FIRST_MS + MINUTE_MS},1,2,1,1", ":3: 6 columns are expected, not 5"),
        (f"{FIRST_MS + MINUTE_MS},1,2,1,x,5", ":3: 'x' is not a price"),
        (f"{FIRST_MS + MINUTE_MS},1.5,2,1,1.5,3", ":3: a volume of 3 steps cannot have printed"),
        ("soon,1,2,1,1,5", ":3: invalid literal"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "AUSDT_1m.csv"
    path.write_text(f"{HEADER}\n{FIRST_MS},1,2,1,1,5\n{line}\n")
    with pytest.raises(KlinesError, match=f"AUSDT_1m.csv{words}"):
        KlineSource(path)


def test_a_cut_or_empty_file_is_refused(tmp_path: Path, path: Path) -> None:
    cut = tmp_path / "AUSDT_1m.csv.gz"
    cut.write_bytes(gzip.compress(path.read_bytes())[:300])
    with pytest.raises(KlinesError, match=r"AUSDT_1m.csv.gz: .*ended before"):
        KlineSource(cut)
    cut.write_bytes(gzip.compress(f"{HEADER}\n".encode()))
    with pytest.raises(KlinesError, match="no candle in it"):
        KlineSource(cut)


@pytest.mark.shared
def test_the_wildest_hour_on_record_plays_as_it_was() -> None:
    path = recording("klines_1m/XLMUSDT_1m_202307.csv.gz")
    with gzip.open(path, "rt") as lines:
        rows = [line.strip().split(",") for line in lines][1:]
    begin = next(index for index, row in enumerate(rows) if int(row[0]) == 1_689_271_200_000)  # 2023-07-13 18:00
    source = KlineSource(path, resume={"XLMUSDT": begin * MINUTE_MS})
    expected = [tuple(map(Decimal, row[1:])) for row in rows[begin : begin + 12]]
    assert [as_row(candle) for candle in closed(played(source, 13))[:12]] == expected
