from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.domain.money_builders import NOW, SYMBOL, account, book, mark, plan, trade
from tests.domain.test_decision import signals
from tests.kit.builders import LABELS, SETUP
from tests.kit.probe import Probe
from tests.kit.runtime import ManualContext
from tests.kit.virtual import CountedIds
from vortex.actors.decision import CADENCE_MS, PENDING_MS, DecisionActor
from vortex.actors.rejecting import Rejector
from vortex.domain.decision import Action, Decision, SignalBoard
from vortex.domain.operation import Gate
from vortex.domain.order import ZERO
from vortex.domain.risk.params import RiskParams
from vortex.domain.risk.situation import BOOK_OLD_MS
from vortex.domain.scoring import DecisionParams
from vortex.domain.signal import EngineId
from vortex.domain.trade import CloseReason, EntryPlan
from vortex.messages import (
    AccountChanged,
    EntryFailed,
    GateClosed,
    GateOpened,
    Leave,
    Mirror,
    OpenPosition,
    PositionClosed,
    PositionOpened,
    RecordRejection,
    ReserveRisk,
    RiskDenied,
    RiskGranted,
    Shutdown,
    SignalEmitted,
    SymbolReconciled,
)


class Rig:
    """A decision that knows account, rules, book and mark price; signals come when a test says so."""

    def __init__(self, *, briefed: bool = True) -> None:
        self.supervisor, self.account, self.exchange = Probe("supervisor"), Probe("account"), Probe("exchange")
        self.hot_store, self.storage = Probe("hot_store"), Probe("storage")
        ids = CountedIds()
        self.actor = DecisionActor(
            symbol=SYMBOL, board=SignalBoard(DecisionParams()), risk=RiskParams(), supervisor=self.supervisor,
            account=self.account, exchange=self.exchange, hot_store=self.hot_store,
            rejector=Rejector(storage=self.storage, labels=LABELS, ids=ids), ids=ids,
        )  # fmt: skip
        self.context = ManualContext(self.actor, path=f"{SYMBOL}/decision", now_ms=NOW)
        self.epoch = 0
        self.actor.started()
        if briefed:
            self.actor.receive(AccountChanged(view=account()))
            self.actor.receive(SymbolReconciled(symbol=SYMBOL, setup=SETUP, trade=None))

    @property
    def now_ms(self) -> int:
        return self.context.clock.now_ms()

    def ticks(self, sign: int = 1) -> None:
        """A book, and every engine's opinion of this moment; order flow speaks last and triggers."""
        self.epoch += 1
        self.actor.receive(replace(book(at_ms=self.now_ms), epoch=self.epoch))
        self.actor.receive(mark(at_ms=self.now_ms))
        made = {engine: replace(signal, ts_ms=self.now_ms) for engine, signal in signals(sign).items()}
        for engine in (EngineId.TICK, EngineId.TECHNICAL, EngineId.SENTIMENT, EngineId.REGIME, EngineId.ORDER_FLOW):
            epoch = self.epoch if engine is EngineId.ORDER_FLOW else 0
            self.actor.receive(SignalEmitted(symbol=SYMBOL, epoch=epoch, signal=made[engine]))

    def wants(self) -> EntryPlan:
        """Signals that hold for two books: the account is asked."""
        self.ticks()
        self.ticks()
        return self.account.expect(ReserveRisk).plan

    def decisions(self) -> list[Decision]:
        return [message.value["decision"] for message in self.hot_store.told(Mirror)]

    def gate_news(self, gate: Gate) -> list[GateClosed | GateOpened]:
        """What the supervisor was told of a gate."""
        told = self.supervisor.messages
        return [news for news in told if isinstance(news, GateClosed | GateOpened) and news.gate is gate]

    def codes(self) -> list[str]:
        """Reasons of the rejections that were written."""
        return [message.row.rejection_reason for message in self.storage.told(RecordRejection)]


@pytest.fixture
def rig() -> Rig:
    return Rig()


# --------------------------------------------------------------------------------------------------- when it evaluates


def test_order_flow_triggers_one_evaluation_and_the_others_none(rig: Rig) -> None:
    rig.ticks()
    rig.ticks()
    assert [decision.epoch for decision in rig.decisions()] == [1, 2]
    assert [decision.action for decision in rig.decisions()] == [Action.HOLD, Action.LONG]


def test_without_a_book_it_evaluates_every_150_ms(rig: Rig) -> None:
    rig.context.advance(CADENCE_MS * 4)
    assert [decision.ts_ms - NOW for decision in rig.decisions()] == [150, 300, 450, 600]
    assert all(decision.action is Action.HOLD for decision in rig.decisions())


def test_books_in_time_leave_nothing_to_the_cadence(rig: Rig) -> None:
    for _ in range(10):
        rig.context.advance(100)
        rig.ticks(-1)
    assert len(rig.decisions()) == 10


