from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.client_id import MAX_LENGTH, base36, client_id, is_ours, symbol_tag
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


def test_ours_are_told_from_others_and_from_other_accounts() -> None:
    ours = client_id("main", "BTCUSDT", 1, 1, OrderRole.EXIT)
    assert is_ours(ours, "main")
    assert not is_ours(ours, "mai")
    assert not is_ours("web_abc", "main")
