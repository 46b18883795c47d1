from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.kit.sim_market import book, mark
from tests.sim.core.kit import BUY, SELL, STOP, SYMBOL, TAKE_PROFIT, algo, exchange, limit_order, market_order, refused
from vortex.domain.order import AlgoStatus, Side
from vortex.sim.core.commands import (
    ChangeFilter,
    ChangeStatus,
    CoreCommand,
    ExpireAlgo,
    ForceAdl,
    Outrun,
    PersonCancelsStop,
    PersonChangesLeverage,
    PersonCloses,
    PersonIncreases,
    PersonOpens,
    RejectOnTrigger,
    SetFunding,
    StickTriggering,
    Vanish,
)
from vortex.sim.core.events import AlgoPushed, ConfigPushed, TriggerRejectPushed
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.history import FinalRow
from vortex.sim.core.types import FindAlgo, ListAlgos, ListOrderHistory


def held(core: ExchangeCore | None = None) -> ExchangeCore:
    """A long position of 0.1 with stop and take-profit."""
    core = core or exchange()
    core.execute(1, market_order(BUY, "0.1", client_id="entry"))
    core.execute(2, algo(SELL, STOP, "59000", client_id="stop"))
    core.execute(2, algo(SELL, TAKE_PROFIT, "61000", client_id="profit"))
    core.drain()
    return core


def obey(core: ExchangeCore, kind: Any, **fields: Any) -> None:
    core.obey(10, kind(symbol=SYMBOL, **fields))


def timeline(core: ExchangeCore) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = core.ledger(99)["timeline"]
    return [row for row in rows if row["ts_ms"] >= 10]


def stop_row(core: ExchangeCore) -> dict[str, Any]:
    row: dict[str, Any] = core.ledger(99)["algo_orders"][0]
    return row


def fall(core: ExchangeCore) -> None:
    core.on_market(book(20, 590_000))
    core.on_market(mark(20, 59_000))


# ------------------------------------------------------------------------------------------------- conditional orders


def test_a_stop_stuck_in_triggering_stays_there_and_protects_for_three_seconds() -> None:
    core = held()
    obey(core, StickTriggering)
    fall(core)
    assert stop_row(core)["status"] == "TRIGGERING"
    assert [(row["event"], row.get("do"), row.get("status")) for row in timeline(core)] == [
        ("ALGO", "stuck_triggering", None),
        ("ALGO", None, "TRIGGERING"),
    ]
    assert core.ledger(0)["positions"] != []
    pushed = [event.algo.status for event in core.drain() if isinstance(event, AlgoPushed)]
    assert pushed == [AlgoStatus.TRIGGERING]
    core.note(3_010, SYMBOL, "FAULT", {"do": "nothing"})
    assert [row["stop_working"] for row in timeline(core)] == [True, True, False]
    core.execute(4_000, market_order(SELL, "0.1", client_id="exit"))
    assert stop_row(core)["status"] == "EXPIRED"  # no position, no orphan


def test_a_vanished_stop_is_found_by_nobody_also_after_a_restart() -> None:
    rows: list[FinalRow] = []
    core, other = exchange(), exchange()
    core.record_to(rows.append)
    held(core)
    obey(core, Vanish)
    assert core.drain() == []
    assert [(row["event"], row["do"], row["stop_working"]) for row in timeline(core)] == [("ALGO", "vanish", False)]
    other.restore(core.dump(), rows)
    for one in (core, other):
        assert refused(one, FindAlgo(client_id="stop")) == -2013
        assert refused(one, FindAlgo(algo_id=1)) == -2013
        for question in (ListAlgos(), ListOrderHistory(symbol=SYMBOL, conditional=True)):
            answer: Any = one.execute(11, question)
            assert [algo.client_id for algo in answer] == ["profit"]
    assert stop_row(other)["status"] == "EXPIRED"
    fall(core)
    assert core.ledger(0)["positions"] != []


