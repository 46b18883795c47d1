import json
from collections import Counter
from decimal import Decimal

import pytest

from tests.kit.sim_market import book, mark, spec
from tests.sim.core.kit import BUY, SELL, STOP, SYMBOL, TAKE_PROFIT, algo, exchange, market_order, refused
from vortex.domain.order import AlgoStatus, OrderKind
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.history import FinalRow
from vortex.sim.core.types import CancelAlgoRequest, ListFills, StateChange


def one_trade(rows: list[FinalRow] | None = None) -> ExchangeCore:
    """A position with a stop and a take-profit; what became final is in `rows`."""
    core = exchange()
    core.record_to(([] if rows is None else rows).append)
    core.execute(1, market_order(BUY, "0.1", client_id="entry"))
    core.execute(2, algo(SELL, STOP, "59000", client_id="stop"))
    core.execute(3, algo(SELL, TAKE_PROFIT, "61000", client_id="profit"))
    return core


REFUSED_ORDER = {
    "order_id": None,
    "client_id": "bad",
    "symbol": SYMBOL,
    "side": "BUY",
    "type": "MARKET",
    "qty": "0",
    "reduce_only": False,
    "close_position": False,
    "status": "REJECTED",
    "code": -1102,
    "executed_qty": "0",
    "avg_price": "0",
    "received_ms": 1,
    "states": [{"ts_ms": 1, "status": "REJECTED"}],
}
RESTING_STOP = {
    "algo_id": 1,
    "client_id": "stop",
    "symbol": SYMBOL,
    "side": "SELL",
    "type": "STOP_MARKET",
    "qty": "0",
    "reduce_only": True,
    "close_position": True,
    "status": "NEW",
    "code": None,
    "order_id": None,
    "executed_qty": "0",
    "avg_price": "0",
    "received_ms": 2,
    "states": [{"ts_ms": 2, "status": "NEW"}],
    "trigger_price": "59000",
    "working_type": "MARK_PRICE",
    "child_order_id": None,
}
EXIT_FILL = {
    "id": 2,
    "order_id": 2,
    "client_id": "exit",
    "symbol": SYMBOL,
    "side": "SELL",
    "qty": "0.050",
    "price": "59999.9",
    "commission": "1.49999750",
    "commission_asset": "USDT",
    "realized_pnl": "-0.0050",
    "maker": False,
    "ts_ms": 5,
}


def test_the_shape_is_the_contract() -> None:
    core = one_trade()
    refused(core, market_order(BUY, None, client_id="bad"))
    core.execute(5, market_order(SELL, "0.05", client_id="exit"))
    ledger = core.ledger(7)
    assert json.loads(json.dumps(ledger)) == ledger
    assert list(ledger) == [
        "now_ms", "wallet_usdt", "positions", "orders", "algo_orders", "fills", "funding", "timeline",
    ]  # fmt: skip
    assert ledger["now_ms"] == 7
    assert Decimal(ledger["wallet_usdt"]) == Decimal("9995.495002500")
    assert ledger["positions"] == [
        {
            "symbol": SYMBOL,
            "position_amt": "0.050",
            "entry_price": "60000.0",
            "mark_price": "60000",
            "leverage": 20,
            "isolated_wallet_usdt": ledger["positions"][0]["isolated_wallet_usdt"],
            "liq_price": ledger["positions"][0]["liq_price"],
            "unrealized_pnl_usdt": "0.0000",
        }
    ]
    assert Decimal(ledger["positions"][0]["isolated_wallet_usdt"]) == 150
    assert ledger["orders"][1] == REFUSED_ORDER
    assert ledger["algo_orders"][0] == RESTING_STOP
    assert ledger["fills"][1] == EXIT_FILL


def test_the_timeline_tells_position_and_stop_after_each_event() -> None:
    core = one_trade()
    core.execute(4, CancelAlgoRequest(client_id="stop"))
    core.execute(5, algo(SELL, STOP, "59500", client_id="stop2"))
    core.on_market(book(6, 595_000))
    core.on_market(mark(6, 59_500))
    timeline = core.ledger(7)["timeline"]
    assert [entry["seq"] for entry in timeline] == list(range(1, len(timeline) + 1))
    told = [
        (entry["ts_ms"], entry["event"], entry.get("status"), entry["position_amt"], entry["stop_working"])
        for entry in timeline
    ]
    assert told == [
        (1, "ORDER", "NEW", "0", False),
        (1, "FILL", None, "0.100", False),
        (1, "ORDER", "FILLED", "0.100", False),
        (1, "POSITION", None, "0.100", False),
        (2, "ALGO", "NEW", "0.100", True),
        (3, "ALGO", "NEW", "0.100", True),
        (4, "ALGO", "CANCELED", "0.100", False),
        (5, "ALGO", "NEW", "0.100", True),
        (6, "ALGO", "TRIGGERING", "0.100", True),
        (6, "ORDER", "NEW", "0.100", True),
        (6, "ALGO", "TRIGGERED", "0.100", True),
        (6, "FILL", None, "0", False),
        (6, "ORDER", "FILLED", "0", False),
        (6, "POSITION", None, "0", False),
        (6, "ALGO", "EXPIRED", "0", False),
        (6, "ALGO", "FINISHED", "0", False),
    ]


