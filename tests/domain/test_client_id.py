from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.client_id import MAX_LENGTH, OrderId, OrderIds, base36, client_id, is_made_for, parsed, symbol_tag
from vortex.domain.order import OrderRole

ALLOWED = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}", re.ASCII)
"""What the exchange accepts as an id."""


def test_an_id_tells_account_symbol_epoch_sequence_and_role() -> None:
    assert client_id("main", "BTCUSDT", 1_700_000_000, 37, OrderRole.STOP) == "v7-main-BTCUSDT-s44we8-11S"


@given(st.integers(0, 2**80))
def test_base36_is_the_number_itself(number: int) -> None:
    assert int(base36(number), 36) == number


def test_a_negative_number_has_no_base36() -> None:
    with pytest.raises(ValueError, match="negative"):
        base36(-1)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "1000PEPEUSDT", "A", "ABCDEFGHIJKL"])
def test_a_plain_symbol_stands_as_it_is(symbol: str) -> None:
    assert symbol_tag(symbol) == symbol


@pytest.mark.parametrize(
    ("symbol", "tag"),
    [
        ("1000000MOGUSDT", "1000000" + "1abe8"),
        ("BTCUSDT_260327", "BTCUSDT" + "02b09"),
        ("币安人生USDT", "USDT" + "3fa2d"),
        ("btcusdt", "84d4a"),
        ("٣BTC", "BTC" + "c8c67"),
    ],
)
def test_any_other_symbol_becomes_seven_characters_and_five_of_its_hash(symbol: str, tag: str) -> None:
    assert symbol_tag(symbol) == tag


@given(st.text(min_size=1, max_size=30))
def test_a_tag_is_always_short_and_plain(symbol: str) -> None:
    assert re.fullmatch(r"[A-Z0-9]{1,12}|[A-Z0-9]{0,7}[0-9a-f]{5}", symbol_tag(symbol), re.ASCII)


@given(st.text(min_size=1, max_size=20), st.integers(0, 36**6 - 1), st.integers(0, 36**4 - 1))
def test_every_id_is_one_the_exchange_accepts(symbol: str, epoch: int, seq: int) -> None:
    for role in OrderRole:
        assert ALLOWED.fullmatch(client_id("a1b2c3", symbol, epoch, seq, role))


@given(
    st.lists(st.tuples(st.integers(0, 36**6 - 1), st.integers(0, 36**4 - 1), st.sampled_from(OrderRole)), unique=True)
)
def test_different_orders_have_different_ids(orders: list[tuple[int, int, OrderRole]]) -> None:
    made = {client_id("main", "BTCUSDT", epoch, seq, role) for epoch, seq, role in orders}
    assert len(made) == len(orders)


@pytest.mark.parametrize("account", ["", "Main", "toolong", "a-b", "ä", "a\n"])
def test_an_account_outside_its_alphabet_is_refused(account: str) -> None:
    with pytest.raises(ValueError, match="account"):
        client_id(account, "BTCUSDT", 1, 1, OrderRole.ENTRY)


def test_an_id_that_would_be_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match=f"longer than {MAX_LENGTH}"):
        client_id("mainaa", "1000PEPEUSDT", 36**6, 36**8, OrderRole.ENTRY)


def test_every_set_of_ids_is_new_and_known_again() -> None:
    ids = OrderIds("main", "BTCUSDT", 7)
    first, second = ids.new(), ids.new()
    assert set(first) == set(OrderRole)
    assert not set(first.values()) & set(second.values())
    assert all(ids.ours(text, role) for role, text in first.items())
    assert not ids.ours(first[OrderRole.STOP], OrderRole.ENTRY)


@pytest.mark.parametrize(
    ("text", "verdicts"),
    [
        ("v7-main-BTCUSDT-7-1E", (True, False, False)),
        ("v7-main-BTCUSDT-6-1E", (True, True, False)),
        ("v7-main-BTCUSDT-8-1S", (True, True, True)),
        ("v7-main-ETHUSDT-8-1S", (False, True, True)),
        ("v7-other-BTCUSDT-8-1S", (False, False, False)),
        ("web_8a7b", (False, False, False)),
        ("autoclose-1731", (False, False, False)),
        ("v7-main-BTCUSDT-7-1Q", (False, False, False)),
        ("", (False, False, False)),
    ],
)
def test_whose_an_id_is(text: str, verdicts: tuple[bool, ...]) -> None:
    """Ours; another process's; a newer process's."""
    ids = OrderIds("main", "BTCUSDT", 7)
    assert (ids.ours(text), ids.anothers(text), ids.newer(text)) == verdicts


@given(
    account=st.from_regex(r"\A[a-z0-9]{1,6}\Z"),
    symbol=st.from_regex(r"\A[A-Z0-9]{2,12}\Z"),
    epoch=st.integers(0, 4_000_000_000),
    seq=st.integers(0, 1_000),
    role=st.sampled_from(OrderRole),
)
def test_an_id_taken_apart_has_the_parts_it_was_made_of(
    account: str, symbol: str, epoch: int, seq: int, role: OrderRole
) -> None:
    whole = client_id(account, symbol, epoch, seq, role)
    assert parsed(whole) == OrderId(account=account, tag=symbol, epoch=epoch, seq=seq, role=role)


def test_the_id_of_a_trade_follows_from_that_of_its_entry() -> None:
    entry = "v7-main-BTCUSDT-7-1E"
    name = f"vortex7:main:BTCUSDT:{entry}"
    assert OrderIds("main", "BTCUSDT", 9).trade_id(entry) == str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def test_an_order_is_ours_by_its_account_alone() -> None:
    assert is_made_for("v7-main-ETHUSDT-7-1S", "main")
    assert not is_made_for("v7-main-ETHUSDT-7-1S", "other")
    assert not is_made_for("web_1", "main")
