from decimal import Decimal
from typing import Any

import pytest

from tests.kit.sim_market import book, mark
from tests.sim.core.kit import BUY, SELL, STOP, SYMBOL, algo, exchange, limit_order, market_order
from vortex.domain.order import OrderSide
from vortex.sim.core.commands import ForceAdl
from vortex.sim.core.events import MarginCallPushed, OrderPushed, TradePushed
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.types import ChangeLeverage

# Long 0.1 at 60,000 with 20-fold leverage: margin 300, liquidated at 57,228.92, bankrupt at 57,000.


def holder(side: OrderSide = BUY) -> ExchangeCore:
    core = exchange()
    core.execute(1, market_order(side, "0.1", client_id="entry"))
    core.drain()
    return core


def fall(core: ExchangeCore, price: int, *, lots: int = 1_000, best: int | None = None) -> dict[str, Any]:
    """The book is there first, then the mark price."""
    core.on_market(book(10, (best or price) * 10, lots=lots))
    core.on_market(mark(11, price))
    return core.ledger(12)


def test_above_the_liquidation_price_nothing_happens() -> None:
    ledger = fall(holder(), 57_229)
    assert [row["position_amt"] for row in ledger["positions"]] == ["0.100"]


def test_at_the_liquidation_price_everything_is_cancelled_and_the_position_closed() -> None:
    core = holder()
    core.execute(2, algo(SELL, STOP, "57000", client_id="stop"))
    core.execute(2, limit_order(SELL, "0.05", "61000", client_id="rest"))
    ledger = fall(core, 57_228)
    assert ledger["positions"] == []
    events = [(row["event"], row.get("status"), row.get("client_id")) for row in ledger["timeline"]][6:]
    assert events == [
        ("ORDER", "CANCELED", "rest"),
        ("ALGO", "CANCELED", "stop"),
        ("ORDER", "NEW", "autoclose-3"),
        ("FILL", None, "autoclose-3"),
        ("ORDER", "FILLED", "autoclose-3"),
        ("POSITION", None, None),
        ("LIQUIDATION", None, "autoclose-3"),
    ]
    order = ledger["orders"][-1]
    assert (order["type"], order["status"], order["avg_price"]) == ("LIQUIDATION", "FILLED", "57227.9")
    pushed = [(e.execution, e.order.kind) for e in core.drain() if isinstance(e, OrderPushed)][-2:]
    assert pushed == [("NEW", "LIQUIDATION"), ("CALCULATED", "LIQUIDATION")]


@pytest.mark.parametrize("side", [BUY, SELL])
@pytest.mark.parametrize("lots", [1, 30, 1_000])
def test_the_loss_is_the_isolated_margin_however_far_the_book_is(side: OrderSide, lots: int) -> None:
    core = holder(side)
    wallet = Decimal(core.ledger(2)["wallet_usdt"])
    margin = Decimal(core.ledger(2)["positions"][0]["isolated_wallet_usdt"])
    price, best = (57_000, 57_000) if side is BUY else (63_000, 63_000)
    ledger = fall(core, price, lots=lots, best=best)
    assert ledger["positions"] == []
    assert 0 <= margin - (wallet - Decimal(ledger["wallet_usdt"])) <= Decimal("0.01")  # a tenth of a tick
    assert {fill["client_id"] for fill in ledger["fills"][1:]} == {"autoclose-2"}
    assert sum(Decimal(fill["qty"]) for fill in ledger["fills"][1:]) == Decimal("0.1")


def test_what_the_book_does_not_take_goes_to_the_insurance_fund_at_the_bankruptcy_price() -> None:
    ledger = fall(holder(), 57_200, lots=1)
    prices = [fill["price"] for fill in ledger["fills"][1:]]
    assert prices[0] == "57199.9"
    assert (prices[-1], ledger["fills"][-1]["qty"]) == ("57000.0", "0.075")


def test_higher_leverage_is_liquidated_nearer() -> None:
    core = exchange()
    core.execute(1, ChangeLeverage(symbol=SYMBOL, leverage=100))
    core.execute(2, market_order(BUY, "0.1"))
    assert fall(core, 59_700)["positions"] != []
    assert fall(core, 59_600)["positions"] == []


def test_a_margin_call_comes_once_until_its_reason_has_gone() -> None:
    core = holder()

    def calls(price: str) -> int:
        core.on_market(mark(20, Decimal(price)))
        return sum(isinstance(event, MarginCallPushed) for event in core.drain())

    # at 57,287 margin is 28.70 and maintenance 22.91: 0.798 of it; at 57,286 it is 0.802
    assert [calls(price) for price in ("57300", "57287", "57286", "57280", "58000", "57286")] == [0, 0, 1, 0, 0, 1]


def test_auto_deleveraging_closes_a_part_at_the_mark_price() -> None:
    core = holder()
    core.on_market(mark(5, Decimal("60100.5")))
    core.obey(6, ForceAdl(symbol=SYMBOL, quantity=Decimal("0.04")))
    ledger = core.ledger(7)
    fill = ledger["fills"][-1]
    assert (fill["client_id"], fill["qty"], fill["price"]) == ("adl_autoclose", "0.04", "60100.5")
    assert Decimal(fill["realized_pnl"]) == Decimal("4.02")
    assert [row["event"] for row in ledger["timeline"]][-6:] == ["MARKET", "ORDER", "FILL", "ORDER", "POSITION", "ADL"]
    assert ledger["positions"][0]["position_amt"] == "0.060"
    (trade,) = [event for event in core.drain() if isinstance(event, TradePushed)]
    assert trade.order.client_id == "adl_autoclose"
