"""The decision actor: one evaluation per book, and for a trigger that holds the way through risk to an order.

The book is the clock: E1 answers every book it handles, that answer triggers an evaluation; 150 ms without one do too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from loguru import logger
from msgspec import Struct

from vortex.actors.explaining import Explained
from vortex.actors.rejecting import Rejector
from vortex.domain.decision import ENGINES, Action, Decision, SignalBoard
from vortex.domain.explain import Explanation, explain
from vortex.domain.hypothetical import WouldHave
from vortex.domain.market import Book, MarkPrice
from vortex.domain.meters import SymbolMeters
from vortex.domain.operation import Gate
from vortex.domain.risk.gates import evaluate
from vortex.domain.risk.params import RiskParams
from vortex.domain.risk.situation import Situation
from vortex.domain.signal import EngineId
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
    Recipient,
    ReserveRisk,
    RiskDenied,
    RiskGranted,
    Shutdown,
    SignalEmitted,
    SymbolReconciled,
)
from vortex.ports import Ids
from vortex.queries import GetExplanation, GetHypotheticals
from vortex.runtime import Actor

CADENCE_MS = 150
PENDING_MS = 10_000


class _Cadence(Struct, frozen=True):
    """An evaluation is due, books or not."""


class DecisionActor(Actor):
    """Turns signals into decisions and decisions into entries.

    Args:
        symbol: The symbol.
        board: The pure decision with its parameters.
        risk: The `[risk]` section of this symbol.
        supervisor, account, exchange, hot_store: Who gates, reserves, trades and mirrors.
        rejector: Writes down what the risk manager refused.
        ids: Makes decision ids.
        meters: Where evaluations and their delay are counted.
    """

    def __init__(
        self,
        *,
        symbol: str,
        board: SignalBoard,
        risk: RiskParams,
        supervisor: Recipient,
        account: Recipient,
        exchange: Recipient,
        hot_store: Recipient,
        rejector: Rejector,
        ids: Ids,
        meters: SymbolMeters | None = None,
    ) -> None:
        self._symbol = symbol
        self._board = board
        self._risk = risk
        self._supervisor = supervisor
        self._account = account
        self._exchange = exchange
        self._hot_store = hot_store
        self._rejector = rejector
        self._explained = Explained(board)
        self._ids = ids
        self._meters = meters or SymbolMeters()
        self._situation = Situation()
        self._epoch = 0
        self._evaluated_ms = 0
        self._asked_ms = 0
        self._gates_told: dict[Gate, bool] = {}

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {
            Book: self._on_book,
            MarkPrice: self._situation.see_mark,
            SignalEmitted: self._on_signal,
            AccountChanged: self._on_account,
            SymbolReconciled: self._on_reconciled,
            RiskGranted: self._on_granted,
            RiskDenied: self._on_denied,
            PositionOpened: self._on_opened,
            PositionClosed: self._on_closed,
            EntryFailed: self._on_failed,
            GateClosed: self._on_gate_closed,
            GateOpened: self._on_gate_opened,
            Leave: self._on_leave,
            Shutdown: self._on_shutdown,
            GetExplanation: self._on_explain,
            GetHypotheticals: self._on_hypotheticals,
            _Cadence: self._on_cadence,
        }

    def started(self) -> None:
        self.context.after(CADENCE_MS, _Cadence())

    # --------------------------------------------------------------------------------------------------- what it knows

    def _on_book(self, book: Book) -> None:
        self._situation.see_book(book)
        self._rejector.hypotheticals.see_book(book)

    def _on_account(self, message: AccountChanged) -> None:
        self._situation.account = message.view
        if Gate.ACCOUNT in self._situation.closed_gates:
            self._supervisor.tell(GateOpened(gate=Gate.ACCOUNT))

    def _on_reconciled(self, message: SymbolReconciled) -> None:
        self._situation.setup = message.setup
        self._situation.in_position = message.trade is not None

    def _on_opened(self, message: PositionOpened) -> None:
        self._situation.in_position, self._situation.pending = True, None
        self._explained.opened(message.trade.trade_id, message.trade.plan.decision_id)

    def _on_closed(self, _message: PositionClosed) -> None:
        self._situation.in_position, self._situation.pending = False, None

    def _on_failed(self, _message: EntryFailed) -> None:
        self._situation.pending = None  # a trade that is open stays open: a second entry was refused beside it

    def _on_gate_closed(self, message: GateClosed) -> None:
        self._situation.closed_gates.add(message.gate)

    def _on_gate_opened(self, message: GateOpened) -> None:
        self._situation.closed_gates.discard(message.gate)

    def _on_leave(self, message: Leave) -> None:
        self._situation.leaving = message.leaving

    def _on_shutdown(self, _message: Shutdown) -> None:
        self._situation.shutting_down = True

    # ------------------------------------------------------------------------------------------------ when it evaluates

    def _on_signal(self, message: SignalEmitted) -> None:
        self._board.put(message.signal)
        if message.signal.engine == EngineId.ORDER_FLOW:
            self._epoch = message.epoch
            self._evaluate()
            self._meters.tick_to_decision_ms.observe(self._evaluated_ms - message.recv_ms)

    def _on_cadence(self, cadence: _Cadence) -> None:
        self.context.after(CADENCE_MS, cadence)
        now_ms = self.context.clock.now_ms()
        if self._situation.pending is not None and now_ms - self._asked_ms > PENDING_MS:
            logger.warning("{}: no answer to the entry within {} ms", self._symbol, PENDING_MS)
            # the exchange actor is the truth: it refuses an entry while the last one is unclear
            self._situation.pending = None
        if now_ms - self._evaluated_ms >= CADENCE_MS:
            self._evaluate()

    def _evaluate(self) -> None:
        now_ms = self.context.clock.now_ms()
        self._evaluated_ms = now_ms
        decision = self._board.evaluate(
            now_ms=now_ms, epoch=self._epoch, symbol=self._symbol, decision_id=self._ids.uuid()
        )
        self._meters.decisions[decision.action] += 1
        self._explained.note(decision)
        self._mirror(decision)
        self._gate(Gate.ENGINES, engines_fault(decision), now_ms)
        self._gate(Gate.BOOK, self._situation.book_fault(now_ms), now_ms)
        if decision.action is not Action.HOLD:
            self._enter(decision, now_ms)

    def _mirror(self, decision: Decision) -> None:
        signals = {engine: self._board.newest(engine) for engine in ENGINES}
        value = {"decision": decision, "signals": signals}
        self._hot_store.tell(Mirror(key=f"engine_signals:{self._symbol}", value=value))

    def _gate(self, gate: Gate, fault: str | None, now_ms: int) -> None:
        """Tell the supervisor when a gate closes or opens, and once which of both it is."""
        closed = fault is not None
        if self._gates_told.get(gate) is closed:
            return
        self._gates_told[gate] = closed
        news = GateOpened(gate=gate) if fault is None else GateClosed(gate=gate, since_ms=now_ms, detail=fault)
        self._supervisor.tell(news)

    # ---------------------------------------------------------------------------------------------- the way to an order

    def _enter(self, decision: Decision, now_ms: int) -> None:
        if self._situation.repeats(decision):
            return
        request = self._situation.request(decision, now_ms)
        if request is None:
            return
        verdict = evaluate(request, self._risk)
        explained = explain(decision, self._explained.components(), verdict)
        self._explained.keep(explained)
        if verdict.plan is None:
            self._rejector.reject(explained, request.account.daily_pnl_usdt, now_ms)
            return
        self._situation.pending, self._asked_ms = verdict.plan, now_ms
        self._rejector.keep(explained, request.account.daily_pnl_usdt)
        self._account.tell(ReserveRisk(plan=verdict.plan, reply_to=self.context.address))

    def _on_granted(self, message: RiskGranted) -> None:
        if self._situation.pending != message.plan:
            return  # an answer that came after we stopped waiting; the reservation expires by itself
        logger.info("{}: enter {} {}", self._symbol, message.plan.side, message.plan.quantity)
        self._exchange.tell(OpenPosition(plan=message.plan))

    def _on_denied(self, message: RiskDenied) -> None:
        if self._situation.pending == message.plan:
            self._situation.pending = None
            explained = self._rejector.denied(message, self.context.clock.now_ms())
            if explained is not None:
                self._explained.keep(explained)

    # ------------------------------------------------------------------------------------------- questions from outside

    def _on_explain(self, message: GetExplanation) -> Explanation | None:
        return self._explained.find(message.id)

    def _on_hypotheticals(self, _message: GetHypotheticals) -> tuple[WouldHave, ...]:
        return self._rejector.hypotheticals.ended()


def engines_fault(decision: Decision) -> str | None:
    """Return why the required engines do not speak, None when all of them do."""
    complete = "ENGINE_STALE" not in decision.reasons and "REGIME_UNKNOWN" not in decision.reasons
    return None if complete else " ".join(decision.reasons)
