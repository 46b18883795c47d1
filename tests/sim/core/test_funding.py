from decimal import Decimal

import pytest
from msgspec import structs

from tests.kit.sim_market import book, mark, spec
from tests.sim.core.kit import BUY, SELL, SYMBOL, exchange, market_order
from vortex.domain.order import OrderSide
from vortex.sim.core.events import AccountPushed
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.history import FinalRow
from vortex.sim.core.market import MarkEvent

HOUR_MS = 3_600_000


def announced(ts_ms: int, price: int, rate: str, next_ms: int) -> MarkEvent:
    return structs.replace(mark(ts_ms, price), funding_rate=Decimal(rate), next_funding_ms=next_ms)


def holder(side: OrderSide = BUY) -> ExchangeCore:
    core = exchange()
    core.execute(1, market_order(side, "0.1", client_id="entry"))
    core.on_market(announced(10, 60_000, "0.0002", HOUR_MS))
    core.drain()
    return core


@pytest.mark.parametrize(("side", "amount"), [(BUY, "-1.2200"), (SELL, "1.2200")])
def test_the_rate_announced_before_is_settled_at_the_mark_price_of_the_hour(side: OrderSide, amount: str) -> None:
    core = holder(side)
    before = core.ledger(11)
    wallet, margin = Decimal(before["wallet_usdt"]), Decimal(before["positions"][0]["isolated_wallet_usdt"])
    core.on_market(announced(HOUR_MS, 61_000, "0.0009", 2 * HOUR_MS))
    core.on_market(announced(HOUR_MS + 1_000, 61_000, "0.0009", 2 * HOUR_MS))
    ledger = core.ledger(HOUR_MS + 2_000)
    (row,) = ledger["funding"]
    assert {**row, "amount_usdt": Decimal(row["amount_usdt"])} == {
        "symbol": SYMBOL, "ts_ms": HOUR_MS, "rate": "0.0002", "amount_usdt": Decimal(amount),
    }  # fmt: skip
    assert Decimal(ledger["wallet_usdt"]) == wallet + Decimal(amount)
    assert Decimal(ledger["positions"][0]["isolated_wallet_usdt"]) == margin + Decimal(amount)
    entry = ledger["timeline"][-1]
    assert (entry["event"], Decimal(entry["amount_usdt"])) == ("FUNDING", Decimal(amount))
    (pushed,) = core.drain()
    assert isinstance(pushed, AccountPushed)
    assert (pushed.reason, pushed.change) == ("FUNDING_FEE", Decimal(amount))


def test_the_next_funding_comes_at_the_next_time() -> None:
    core = holder()
    for hour in (1, 2, 3):
        core.on_market(announced(hour * HOUR_MS + 5, 60_000, "0.0001", (hour + 1) * HOUR_MS))
    assert [row["ts_ms"] for row in core.ledger(0)["funding"]] == [HOUR_MS + 5, 2 * HOUR_MS + 5, 3 * HOUR_MS + 5]


def test_who_is_flat_pays_nothing() -> None:
    core = holder()
    core.execute(11, market_order(SELL, "0.1", client_id="exit"))
    core.on_market(announced(HOUR_MS, 60_000, "0.0002", 2 * HOUR_MS))
    assert core.ledger(0)["funding"] == []


def test_a_market_that_names_a_past_time_settles_nothing() -> None:
    core = holder()
    core.on_market(announced(20, 60_000, "0.0002", 0))
    core.on_market(announced(HOUR_MS + 1, 60_000, "0.0002", 0))
    assert core.ledger(0)["funding"] == []


def test_funding_outlives_a_restart_settled_and_due() -> None:
    rows: list[FinalRow] = []
    core, other = exchange(), exchange(1)
    core.record_to(rows.append)
    core.execute(1, market_order(BUY, "0.1"))
    core.on_market(announced(10, 60_000, "0.0002", HOUR_MS))
    core.on_market(announced(HOUR_MS, 60_000, "0.0003", 2 * HOUR_MS))
    other.restore(core.dump(), rows)
    for one in (core, other):
        one.on_market(announced(2 * HOUR_MS, 60_000, "0.0003", 3 * HOUR_MS))
    assert other.ledger(9) == core.ledger(9)
    assert [row["rate"] for row in other.ledger(9)["funding"]] == ["0.0002", "0.0003"]


def test_what_is_charged_has_eight_decimals() -> None:
    core = ExchangeCore([spec()], balance_usdt=Decimal(10_000), taker_fee=Decimal("0.000333"))
    core.on_market(book(0, 600_001))
    core.execute(1, market_order(BUY, "0.123"))
    core.on_market(announced(10, 60_000, "0.00012345", HOUR_MS))
    price = Decimal("60000.12345678")
    core.on_market(structs.replace(announced(HOUR_MS, 60_000, "0", 2 * HOUR_MS), mark_price=price))
    ledger = core.ledger(HOUR_MS)
    (fill,), (paid,) = ledger["fills"], ledger["funding"]
    charged = Decimal("2.4575441"), Decimal("0.91106287")  # of 2.4575440959 and 0.911062874...
    assert (Decimal(fill["commission"]), -Decimal(paid["amount_usdt"])) == charged
    assert Decimal(ledger["wallet_usdt"]) == 10_000 - sum(charged)