@pytest.mark.parametrize(
    ("kind", "quantity", "working"),
    [
        (STOP, None, True),
        (STOP, "0.1", True),
        (STOP, "0.2", True),
        (STOP, "0.099", False),
        (TAKE_PROFIT, None, False),
    ],
)
def test_what_counts_as_a_working_stop(kind: OrderKind, quantity: str | None, *, working: bool) -> None:
    core = exchange()
    core.execute(1, market_order(BUY, "0.1"))
    trigger = "59000" if kind is STOP else "61000"
    sized = {} if quantity is None else {"quantity": Decimal(quantity), "reduce_only": True}
    core.execute(2, algo(SELL, kind, trigger, **sized))
    assert core.ledger(3)["timeline"][-1]["stop_working"] is working


def test_a_stop_of_the_opening_side_does_not_protect() -> None:
    core = exchange()
    core.execute(1, market_order(BUY, "0.1"))
    core.execute(2, algo(BUY, STOP, "61000", quantity=Decimal("0.1")))
    assert core.ledger(3)["timeline"][-1]["stop_working"] is False


@pytest.mark.parametrize(("late_ms", "working"), [(2_999, True), (3_000, False)])
def test_a_triggered_stop_works_for_three_seconds(late_ms: int, *, working: bool) -> None:
    core = one_trade()
    stuck = core._floor.history.algos.open[0]
    stuck.status = AlgoStatus.TRIGGERED
    stuck.states.append(StateChange(ts_ms=100, status="TRIGGERING"))
    stuck.states.append(StateChange(ts_ms=200, status="TRIGGERED"))
    assert core._floor.stop_working(100 + late_ms, SYMBOL) is working


def test_a_triggered_order_tells_of_its_execution() -> None:
    core = one_trade()
    core.on_market(book(6, 590_000))
    core.on_market(mark(6, 59_000))
    stop, profit = core.ledger(7)["algo_orders"]
    assert (stop["status"], stop["executed_qty"], Decimal(stop["avg_price"])) == (
        "FINISHED",
        "0.100",
        Decimal("58999.9"),
    )
    assert (profit["status"], profit["executed_qty"], profit["avg_price"]) == ("EXPIRED", "0", "0")


def test_a_dumped_account_goes_on_where_it_stood() -> None:
    rows: list[FinalRow] = []
    core, other = one_trade(rows), ExchangeCore([spec(), spec("ETHUSDT")], balance_usdt=Decimal(1))
    other.restore(core.dump(), rows)
    assert other.dump() == core.dump()
    for one in (core, other):
        one.on_market(book(6, 590_000))
        one.on_market(mark(6, 59_000))
        one.execute(7, market_order(SELL, "0.3", client_id="next"))
    assert other.ledger(8) == core.ledger(8)
    assert [row["status"] for row in other.ledger(8)["algo_orders"]] == ["FINISHED", "EXPIRED"]
    assert other.execute(9, ListFills(symbol=SYMBOL)) == core.execute(9, ListFills(symbol=SYMBOL))


def test_a_restored_position_without_a_mark_price_shows_its_entry() -> None:
    core, rows = ExchangeCore([spec()], balance_usdt=Decimal(1)), list[FinalRow]()
    core.restore(one_trade(rows).dump(), rows)
    (position,) = core.ledger(1)["positions"]
    assert (position["mark_price"], Decimal(position["unrealized_pnl_usdt"])) == ("60000.0", Decimal(0))


def test_a_state_of_other_symbols_is_refused_and_changes_nothing() -> None:
    core = ExchangeCore([spec("ETHUSDT")], balance_usdt=Decimal(1))
    rows: list[FinalRow] = []
    with pytest.raises(ValueError, match="BTCUSDT"):
        core.restore(one_trade(rows).dump(), rows)
    assert core.ledger(1)["wallet_usdt"] == "1"


@pytest.mark.parametrize("data", [b"", b"\x80", b"not a state"])
def test_a_malformed_state_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="not an exchange state"):
        exchange().restore(data, ())


def test_a_history_with_a_gap_is_refused() -> None:
    rows: list[FinalRow] = []
    data = one_trade(rows).dump()
    for missing in rows:
        with pytest.raises(ValueError, match="missing"):
            exchange().restore(data, [row for row in rows if row is not missing])


@pytest.mark.parametrize(
    "row", [FinalRow("novel", 0, b"\x90"), FinalRow("order", 0, b"\xc1"), FinalRow("fill", 0, b"")]
)
def test_a_malformed_row_is_refused(row: FinalRow) -> None:
    with pytest.raises(ValueError, match="not an exchange state"):
        exchange().restore(exchange().dump(), [row])


def test_a_row_is_told_once_and_never_again() -> None:
    rows: list[FinalRow] = []
    core = one_trade(rows)
    kinds = Counter(row.kind for row in rows)
    assert kinds == {"order": 1, "fill": 1, "timeline": 6}  # both conditional orders are open
    core.execute(4, market_order(SELL, "0.1", client_id="exit"))
    kinds = Counter(row.kind for row in rows)
    assert kinds == {"order": 2, "fill": 2, "algo": 2, "timeline": 12}
    assert len({(row.kind, row.number) for row in rows}) == len(rows)


def test_what_still_changes_stays_small() -> None:
    core = exchange()
    sizes = set()
    for number in range(200):
        core.execute(number, market_order(BUY, "0.1", client_id="entry"))
        core.execute(number, algo(SELL, STOP, "59000", client_id="stop"))
        core.execute(number, market_order(SELL, "0.1", client_id="exit"))
        sizes.add(len(core.dump()) // 100)
    assert max(sizes) <= 4
    assert len(core.ledger(999)["timeline"]) == 200 * 10