def test_every_decision_is_mirrored_with_the_signals_behind_it(rig: Rig) -> None:
    rig.ticks()
    message = rig.hot_store.expect(Mirror)
    assert message.key == f"engine_signals:{SYMBOL}"
    assert {engine: signal.score for engine, signal in message.value["signals"].items()} == {
        engine: signal.score for engine, signal in signals().items()
    }


def test_ids_of_decisions_differ(rig: Rig) -> None:
    rig.context.advance(1_500)
    ids = [decision.id for decision in rig.decisions()]
    assert len(set(ids)) == len(ids) == 10


# ------------------------------------------------------------------------------------------------- the way to an order


def test_a_signal_that_holds_is_reserved_granted_and_sent(rig: Rig) -> None:
    wanted = rig.wants()
    assert (wanted.symbol, wanted.decided_ms, wanted.book_ms) == (SYMBOL, NOW, NOW)
    assert rig.exchange.messages == []
    rig.actor.receive(RiskGranted(plan=wanted))
    assert rig.exchange.expect(OpenPosition).plan == wanted


def test_the_same_signal_is_asked_for_once_while_it_is_under_way(rig: Rig) -> None:
    rig.wants()
    for _ in range(5):
        rig.ticks()
    assert rig.account.unread() == []
    assert rig.codes() == []


def test_another_signal_meanwhile_is_a_rejection(rig: Rig) -> None:
    rig.wants()
    rig.ticks(-1)
    rig.ticks(-1)
    assert rig.codes() == ["PENDING_ENTRY"]


def test_an_answer_that_never_comes_is_given_up_after_ten_seconds(rig: Rig) -> None:
    rig.wants()
    rig.context.advance(PENDING_MS)
    rig.ticks()
    rig.ticks()
    assert rig.account.unread() == []
    rig.context.advance(CADENCE_MS)
    rig.ticks()
    rig.ticks()
    rig.account.expect(ReserveRisk)


def test_a_grant_that_comes_too_late_opens_nothing(rig: Rig) -> None:
    late = rig.wants()
    rig.context.advance(PENDING_MS + CADENCE_MS)
    rig.actor.receive(RiskGranted(plan=late))
    assert rig.exchange.messages == []


def test_a_denial_is_written_and_frees_the_way(rig: Rig) -> None:
    wanted = rig.wants()
    rig.actor.receive(RiskDenied(plan=wanted, code="EXPOSURE_CAP", details={"room_usdt": "1"}))
    assert rig.codes() == ["EXPOSURE_CAP"]
    rig.ticks()
    rig.account.expect(ReserveRisk)


def test_a_denial_of_another_plan_changes_nothing(rig: Rig) -> None:
    rig.wants()
    rig.actor.receive(RiskDenied(plan=plan(decision_id="an older one"), code="EXPOSURE_CAP", details={}))
    rig.ticks()
    assert rig.account.unread() == []
    assert rig.codes() == []


def closed() -> PositionClosed:
    return PositionClosed(trade=trade(), entry_fills=(), exit_fills=(), reason=CloseReason.TP_HIT, funding_usdt=ZERO)


def failed() -> EntryFailed:
    return EntryFailed(trade_id="trade-1", plan=plan(), reason=CloseReason.ORDER_EXPIRED, detail="", ts_ms=NOW)


def test_an_open_trade_blocks_until_it_is_closed(rig: Rig) -> None:
    rig.actor.receive(RiskGranted(plan=rig.wants()))
    rig.actor.receive(PositionOpened(trade=trade()))
    rig.ticks()
    assert rig.codes() == ["POSITION_EXISTS"]
    rig.actor.receive(closed())
    rig.ticks()
    rig.account.expect(ReserveRisk)


def test_a_failed_entry_frees_the_way_but_not_from_a_trade_that_is_open(rig: Rig) -> None:
    rig.wants()
    rig.actor.receive(failed())
    rig.ticks()
    rig.account.expect(ReserveRisk)
    rig.actor.receive(PositionOpened(trade=trade()))
    rig.actor.receive(failed())  # of an entry that was refused beside it
    rig.ticks()
    assert rig.codes() == ["POSITION_EXISTS"]


def test_a_new_incarnation_learns_of_the_open_trade(rig: Rig) -> None:
    rig.actor.receive(SymbolReconciled(symbol=SYMBOL, setup=SETUP, trade=trade()))
    rig.ticks()
    rig.ticks()
    assert rig.codes() == ["POSITION_EXISTS"]


# ------------------------------------------------------------------------------------------------------------ the gates


@pytest.mark.parametrize(
    ("gate", "code"),
    [(Gate.KILL_SWITCH, "HALTED"), (Gate.HALTED, "HALTED"), (Gate.PAUSED, "PAUSED"), (Gate.EXCHANGE, "STALE_DATA"),
     (Gate.USER_STREAM, "STALE_DATA"), (Gate.MONITOR, "STALE_DATA"), (Gate.JOURNAL, "STALE_DATA")],
)  # fmt: skip
def test_a_closed_gate_rejects_until_it_opens(rig: Rig, gate: Gate, code: str) -> None:
    rig.actor.receive(GateClosed(gate=gate, since_ms=NOW, detail=""))
    rig.ticks()
    rig.ticks()
    assert rig.codes() == [code]
    assert rig.account.messages == []
    rig.actor.receive(GateOpened(gate=gate))
    rig.ticks()
    rig.account.expect(ReserveRisk)


