from __future__ import annotations

from decimal import Decimal

import pytest

from tests.kit.sim_market import HandMadeMarket
from tests.sim.virtual_rig import SELL, START_MS, SYMBOL, Rig, entry, stop
from vortex.domain.market import Book, Candle, CandleHistory, MarkPrice, Sentiment, Trades
from vortex.domain.order import (
    AccountState,
    AccountUpdate,
    AlgoReport,
    AlgoStatus,
    CancelOrder,
    Done,
    ExchangeRequest,
    OrderKind,
    OrderReport,
    OrderStatus,
    PlaceOrder,
    PrepareSymbol,
    QueryAccount,
    QueryOrder,
    QuerySymbol,
    Refused,
    SetLeverage,
    SymbolSetup,
    SymbolState,
    Unknown,
)
from vortex.messages import ExchangeReplied, UserStreamChanged
from vortex.ports import Usage


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.exchange.start(rig.probe)
    rig.time.run_to(100)
    return rig


# ---------------------------------------------------------------------------------------------------- exchange port


def test_the_user_stream_is_up_from_the_start(rig: Rig) -> None:
    assert rig.probe.messages == [UserStreamChanged(up=True, ts_ms=START_MS)]
    assert rig.exchange.usage() == Usage()


def test_a_market_order_is_answered_and_reported(rig: Rig) -> None:
    report = rig.done(entry(), OrderReport)
    assert (report.status, report.executed_quantity, report.average_price, report.ts_ms) == (
        OrderStatus.FILLED,
        Decimal("0.1"),
        Decimal(60_000),
        START_MS + 130,
    )
    pushed = rig.probe.told(OrderReport)
    assert [one.status for one in pushed] == [OrderStatus.NEW, OrderStatus.FILLED]
    fill = pushed[1].fill
    assert fill is not None
    assert (fill.price, fill.commission, fill.commission_asset, fill.client_id) == (
        Decimal(60_000),
        Decimal(3),
        "USDT",
        "e",
    )
    (update,) = rig.probe.told(AccountUpdate)
    assert update.wallet_usdt == 9_997
    assert [position.amount for position in update.positions] == [Decimal("0.1")]
    (reply,) = rig.probe.told(ExchangeReplied)
    assert reply.sent_ms == START_MS + 100


def test_a_stop_rests_is_found_and_cancelled(rig: Rig) -> None:
    rig.ask(entry())
    placed = rig.done(stop(), AlgoReport)
    assert (placed.status, placed.kind, placed.trigger_price, placed.close_position) == (
        AlgoStatus.NEW,
        OrderKind.STOP_MARKET,
        Decimal(59_000),
        True,
    )
    assert rig.done(QueryOrder(symbol=SYMBOL, client_id="s", conditional=True), AlgoReport) == placed
    assert rig.ask(CancelOrder(symbol=SYMBOL, client_id="s", conditional=True)) == Done()
    assert [report.status for report in rig.probe.told(AlgoReport)] == [AlgoStatus.NEW, AlgoStatus.CANCELED]
    gone = rig.ask(CancelOrder(symbol=SYMBOL, client_id="s", conditional=True))
    assert gone == Refused(code=-2011, text="Unknown order sent.")


def test_stops_look_at_the_mark_price() -> None:
    rig = Rig(HandMadeMarket(ask_ticks=lambda played_ms: 600_000 if played_ms < 5_000 else 580_000))
    rig.exchange.start(rig.probe)
    rig.time.run_to(100)
    rig.ask(entry())
    rig.ask(stop())
    assert rig.core.ledger(0)["algo_orders"][0]["working_type"] == "MARK_PRICE"
    rig.time.run_to(6_000)
    statuses = [report.status for report in rig.probe.told(AlgoReport)]
    assert statuses == [AlgoStatus.NEW, AlgoStatus.TRIGGERING, AlgoStatus.TRIGGERED, AlgoStatus.FINISHED]
    child = rig.done(QueryOrder(symbol=SYMBOL, client_id="s", conditional=False), OrderReport)
    assert (child.status, child.average_price) == (OrderStatus.FILLED, Decimal("57999.9"))
    assert rig.probe.told(AlgoReport)[-1].child_order_id == child.order_id


def test_everything_of_a_symbol_at_one_moment(rig: Rig) -> None:
    flat = rig.done(QuerySymbol(symbol=SYMBOL, fills_since_ms=0), SymbolState)
    assert (flat.position.amount, flat.position.leverage, flat.fills) == (Decimal(0), 20, ())
    rig.ask(entry())
    rig.ask(stop())
    state = rig.done(QuerySymbol(symbol=SYMBOL, fills_since_ms=0), SymbolState)
    assert (state.position.amount, state.position.isolated_wallet_usdt) == (Decimal("0.1"), Decimal(300))
    assert state.position.liquidation_price is not None
    assert [algo.client_id for algo in state.algos] == ["s"]
    assert [fill.client_id for fill in state.fills] == ["e"]
    assert state.orders == ()
    later = rig.done(QuerySymbol(symbol=SYMBOL, fills_since_ms=state.fills[0].ts_ms + 1), SymbolState)
    assert later.fills == ()