def test_an_older_order_of_the_same_id_is_found_when_the_newer_one_vanishes() -> None:
    core = held()
    obey(core, PersonCancelsStop)
    core.execute(11, algo(SELL, STOP, "58000", client_id="stop"))
    obey(core, Vanish)
    answer: Any = core.execute(12, FindAlgo(client_id="stop"))
    assert (answer.algo_id, answer.status) == (1, AlgoStatus.CANCELED)


def test_a_doomed_stop_is_rejected_when_it_triggers() -> None:
    core = held()
    obey(core, RejectOnTrigger)
    assert stop_row(core)["status"] == "NEW"
    fall(core)
    row = stop_row(core)
    assert ([state["status"] for state in row["states"]], row["code"]) == (["NEW", "TRIGGERING", "REJECTED"], -2010)
    assert core.ledger(0)["positions"] != []
    (reject,) = [event for event in core.drain() if isinstance(event, TriggerRejectPushed)]
    assert (reject.symbol, reject.algo_id) == (SYMBOL, 1)


def test_the_exchange_ends_a_stop() -> None:
    core = held()
    obey(core, ExpireAlgo)
    assert stop_row(core)["status"] == "EXPIRED"
    (pushed,) = core.drain()
    assert isinstance(pushed, AlgoPushed)
    assert pushed.reason


# ------------------------------------------------------------------------------------------------------------ a person


@pytest.mark.parametrize(
    ("command", "position"),
    [
        (PersonOpens(symbol=SYMBOL, side=Side.LONG, quantity=Decimal("0.05")), "0.150"),
        (PersonOpens(symbol=SYMBOL, side=Side.SHORT, quantity=Decimal("0.3")), "-0.200"),
        (PersonIncreases(symbol=SYMBOL, quantity=Decimal("0.05")), "0.150"),
        (PersonCloses(symbol=SYMBOL), "0"),
    ],
    ids=str,
)
def test_a_person_trades(command: CoreCommand, position: str) -> None:
    core = held()
    core.obey(10, command)
    first, *rest = timeline(core)
    assert (first["event"], first["position_amt"]) == ("USER", "0.100")
    assert Decimal(rest[-1]["position_amt"]) == Decimal(position)
    order = core.ledger(0)["orders"][-1]
    assert order["client_id"].startswith("web_")
    assert order["reduce_only"] is isinstance(command, PersonCloses)


def test_a_person_cancels_the_stop_and_changes_leverage() -> None:
    core = held()
    obey(core, PersonCancelsStop)
    obey(core, PersonChangesLeverage, leverage=50)
    assert stop_row(core)["status"] == "CANCELED"
    assert [row["event"] for row in timeline(core)] == ["USER", "ALGO", "USER"]
    assert isinstance(core.drain()[-1], ConfigPushed)


# -------------------------------------------------------------------------------------------------------- the contract


def test_a_settling_contract_only_closes_and_one_in_a_break_does_nothing() -> None:
    core = held()
    obey(core, ChangeStatus, to="SETTLING")
    assert core.specs[SYMBOL].status == "SETTLING"
    assert refused(core, market_order(BUY, "0.1")) == -4108
    assert refused(core, algo(BUY, STOP, "61000", quantity=Decimal("0.1"))) == -4108
    core.execute(11, market_order(SELL, "0.05", reduce_only=True))
    obey(core, ChangeStatus, to="BREAK")
    assert refused(core, market_order(SELL, "0.05", reduce_only=True)) == -4141
    obey(core, ChangeStatus, to="TRADING")
    core.execute(12, market_order(SELL, "0.05", reduce_only=True))
    assert [row["to"] for row in timeline(core) if row["event"] == "MARKET"] == ["SETTLING", "BREAK", "TRADING"]


