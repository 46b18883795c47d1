from __future__ import annotations

from tests.domain.builders import SYMBOL, T0, candle, candles, history, ladder, mark, stream, trade, trades
from tests.kit.probe import Probe
from tests.kit.runtime import ManualContext
from vortex.actors.engine import EngineActor
from vortex.actors.shelf import Shelf
from vortex.domain.engines.base import Engine
from vortex.domain.engines.order_flow import OrderFlowEngine, OrderFlowParams
from vortex.domain.engines.technical import TechnicalEngine, TechnicalParams
from vortex.domain.engines.tick import TickEngine, TickParams
from vortex.domain.market import TURNED_BACK_MS
from vortex.domain.signal import EngineId
from vortex.messages import RequestHistory, SignalEmitted, Subscribe


def shell(engine: Engine) -> tuple[EngineActor, Probe]:
    decision = Probe("decision")
    actor = EngineActor(
        symbol=SYMBOL, inputs=engine.inputs, shelf=Shelf(lambda: engine), decision=decision, feed=Probe("feed"),
        hot_store=Probe("hot_store"),
    )  # fmt: skip
    ManualContext(actor, path=f"{SYMBOL}/{engine.id}")
    actor.started()
    return actor, decision


def test_order_flow_answers_every_book_with_its_epoch() -> None:
    actor, decision = shell(OrderFlowEngine(OrderFlowParams()))
    books = stream([ladder(1_000 + step % 3, [1.0] * 5, [2.0] * 5) for step in range(20)])
    for book in books:
        actor.receive(book)
        message = decision.expect(SignalEmitted)
        assert (message.symbol, message.epoch, message.signal.engine) == (SYMBOL, book.epoch, EngineId.ORDER_FLOW)
    assert decision.unread() == []


def test_an_opinion_on_anything_else_has_no_epoch() -> None:
    actor, decision = shell(TickEngine(TickParams()))
    actor.receive(trades(*(trade(number, T0 + number * 10, buy=True) for number in range(50))))
    assert decision.expect(SignalEmitted).epoch == 0


def test_it_takes_exactly_what_its_engine_wants() -> None:
    actor, decision = shell(OrderFlowEngine(OrderFlowParams()))
    assert set(actor.handlers()) == set(OrderFlowEngine.inputs)
    actor.receive(mark(T0))
    assert actor.context.address.dead_by_type == {"MarkPrice": 1}
    assert decision.unread() == []


def test_a_new_incarnation_answers_as_the_old_one_would_have() -> None:
    books = stream([ladder(1_000 + step % 3, [1.0] * 5, [2.0] * 5) for step in range(30)])
    shelf, decision, twin = (
        Shelf(lambda: OrderFlowEngine(OrderFlowParams())),
        Probe(),
        OrderFlowEngine(OrderFlowParams()),
    )
    for book in books:
        if book.epoch % 7 == 1:
            actor = EngineActor(
                symbol=SYMBOL, inputs=twin.inputs, shelf=shelf, decision=decision, feed=Probe("feed"), hot_store=Probe()
            )
            ManualContext(actor, path=f"{SYMBOL}/E1", now_ms=book.ts_ms)
            actor.started()
        actor.receive(book)
        assert decision.expect(SignalEmitted).signal == twin.update(book)


def test_a_hole_in_the_candles_is_closed_by_a_history_asked_for_at_a_pace() -> None:
    engine = TechnicalEngine(TechnicalParams())
    feed, decision = Probe("feed"), Probe("decision")
    shelf = Shelf(lambda: engine)
    actor = EngineActor(
        symbol=SYMBOL, inputs=engine.inputs, shelf=shelf, decision=decision, feed=feed, hot_store=Probe()
    )
    context = ManualContext(actor, path=f"{SYMBOL}/E3")
    actor.started()
    flat = (100.0, 101.0, 99.0, 100.0)
    actor.receive(history("1m", candles("1m", [100.0] * 96)))
    actor.receive(history("15m", candles("15m", [100.0] * 96)))
    assert feed.unread() == []
    for minute in (1, 2):  # the one at T0 is missed
        actor.receive(candle("1m", T0 + minute * 60_000, flat))
    assert feed.unread() == [RequestHistory(symbol=SYMBOL)]
    context.advance(10_000)
    actor.receive(candle("1m", T0 + 180_000, flat))
    assert feed.unread() == [RequestHistory(symbol=SYMBOL)], "it did not come"
    actor.receive(history("1m", candles("1m", [100.0] * 96, end_ms=T0 + 240_000)))
    context.advance(10_000)
    actor.receive(candle("1m", T0 + 240_000, flat))
    assert feed.unread() == []
    assert decision.told(SignalEmitted)[-1].signal.score is not None


def test_when_the_clock_was_set_back_it_begins_anew_and_has_the_past_told_again() -> None:
    feed, decision = Probe("feed"), Probe("decision")
    inputs = TickEngine.inputs
    shelf = Shelf(lambda: TickEngine(TickParams()))
    actor = EngineActor(symbol=SYMBOL, inputs=inputs, shelf=shelf, decision=decision, feed=feed, hot_store=Probe())
    address = ManualContext(actor, path=f"{SYMBOL}/E2").address
    actor.started()
    late_ms = T0 - TURNED_BACK_MS
    actor.receive(mark(T0))
    actor.receive(mark(late_ms))
    assert feed.unread() == []
    assert decision.told(SignalEmitted)[-1].signal.ts_ms == T0
    for last_ms, ts_ms in ((late_ms, late_ms - TURNED_BACK_MS - 1), (T0, T0 - TURNED_BACK_MS - 1)):
        actor.receive(mark(last_ms))
        actor.receive(mark(ts_ms))
        assert feed.unread() == [Subscribe(symbol=SYMBOL, subscriber=address, values=inputs)]
        assert decision.told(SignalEmitted)[-1].signal.ts_ms == ts_ms


def test_what_tells_of_the_past_sets_no_clock_back() -> None:
    engine = TechnicalEngine(TechnicalParams())
    actor, decision = shell(engine)
    for end_ms in (T0, T0 - 3_600_000):
        actor.receive(history("1m", candles("1m", [100.0] * 96, end_ms=end_ms)))
    assert len(decision.told(SignalEmitted)) == 2
    assert actor._feed.unread() == []  # type: ignore[attr-defined]  # ours