def test_account_setup_and_leverage(rig: Rig) -> None:
    account = rig.done(QueryAccount(), AccountState)
    assert (account.wallet_usdt, account.unrealized_usdt, account.available_usdt) == (
        Decimal(10_000),
        Decimal(0),
        Decimal(10_000),
    )
    setup = rig.done(PrepareSymbol(symbol=SYMBOL), SymbolSetup)
    assert (setup.rules.tick_size, setup.rules.max_quantity, setup.taker_fee) == (
        Decimal("0.1"),
        Decimal(120),
        Decimal("0.0005"),
    )
    assert setup.tiers == rig.core.specs[SYMBOL].tiers
    assert rig.done(PrepareSymbol(symbol=SYMBOL), SymbolSetup) == setup  # isolated already
    assert rig.done(SetLeverage(symbol=SYMBOL, leverage=15), int) == 15
    rig.ask(entry())
    assert rig.done(PrepareSymbol(symbol=SYMBOL), SymbolSetup) == setup  # with a position


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (entry("0.0001"), -1111),
        (stop(), -4509),
        (QueryOrder(symbol=SYMBOL, client_id="?", conditional=False), -2013),
        (QueryOrder(symbol=SYMBOL, client_id="?", conditional=True), -2013),
        (CancelOrder(symbol=SYMBOL, client_id="?", conditional=False), -2011),
        (QuerySymbol(symbol="NOPE", fills_since_ms=0), -1121),
        (PrepareSymbol(symbol="NOPE"), -1121),
        (SetLeverage(symbol=SYMBOL, leverage=500), -4028),
    ],
    ids=str,
)
def test_a_refusal_carries_the_exchanges_code(rig: Rig, request_: ExchangeRequest, code: int) -> None:
    outcome = rig.ask(request_)
    assert isinstance(outcome, Refused)
    assert outcome.code == code
    assert outcome.text


def test_a_duplicate_id_is_unknown_for_that_order_exists(rig: Rig) -> None:
    rig.ask(entry())
    rig.ask(stop())
    outcome = rig.ask(stop("58000"))
    assert isinstance(outcome, Unknown)
    assert outcome.text.startswith("-4116")


def test_no_answer_in_time_is_unknown_and_stays_so(rig: Rig) -> None:
    outcome = rig.ask(entry(), timeout_ms=40)
    assert outcome == Unknown(text="no answer within 40 ms")
    state = rig.done(QuerySymbol(symbol=SYMBOL, fills_since_ms=0), SymbolState)
    assert state.position.amount == Decimal("0.1")  # it had been done all the same


def test_a_conditional_order_without_a_trigger_is_the_callers_mistake(rig: Rig) -> None:
    broken = PlaceOrder(symbol=SYMBOL, client_id="b", side=SELL, kind=OrderKind.STOP_MARKET, close_position=True)
    with pytest.raises(ValueError, match="trigger price"):
        rig.exchange.send(broken, 1_000)


def test_after_stop_nobody_is_told_and_after_start_again_everything(rig: Rig) -> None:
    rig.exchange.send(entry(), 1_000)
    rig.exchange.stop()
    rig.time.run_to(2_000)
    assert len(rig.probe.messages) == 1
    rig.exchange.start(rig.probe)
    assert isinstance(rig.probe.messages[-1], UserStreamChanged)
    assert rig.done(QuerySymbol(symbol=SYMBOL, fills_since_ms=0), SymbolState).position.amount == Decimal("0.1")


# -------------------------------------------------------------------------------------------------------- market feed


def test_every_kind_of_value_reaches_the_sink() -> None:
    rig = Rig()
    rig.feed.start(rig.probe)
    rig.feed.subscribe(SYMBOL)
    rig.time.run_to(60_100)
    probe = rig.probe
    assert {value.symbol for value in probe.values} == {SYMBOL}
    assert set(probe.streams) == {"depth20", "aggTrade", "kline_1m", "markPrice", "sentiment"}
    assert probe.streams["depth20"] == START_MS + 60_020
    (candle,) = probe.got(Candle)
    assert (candle.open_ms, candle.close, candle.closed, candle.generated) == (START_MS, 60_000.0, True, False)
    trade = probe.got(Trades)[1].trades[0]
    assert (trade.id, trade.ts_ms, trade.price, trade.quantity) == (2, START_MS + 250, 60_000.0, 0.01)
    mark = probe.got(MarkPrice)[0]
    assert (mark.mark_price, mark.funding_rate, mark.recv_ms - mark.ts_ms) == (60_000.0, 0.0001, 20)


