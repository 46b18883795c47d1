"""A row survives its way through SQLite's types and JSON exactly, or is refused with its name."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.sqlite.rows import rejection, rejections, times, trade, trades
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.connect import open_database
from vortex.adapters.sqlite.rows import MAX_MS, UnwritableRowError, epoch_ms, iso, validate
from vortex.domain.trade import RejectionRow, TradeRow

DISK = settings(max_examples=50, deadline=None)  # every example waits for the disk


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteColdStore]:
    opened = SqliteColdStore(open_database(tmp_path_factory.mktemp("rows") / "vortex.db", "cold_store"))
    yield opened
    opened.close()


@DISK
@given(row=trades)
def test_a_trade_comes_back_exactly(store: SqliteColdStore, row: TradeRow) -> None:
    row = msgspec.structs.replace(row, opened_at=MAX_MS, id=f"{row.id}{row!r}")
    validate(row)
    store.write_trades([row])
    assert row in store.recent_trades(1_000)


@DISK
@given(row=rejections)
def test_a_rejection_comes_back_exactly(store: SqliteColdStore, row: RejectionRow) -> None:
    row = msgspec.structs.replace(row, created_at=MAX_MS, id=f"{row.id}{row!r}")
    validate(row)
    store.write_rejections([row])
    assert row in store.recent_rejections(1_000)


@given(row=trades)
def test_what_validation_accepts_survives_json(row: TradeRow) -> None:
    validate(row)
    assert msgspec.json.decode(msgspec.json.encode(row), type=TradeRow) == row


@given(first=times, second=times)
def test_iso_time_is_exact_to_the_millisecond_and_sorts_as_time(first: int, second: int) -> None:
    assert epoch_ms(iso(first)) == first
    assert (iso(first) < iso(second)) == (first < second)


def test_iso_time_looks_as_promised() -> None:
    assert iso(1_723_075_200_123) == "2024-08-08T00:00:00.123Z"
    assert iso(0) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("quantity", Decimal("NaN")),
        ("quantity", Decimal("sNaN")),
        ("entry_price", Decimal("Infinity")),
        ("entry_price", Decimal("1E+999999")),
        ("entry_price", Decimal("1E-999999")),
        ("confidence", float("nan")),
        ("final_score", float("-inf")),
        ("symbol", "BTC\ud800"),
        ("opened_at", -1),
        ("opened_at", MAX_MS + 1),
        ("revision", 2**63),
        ("id", "\udfff"),
    ],
)
def test_what_no_store_could_keep_is_refused_by_name(column: str, value: object) -> None:
    row = msgspec.structs.replace(trade(), **{column: value})
    with pytest.raises(UnwritableRowError, match=rf"trade_logs .*: {column} = ") as caught:
        validate(row)
    assert str(caught.value).isascii()


@DISK
@given(text=st.text(max_size=30))
def test_details_may_hold_any_text_that_is_unicode(store: SqliteColdStore, text: str) -> None:
    row = rejection(id=f"details {text!r}", details=text, created_at=MAX_MS)
    try:
        validate(row)
    except UnwritableRowError:
        assert any("\ud800" <= character <= "\udfff" for character in text)
        return
    store.write_rejections([row])
    assert row in store.recent_rejections(1_000)