def test_a_coarser_tick_refuses_what_was_allowed_and_outlives_a_restart() -> None:
    rows: list[FinalRow] = []
    core, other = exchange(), exchange()
    core.record_to(rows.append)
    obey(core, ChangeFilter, tick_size=Decimal("0.5"))
    other.restore(core.dump(), rows)
    for one in (core, other):
        assert one.specs[SYMBOL].tick_size == Decimal("0.5")
        assert refused(one, limit_order(BUY, "0.1", "59000.1")) == -4014
        one.execute(11, limit_order(BUY, "0.1", "59000.5"))


@pytest.mark.parametrize(
    ("left", "statuses"), [("0.04", ["NEW", "PARTIALLY_FILLED", "EXPIRED"]), ("0", ["NEW", "EXPIRED"])]
)
def test_one_market_order_finds_what_others_left_and_the_next_one_all(left: str, statuses: list[str]) -> None:
    core = exchange()
    obey(core, Outrun, quantity=Decimal(left))
    for _ in range(2):
        core.execute(11, market_order(BUY, "0.1"))
    first, second = core.ledger(0)["orders"]
    assert ([state["status"] for state in first["states"]], Decimal(first["executed_qty"])) == (statuses, Decimal(left))
    assert (second["status"], Decimal(second["executed_qty"])) == ("FILLED", Decimal("0.1"))


def test_an_order_with_a_limit_is_not_outrun_and_a_reset_forgets_it() -> None:
    core = exchange()
    dumped = core.dump()
    obey(core, Outrun, quantity=Decimal(0))
    core.execute(11, limit_order(BUY, "0.1", "60500"))
    assert core.ledger(0)["orders"][-1]["status"] == "FILLED"
    core.restore(dumped, [])
    core.execute(12, market_order(BUY, "0.1"))
    assert core.ledger(0)["orders"][-1]["status"] == "FILLED"


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (Outrun(symbol=SYMBOL, quantity=Decimal("0.0001")), "multiple of 0.001"),
        (Outrun(symbol=SYMBOL, quantity=Decimal(-1)), "0 or a positive"),
        (Outrun(symbol=SYMBOL, quantity=Decimal("NaN")), "0 or a positive"),
        (PersonCloses(symbol="ETHUSDT"), "ETHUSDT has no position"),
        (PersonIncreases(symbol="ETHUSDT", quantity=Decimal(1)), "no position"),
        (PersonCancelsStop(symbol="ETHUSDT"), "no resting stop"),
        (Vanish(symbol="ETHUSDT"), "no resting stop"),
        (Vanish(symbol="NOPE"), "not listed"),
        (PersonOpens(symbol=SYMBOL, side=Side.LONG, quantity=Decimal(-1)), "-4003"),
        (PersonChangesLeverage(symbol=SYMBOL, leverage=2), "-4161"),
        (ForceAdl(symbol=SYMBOL, quantity=Decimal("0.2")), "more than the position"),
        (ForceAdl(symbol=SYMBOL, quantity=Decimal("0.0001")), "multiple of 0.001"),
        (ForceAdl(symbol=SYMBOL, quantity=Decimal("NaN")), "positive multiple"),
        (ChangeFilter(symbol=SYMBOL, tick_size=Decimal("0.25")), "multiple of the market's own"),
        (ChangeFilter(symbol=SYMBOL, tick_size=Decimal(0)), "is needed"),
        (SetFunding(symbol="ETHUSDT", rate=Decimal("0.01")), "no mark price"),
    ],
    ids=str,
)
def test_what_cannot_be_obeyed_is_said(command: CoreCommand, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        held().obey(10, command)


def test_a_note_without_a_symbol_tells_of_no_position() -> None:
    core = held()
    core.note(10, None, "FAULT", {"do": "drop"})
    (row,) = timeline(core)
    assert {name: row[name] for name in ("symbol", "position_amt", "stop_working", "do")} == {
        "symbol": None, "position_amt": None, "stop_working": None, "do": "drop",
    }  # fmt: skip