def test_books_have_twenty_levels_an_epoch_and_a_flow_step() -> None:
    rig = Rig()
    rig.feed.start(rig.probe)
    rig.feed.subscribe(SYMBOL)
    rig.feed.subscribe(SYMBOL)
    rig.time.run_to(320)
    books = rig.probe.got(Book)
    assert [book.epoch for book in books] == [1, 2, 3, 4]
    assert [book.recv_ms - book.ts_ms for book in books] == [20] * 4
    assert [len(book.steps) for book in books] == [1] * 4
    assert [book.steps[0].resync for book in books] == [True, False, False, False]
    first = books[0]
    assert (len(first.bids), len(first.asks)) == (20, 20)
    assert (first.best_bid, first.best_ask, first.bids[0][1]) == (59_999.9, 60_000.0, 1.0)
    assert all(float(str(price)) == price for price, _ in first.bids + first.asks)
    assert [price for price, _ in first.asks] == [float(f"{60_000 + tenths / 10:.1f}") for tenths in range(20)]


def test_a_symbol_that_left_is_heard_no_more_and_starts_afresh() -> None:
    rig = Rig()
    rig.feed.start(rig.probe)
    rig.feed.subscribe(SYMBOL)
    rig.time.run_to(320)
    rig.feed.unsubscribe(SYMBOL)
    rig.time.run_to(100_000)
    assert len(rig.probe.got(Book)) == 4
    assert len(rig.probe.got(Sentiment)) == 1
    rig.feed.subscribe(SYMBOL)
    rig.time.run_to(100_120)
    again = rig.probe.got(Book)[4]
    assert (again.epoch, again.steps[0].resync) == (5, True)


def test_sentiment_is_polled_and_says_that_it_was_generated() -> None:
    rig = Rig()
    rig.feed.start(rig.probe)
    rig.feed.subscribe(SYMBOL)
    rig.time.run_to(91_000)
    first, second, third = rig.probe.got(Sentiment)
    assert [one.recv_ms - START_MS for one in (first, second, third)] == [0, 45_000, 90_000]
    assert first.generated
    assert (first.global_long, first.top_position_long, first.open_interest) == (0.6, 0.5, 1000.0)
    assert first.funding_rate is None
    assert second.funding_rate == 0.0001
    assert (len(third.global_hourly), len(third.top_position_hourly)) == (720, 720)


def test_history_comes_after_a_request_and_marks_what_was_generated() -> None:
    rig = Rig()
    rig.feed.start(rig.probe)
    rig.time.run_to(180_000)
    rig.feed.request_history(SYMBOL, "1m")
    rig.feed.request_history(SYMBOL, "15m")
    rig.time.run_to(180_059)
    assert rig.probe.got(CandleHistory) == []
    rig.time.run_to(180_060)
    minutes, quarters = rig.probe.got(CandleHistory)
    assert (minutes.interval, len(minutes.candles), quarters.interval) == ("1m", 200, "15m")
    assert minutes.candles[-1].open_ms == START_MS + 120_000
    assert [candle.generated for candle in minutes.candles[-4:]] == [True, False, False, False]


def test_a_stopped_feed_is_silent_and_can_start_again() -> None:
    rig = Rig()
    rig.feed.start(rig.probe)
    rig.feed.subscribe(SYMBOL)
    rig.feed.request_history(SYMBOL, "1m")
    rig.feed.stop()
    rig.time.run_to(50_000)
    assert len(rig.probe.values) == 1  # the sentiment at the moment of the subscription
    rig.feed.subscribe(SYMBOL)
    rig.feed.start(rig.probe)
    rig.time.run_to(50_200)
    assert len(rig.probe.got(Sentiment)) == 2
    assert rig.probe.got(Book)


def test_an_unlisted_symbol_is_an_error_of_the_caller() -> None:
    rig = Rig()
    rig.feed.start(rig.probe)
    with pytest.raises(KeyError):
        rig.feed.subscribe("NOPE")


def test_the_scheduler_is_called_for_what_is_due_and_no_oftener() -> None:
    rig = Rig(HandMadeMarket((SYMBOL,), end_ms=0))
    rig.exchange.start(rig.probe)
    rig.time.run_to(1_000)  # one moment of market, its delivery 20 ms later
    assert rig.time.fired == 2
    rig.exchange.send(entry(), 500)
    rig.time.run_to(5_000)  # executed at 30 ms, answered at 60 ms, and the timeout that came to nothing
    assert rig.time.fired == 5


def test_a_request_in_a_running_market_costs_four_calls() -> None:
    fired = []
    for asked in (False, True):
        rig = Rig()
        rig.exchange.start(rig.probe)
        rig.time.run_to(121)
        if asked:  # five requests to the core, executed at 151, between the market's moments
            rig.exchange.send(QuerySymbol(symbol=SYMBOL, fills_since_ms=0), 500)
        rig.time.run_to(10_000)
        fired.append(rig.time.fired)
    # execution, reply, timeout, and the call for the market's next moment that was arranged before
    assert fired[1] - fired[0] == 4


# ---------------------------------------------------------------------------------------------------------- commands