def test_shutting_down_ends_entries(rig: Rig) -> None:
    rig.actor.receive(Shutdown())
    rig.ticks()
    rig.ticks()
    assert rig.codes() == ["SHUTTING_DOWN"]
    assert rig.account.messages == []


def test_a_rejection_is_written_on_change_and_once_a_minute(rig: Rig) -> None:
    rig.actor.receive(GateClosed(gate=Gate.PAUSED, since_ms=NOW, detail=""))
    for _ in range(20):
        rig.ticks()
        rig.context.advance(100)
    assert rig.codes() == ["PAUSED"]
    rig.ticks(-1)
    rig.ticks(-1)
    assert rig.codes() == ["PAUSED", "PAUSED"]
    rig.actor.receive(GateClosed(gate=Gate.HALTED, since_ms=NOW, detail=""))
    rig.ticks(-1)
    assert rig.codes() == ["PAUSED", "PAUSED", "HALTED"]
    for _ in range(620):
        rig.context.advance(100)
        rig.ticks(-1)
    assert rig.codes() == ["PAUSED", "PAUSED", "HALTED", "HALTED"]


def test_a_symbol_that_leaves_enters_no_more_unless_it_stays(rig: Rig) -> None:
    rig.actor.receive(Leave(leaving=True))
    rig.ticks()
    rig.ticks()
    assert rig.codes() == ["SHUTTING_DOWN"]
    rig.actor.receive(Leave(leaving=False))
    rig.ticks()
    rig.account.expect(ReserveRisk)


def test_to_stay_does_not_take_back_the_end_of_the_process(rig: Rig) -> None:
    for message in (Leave(leaving=True), Shutdown(), Leave(leaving=False)):
        rig.actor.receive(message)
    rig.ticks()
    rig.ticks()
    assert rig.codes() == ["SHUTTING_DOWN"]


def test_a_new_incarnation_asks_for_nothing_before_account_and_exchange_have_spoken() -> None:
    truth, view = SymbolReconciled(symbol=SYMBOL, setup=SETUP, trade=None), AccountChanged(view=account())
    for first, second in ((truth, view), (view, truth)):
        rig = Rig(briefed=False)
        rig.actor.receive(first)
        rig.ticks()
        rig.ticks()
        assert rig.account.messages == []
        assert rig.codes() == []
        rig.actor.receive(second)
        rig.ticks()
        rig.account.expect(ReserveRisk)


def test_the_account_gate_opens_when_the_account_has_spoken(rig: Rig) -> None:
    assert rig.gate_news(Gate.ACCOUNT) == []
    rig.actor.receive(GateClosed(gate=Gate.ACCOUNT, since_ms=NOW, detail="down"))
    assert rig.gate_news(Gate.ACCOUNT) == []
    rig.actor.receive(AccountChanged(view=account()))
    assert rig.gate_news(Gate.ACCOUNT) == [GateOpened(gate=Gate.ACCOUNT)]


def test_the_supervisor_hears_when_the_engines_become_complete_or_cease_to_be(rig: Rig) -> None:
    rig.context.advance(CADENCE_MS)
    first = rig.gate_news(Gate.ENGINES)[-1]
    assert isinstance(first, GateClosed)
    assert first.since_ms == NOW + CADENCE_MS
    assert "E1_MISSING" in first.detail
    rig.ticks()
    rig.ticks()
    assert rig.gate_news(Gate.ENGINES)[1:] == [GateOpened(gate=Gate.ENGINES)]
    rig.context.advance(1_500)  # order flow is too old
    last = rig.gate_news(Gate.ENGINES)[2:]
    assert [isinstance(news, GateClosed) and "E1_STALE" in news.detail for news in last] == [True]


def test_the_supervisor_hears_when_the_book_is_old_or_unusable(rig: Rig) -> None:
    rig.context.advance(CADENCE_MS)
    rig.ticks()
    rig.context.advance(BOOK_OLD_MS)
    assert [type(news) for news in rig.gate_news(Gate.BOOK)] == [GateClosed, GateOpened]
    rig.context.advance(CADENCE_MS)
    rig.ticks()
    crossed = book(at_ms=rig.now_ms)
    rig.actor.receive(replace(crossed, bids=crossed.asks, asks=crossed.bids))
    rig.context.advance(2 * CADENCE_MS)
    assert [news.detail if isinstance(news, GateClosed) else "" for news in rig.gate_news(Gate.BOOK)] == [
        "no book yet", "", "the last book is older than 1000 ms", "", "the book is crossed or empty",
    ]  # fmt: skip
