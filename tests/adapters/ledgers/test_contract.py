"""What every ledger promises, whichever database keeps it."""

from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.adapters.sqlite import rows
from tests.kit.ledgers import closed, id_of, rejection, trade
from vortex.domain.ledger_rules import broken_rule
from vortex.domain.order import Side
from vortex.domain.trade import RejectionRow, Strategy, TradeRow, TradeStatus
from vortex.ports import ColdStore, RowsRefusedError

ONE_STORE = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
VERSIONS = [
    trade(),
    trade(revision=2, quantity=Decimal("0.004")),
    closed(revision=3),
    closed(revision=4, funding_usdt=Decimal("0.25")),
]
POISON = [
    trade("poison", entry_price=Decimal(0)),
    trade("poison", leverage=126),
    trade("poison", symbol="S" * 41),
    trade("poison", market_source="NUL \x00"),
    msgspec.structs.replace(trade("poison"), id="no uuid"),
    closed("poison", exit_price=None),
]
money = st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12), max_value=10**12) | st.builds(
    Decimal, st.integers(-(10**30), 10**30).map(lambda digits: f"{digits}E-18")
)
positive = money.map(abs).filter(bool)
score = st.floats(-1, 1)
text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)


def test_a_close_that_overtakes_its_open_stays(store: ColdStore) -> None:
    store.write_trades([closed()])
    store.write_trades([trade()])
    assert store.recent_trades(10) == [closed()]


@pytest.mark.parametrize("cut", [0, 3, 8])
@ONE_STORE
@given(order=st.permutations(VERSIONS * 2))
def test_any_order_and_any_repetition_end_in_the_newest_row(store: ColdStore, order: list[TradeRow], cut: int) -> None:
    store.write_trades(order[:cut])
    store.write_trades(order[cut:])
    assert store.recent_trades(10) == [VERSIONS[-1]]


def test_the_versions_of_one_trade_may_share_a_batch_with_others(store: ColdStore) -> None:
    store.write_trades([closed(), trade("t2", opened_at=1), trade(), trade()])
    assert store.recent_trades(10) == [closed(), trade("t2", opened_at=1)]


def test_repeated_rejections_are_one_row(store: ColdStore) -> None:
    store.write_rejections([rejection(), rejection()])
    store.write_rejections([rejection()])
    assert store.recent_rejections(10) == [rejection()]


def test_nothing_is_written_without_a_row(store: ColdStore) -> None:
    store.write_trades([])
    store.write_rejections([])
    assert store.recent_trades(10) == []
    assert store.recent_rejections(10) == []


