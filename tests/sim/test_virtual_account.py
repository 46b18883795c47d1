"""What happens to the account in virtual time: announced, reported and found as over the wire."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.sim.virtual_rig import SELL, SYMBOL, Rig, entry, stop
from vortex.domain.canary import Canary, CanaryIntent, Passed
from vortex.domain.market import Book
from vortex.domain.order import (
    AccountUpdate,
    AlgoReport,
    ConfigUpdate,
    FillAnnounced,
    FundingState,
    MarginCall,
    OrderReport,
    OrderStatus,
    PositionsState,
    PrepareSymbol,
    QueryFunding,
    QueryPositions,
    QuerySymbol,
    SymbolSetup,
    SymbolState,
    TriggerRejected,
)
from vortex.sim.core.commands import MovePrice, PersonChangesLeverage, PersonCloses, RejectOnTrigger, SetFunding, Shock
from vortex.sim.core.types import NewAlgo


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.exchange.start(rig.probe)
    rig.time.run_to(100)
    return rig


def test_an_execution_is_announced_before_it_is_reported(rig: Rig) -> None:
    rig.ask(entry())
    told = [message for message in rig.probe.messages if isinstance(message, FillAnnounced | OrderReport)]
    assert [type(message) for message in told] == [OrderReport, FillAnnounced, OrderReport]
    announced = told[1]
    assert isinstance(announced, FillAnnounced)
    assert (announced.client_id, announced.fill_id, announced.symbol) == ("e", 1, SYMBOL)


def test_what_others_do_is_reported(rig: Rig) -> None:
    rig.ask(entry())
    rig.ask(stop())
    rig.venue.command(PersonChangesLeverage(symbol=SYMBOL, leverage=25))
    rig.venue.command(RejectOnTrigger(symbol=SYMBOL))
    rig.venue.command(MovePrice(symbol=SYMBOL, to=Decimal(58_900)))
    rig.time.run_to(4_000)
    (config,) = rig.probe.told(ConfigUpdate)
    assert (config.symbol, config.leverage, config.multi_assets) == (SYMBOL, 25, None)
    (rejected,) = rig.probe.told(TriggerRejected)
    assert (rejected.symbol, rejected.order_id) == (SYMBOL, 1)
    rig.venue.command(MovePrice(symbol=SYMBOL, to=Decimal(57_250)))
    rig.time.run_to(5_000)
    assert [call.symbols for call in rig.probe.told(MarginCall)] == [(SYMBOL,)]
    rig.venue.command(MovePrice(symbol=SYMBOL, to=Decimal(57_000)))
    rig.time.run_to(6_000)
    closed = [report for report in rig.probe.told(OrderReport) if report.client_id.startswith("autoclose-")]
    assert closed[-1].status is OrderStatus.FILLED
    state = rig.done(QuerySymbol(symbol=SYMBOL, fills_since_ms=0), SymbolState)
    assert state.position.amount == 0


def test_a_conditional_order_of_a_kind_the_system_never_sends_is_not_told_of(rig: Rig) -> None:
    rig.ask(entry())
    trailing = NewAlgo(
        symbol=SYMBOL, side=SELL, kind="TRAILING_STOP_MARKET", client_id="app", quantity=Decimal("0.1"),
        callback_rate=Decimal(1), reduce_only=True,
    )  # fmt: skip
    rig.core.execute(rig.time.now_ms(), trailing)
    rig.ask(stop())
    assert {report.client_id for report in rig.probe.told(AlgoReport)} == {"s"}
    state = rig.done(QuerySymbol(symbol=SYMBOL, fills_since_ms=0), SymbolState)
    assert [algo.client_id for algo in state.algos] == ["s"]


def test_the_canary_passes(rig: Rig) -> None:
    setup = rig.done(PrepareSymbol(symbol=SYMBOL), SymbolSetup)
    intent = CanaryIntent(symbol=SYMBOL, close_id="v7-main-BTCUSDT-1-1S", stop_id="v7-main-BTCUSDT-1-2S")
    canary = Canary.testing(intent, Decimal(60_000), setup.rules)
    for _ in range(10):
        if (request := canary.plan(rig.time.now_ms())) is not None:
            canary.on_reply(request, rig.ask(request, pass_ms=200), rig.time.now_ms())
    assert canary.verdict == Passed()
    assert rig.done(QuerySymbol(symbol=SYMBOL, fills_since_ms=0), SymbolState).algos == ()


def test_funding_is_told_and_found(rig: Rig) -> None:
    rig.done(entry(), OrderReport)
    rig.venue.command(SetFunding(symbol=SYMBOL, rate=Decimal("0.0001")))
    rig.time.run_to(4_000)
    assert [update.reason for update in rig.probe.told(AccountUpdate)][-1] == "FUNDING_FEE"
    found = rig.done(QueryFunding(symbol=SYMBOL, since_ms=0, until_ms=2**50), FundingState)
    assert (found.payments, found.amount_usdt < 0) == (1, True)
    (position,) = rig.done(QueryPositions(), PositionsState).positions
    assert position.amount == Decimal("0.1")


def test_a_bent_market_is_what_the_feed_shows_and_a_refused_command_is_said(rig: Rig) -> None:
    rig.feed.start(rig.probe)
    rig.feed.subscribe(SYMBOL)
    rig.time.run_to(500)
    rig.venue.command(MovePrice(symbol=SYMBOL, to=Decimal(50_000)))
    rig.time.run_to(1_000)
    assert rig.probe.got(Book)[-1].bids[0][0] == 50_000.0
    with pytest.raises(ValueError, match="no position"):
        rig.venue.command(PersonCloses(symbol=SYMBOL))


def test_commands_are_as_deterministic_as_everything_else() -> None:
    def run() -> object:
        rig = Rig()
        rig.exchange.start(rig.probe)
        rig.ask(entry())
        rig.venue.command(Shock(symbol=SYMBOL, bps=Decimal(-500), over_ms=2_000))
        rig.time.run_to(9_000)
        return rig.core.ledger(0), rig.probe.messages

    assert run() == run()
