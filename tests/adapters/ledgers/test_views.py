"""The views of both databases against a count in exact decimals, and that nothing is added up that must stay apart."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest

from tests.kit.ledger_reference import recent, summaries
from tests.kit.ledgers import closed, trade
from tests.kit.postgres import Dsn
from vortex.adapters.ledger import VIEWS
from vortex.adapters.postgres.cold_store import PostgresColdStore
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.rows import epoch_ms
from vortex.domain.trade import TradeRow, TradeStatus

DAY_MS = 86_400_000
APART = {"mode": ("paper", "testnet"), "account": ("main", "two"), "market_source": ("recording of 2024-08-08", "live")}
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
CENT = Decimal("0.00000001")
Read = Callable[[str], list[dict[str, Any]]]


def cents(random: Random, most: int) -> Decimal:
    return Decimal(random.randint(-most, most)).scaleb(-8)


def one(number: int, random: Random, net: Decimal, **changes: Any) -> TradeRow:
    """A closed trade with this result."""
    fees = abs(cents(random, 10**7)), abs(cents(random, 10**7))
    funding = cents(random, 10**6)
    own = {
        "open_fee_usdt": fees[0], "close_fee_usdt": fees[1], "funding_usdt": funding,
        "pnl_gross_usdt": net + sum(fees) - funding, "pnl_net_usdt": net, "pnl_pct": cents(random, 10**11),
        "hold_time_s": random.randint(0, 7_200), "opened_at": random.randint(10**12, 2 * 10**12),
        "closed_at": random.randint(10**12, 2 * 10**12),
    }  # fmt: skip
    return closed(f"v{number}", **own | changes)


def many(count: int, seed: int) -> list[TradeRow]:
    """Trades of every kind in every corner, some closed today, many at the same moment."""
    random = Random(seed)
    now_ms = time.time_ns() // 1_000_000
    rows = []
    for number in range(count):
        where: dict[str, Any] = {name: random.choice(choices) for name, choices in APART.items()}
        where |= {"symbol": random.choice(SYMBOLS), "closed_at": random.choice((10**12, now_ms - DAY_MS * 2, now_ms))}
        if random.random() < 0.1:
            status = random.choice((TradeStatus.OPEN, TradeStatus.FAILED))
            rows.append(trade(f"v{number}", **where | {"closed_at": None, "status": status, "opened_at": number // 3}))
        else:
            rows.append(one(number, random, random.choice((cents(random, 10**11), Decimal(0))), **where))
    return rows


CASES = {
    "none": [],
    "one": [one(1, Random(1), Decimal("1.5"))],
    "one lost": [one(1, Random(1), Decimal("-1.5"))],
    "one open": [trade()],
    "only wins": [one(n, Random(n), Decimal(n + 1)) for n in range(20)],
    "only losses": [one(n, Random(n), -Decimal(n + 1)) for n in range(20)],
    "break even": [one(n, Random(n), Decimal(0)) for n in range(3)],
    "ties": [one(n, Random(n), Decimal(n - 25), closed_at=10**12 + n // 10, opened_at=10**12) for n in range(60)],
    "1,200": many(1_200, 7),
}


@pytest.fixture(params=["sqlite", "postgres"])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Sequence[TradeRow]], Read]:
    """Writes rows and returns how to read a view."""
    if request.param == "sqlite":
        return lambda rows: _in_sqlite(tmp_path / "vortex.db", rows)
    dsn: Dsn = request.getfixturevalue("empty")
    return lambda rows: _in_postgres(dsn, rows)


def _in_sqlite(path: Path, rows: Sequence[TradeRow]) -> Read:
    with closing(SqliteColdStore.open(path)) as store:
        store.write_trades(rows)

    def read(view: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(path)) as connection:
            cursor = connection.execute(f"select * from {view}")  # noqa: S608  # a view of ours
            return [_plain(zip(VIEWS[view], row, strict=True)) for row in cursor.fetchall()]

    return read


def _in_postgres(dsn: Dsn, rows: Sequence[TradeRow]) -> Read:
    with closing(PostgresColdStore(dsn)) as store:
        store.write_trades(rows)

    def read(view: str) -> list[dict[str, Any]]:
        with psycopg.connect(dsn) as connection:
            cursor = connection.execute(f"select * from {view}".encode())  # noqa: S608  # a view of ours
            return [_plain(zip(VIEWS[view], row, strict=True)) for row in cursor.fetchall()]

    return read


def _plain(columns: Any) -> dict[str, Any]:
    """Times as epoch milliseconds, every number as a decimal of 8 places."""
    return {name: _value(name, value) for name, value in columns}


def _value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return round(value.timestamp() * 1_000)
    if isinstance(value, str) and name.endswith("_at"):
        return epoch_ms(value)
    if isinstance(value, str) and name.endswith("_usdt"):
        return Decimal(value)
    return Decimal(str(value)) if isinstance(value, float) else value


def midnight_ms() -> int:
    return int(datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1_000)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("view", "more"), [("v_trading_summary", ()), ("v_symbol_summary", ("symbol",))])
def test_the_summaries_are_the_exact_count(
    filled: Callable[[Sequence[TradeRow]], Read], view: str, more: tuple[str, ...], case: str
) -> None:
    read = filled(CASES[case])
    today, found = 0, list[dict[str, Any]]()
    while today != midnight_ms():  # a day that begins meanwhile is read again
        today = midnight_ms()
        found = read(view)
    keys = ("mode", "account", "market_source", *more)
    figures = {tuple(row[name] for name in keys): {k: v for k, v in row.items() if k not in keys} for row in found}
    expected = summaries(CASES[case], today, *more)
    assert figures.keys() == expected.keys()
    for key, wanted in expected.items():
        got = figures[key]
        assert got.keys() == wanted.keys()
        assert {name: (got[name], value) for name, value in wanted.items() if not same(got[name], value)} == {}


def same(found: Any, wanted: Any) -> bool:
    """Equal to the last place that is kept; SQLite's binary sums may be a unit of it off."""
    if isinstance(wanted, Decimal) and isinstance(found, Decimal | int):
        return bool(abs(found - wanted) <= max(CENT, Decimal(1).scaleb(int(wanted.as_tuple().exponent))))
    return bool(found == wanted)


@pytest.mark.parametrize("case", CASES)
def test_postgresql_is_exact_to_the_last_place(empty: Dsn, case: str) -> None:
    found = _in_postgres(empty, CASES[case])("v_trading_summary")
    expected = summaries(CASES[case], midnight_ms())
    for row in found:
        wanted = expected[row["mode"], row["account"], row["market_source"]]
        assert {name: row[name] for name in wanted if "today" not in name} == {
            name: value for name, value in wanted.items() if "today" not in name
        }


@pytest.mark.parametrize("case", CASES)
def test_recent_trades_are_the_newest_50_of_each(filled: Callable[[Sequence[TradeRow]], Read], case: str) -> None:
    assert [str(row["id"]) for row in filled(CASES[case])("v_recent_trades")] == recent(CASES[case])