def test_the_newest_come_first_and_no_more_than_asked(store: ColdStore) -> None:
    store.write_trades([trade(str(n), opened_at=n // 2) for n in range(10)])
    store.write_rejections([rejection(str(n), created_at=n) for n in range(10)])
    newest = sorted((n // 2, id_of(str(n))) for n in range(10))[::-1]
    assert [(row.opened_at, row.id) for row in store.recent_trades(3)] == newest[:3]
    assert [row.created_at for row in store.recent_rejections(2)] == [9, 8]
    assert store.recent_trades(0) == []


def test_more_rows_than_one_reply_holds_are_read(store: ColdStore) -> None:
    store.write_trades([trade(str(n), opened_at=n) for n in range(1_005)])
    assert [row.opened_at for row in store.recent_trades(1_003)] == list(range(1_004, 1, -1))


def test_an_adopted_trade_replaces_even_a_final_row(store: ColdStore) -> None:
    adopted = trade(revision=3, strategy=Strategy.ADOPTED)
    store.write_trades([closed()])
    store.write_trades([adopted])
    assert store.recent_trades(10) == [adopted]


@pytest.mark.parametrize("kind", ["postgres", "supabase"], indirect=True)
@pytest.mark.parametrize("poison", POISON, ids=lambda row: str(POISON.index(row)))
def test_one_row_that_cannot_be_keeps_the_whole_batch_out(store: ColdStore, poison: TradeRow) -> None:
    with pytest.raises(RowsRefusedError):
        store.write_trades([trade("t1"), poison, trade("t2")])
    assert store.recent_trades(10) == []
    store.write_trades([trade("t1")])
    assert store.recent_trades(10) == [trade("t1")]


@pytest.mark.parametrize("kind", ["postgres", "supabase"], indirect=True)
def test_details_that_are_no_json_are_refused(store: ColdStore) -> None:
    with pytest.raises(RowsRefusedError):
        store.write_rejections([rejection("r1"), rejection("r2", details="{")])
    assert store.recent_rejections(10) == []


@ONE_STORE
@given(
    first=money, price=positive, rest=st.tuples(money, money, money), confidence=st.floats(0, 1), score=score, word=text
)
def test_a_trade_comes_back_exactly(
    store: ColdStore,
    first: Decimal,
    price: Decimal,
    rest: tuple[Decimal, Decimal, Decimal],
    confidence: float,
    score: float,
    word: str,
) -> None:
    row = closed(
        entry_price=price, quantity=price, exit_price=price, open_fee_usdt=first, close_fee_usdt=rest[0],
        funding_usdt=rest[1], pnl_gross_usdt=rest[2], pnl_net_usdt=first, pnl_pct=rest[0], sl_price=rest[1],
        confidence=confidence, final_score=score, market_source=word, profile=word, symbol=word,
    )  # fmt: skip
    row = msgspec.structs.replace(row, id=id_of(repr(row)), opened_at=253_402_300_799_999)
    store.write_trades([row])
    assert row in store.recent_trades(1_000)


@ONE_STORE
@given(
    pnl=money,
    score=score,
    created_at=st.integers(10**12, 10**13),
    details=st.dictionaries(
        text, st.recursive(st.none() | st.booleans() | st.integers() | text, st.lists, max_leaves=5)
    ),
)
def test_a_rejection_comes_back_with_all_its_gates(
    store: ColdStore, pnl: Decimal, score: float, created_at: int, details: dict[str, object]
) -> None:
    row = rejection(daily_pnl=pnl, final_score=score, created_at=created_at, details=json.dumps(details))
    row = msgspec.structs.replace(row, id=id_of(repr(row)))
    store.write_rejections([row])
    (found,) = (each for each in store.recent_rejections(1_000) if each.id == row.id)
    assert json.loads(found.details) == details
    assert msgspec.structs.replace(found, details=row.details) == row


SMALL = st.integers(0, 2**31 - 1)


@pytest.mark.parametrize("kind", ["postgres"], indirect=True)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=rows.trades | rows.rejections, small=SMALL, score=score | rows.floats, tidy=st.booleans())
def test_the_tables_take_exactly_what_our_own_rules_accept(
    store: ColdStore, row: TradeRow | RejectionRow, small: int, score: float, *, tidy: bool
) -> None:
    row = msgspec.structs.replace(row, id=id_of(repr(row)), final_score=score)
    if isinstance(row, TradeRow):
        row = msgspec.structs.replace(row, revision=small, hold_time_s=small)
    if tidy and isinstance(row, TradeRow):
        row = msgspec.structs.replace(row, symbol="X", entry_price=abs(row.entry_price), quantity=abs(row.quantity))
    elif tidy:
        row = msgspec.structs.replace(row, symbol="X", details="{}")
    assume("\x00" not in repr(msgspec.structs.astuple(row)).replace("\\x00", "\x00"))
    write = store.write_trades if isinstance(row, TradeRow) else store.write_rejections
    if broken_rule(row) is None:
        write([row])  # type: ignore[list-item]  # of its own kind
    else:
        with pytest.raises(RowsRefusedError):
            write([row])  # type: ignore[list-item]  # of its own kind


def test_every_member_of_the_enumerations_is_taken(store: ColdStore) -> None:
    trades = [
        trade(f"{side}{strategy}{status}", side=side, strategy=strategy, status=status)
        for side in Side for strategy in Strategy for status in (TradeStatus.OPEN, TradeStatus.FAILED)
    ]  # fmt: skip
    refused: list[RejectionRow] = [rejection(strategy, strategy=strategy) for strategy in Strategy]
    store.write_trades(trades)
    store.write_rejections(refused)
    assert len(store.recent_trades(100)) == len(trades)
    assert len(store.recent_rejections(100)) == len(refused)
