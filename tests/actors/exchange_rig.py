"""The exchange actor unstarted: its port, its journal on disk, and a probe for everyone it tells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tests.domain.money_builders import NOW, SYMBOL, plan
from tests.kit.builders import SETUP, symbol_state
from tests.kit.probe import Probe
from tests.kit.runtime import ManualContext
from tests.kit.tiny_exchange import TinyExchange
from vortex.actors.exchange import ExchangeActor
from vortex.adapters.sqlite.journal import SqliteJournal
from vortex.domain.operation import Gate, OperatorAction
from vortex.domain.order import (
    Done,
    ExchangeRequest,
    Outcome,
    PlaceOrder,
    PrepareSymbol,
    QueryAccount,
    QueryPositions,
    QuerySymbol,
)
from vortex.domain.trade import CloseReason, EntryPlan, OpenTrade
from vortex.messages import (
    ClosePosition,
    EntryFailed,
    ExchangeReplied,
    GateClosed,
    GateOpened,
    OpenPosition,
    Operate,
    PositionClosed,
    PositionOpened,
    Recipient,
    RegisterSymbol,
)
from vortex.ports import Usage
from vortex.queries import ExchangeStatus, GetExchange

R = TypeVar("R")
OVERVIEWS = (QueryAccount, QueryPositions)
Log = list[tuple[str, object]]


class Line:
    """The exchange port by hand: keeps what is sent; the test answers."""

    def __init__(self, log: Log) -> None:
        self.open: list[ExchangeRequest] = []
        self.timeouts: list[int] = []
        self.recipient: Recipient | None = None
        self.used = Usage(weight_1m=17)
        self._log = log

    def start(self, recipient: Recipient) -> None:
        self.recipient = recipient

    def stop(self) -> None:
        self.recipient = None

    def usage(self) -> Usage:
        return self.used

    def send(self, request: ExchangeRequest, timeout_ms: int) -> None:
        self.open.append(request)
        self.timeouts.append(timeout_ms)
        self._log.append(("send", request))


class LoggedJournal(SqliteJournal):
    """Says when something has become durable."""

    def __init__(self, path: Path, log: Log) -> None:
        super().__init__(path, lambda: NOW)
        self._log = log

    def append(self, kind: str, key: str, body: bytes) -> int:
        seq = super().append(kind, key, body)
        self._log.append((f"journal {kind}", body))
        return seq


class Rig:
    """One exchange actor after another over the same journal; `log` has every effect in order."""

    def __init__(self, data_dir: Path, *, canary: bool = False) -> None:
        self.log: Log = []
        self._canary = canary
        self.journal = LoggedJournal(data_dir / "journal.db", self.log)
        self.account = Probe("account", self.log)
        self.supervisor = Probe("supervisor", self.log)
        self.decision = Probe("decision", self.log)
        self.monitor = Probe("monitor", self.log)
        self.tiny = TinyExchange(NOW, leverage=20)
        self.refuses: Callable[[ExchangeRequest], Outcome | None] = lambda _: None
        self.start(NOW)

    def start(self, now_ms: int) -> None:
        """A new incarnation, as after a crash."""
        self.port = Line(self.log)
        self.actor = ExchangeActor(
            port=self.port, journal=self.journal, account=self.account, account_name="main", canary=self._canary
        )
        self.context = ManualContext(self.actor, path="exchange", now_ms=now_ms)
        self.actor.started()

    @property
    def now_ms(self) -> int:
        return self.context.clock.now_ms()

    def registration(self, symbol: str = SYMBOL) -> RegisterSymbol:
        return RegisterSymbol(symbol=symbol, supervisor=self.supervisor, decision=self.decision, monitor=self.monitor)

    def waiting(self, kind: type[R]) -> list[R]:
        """Requests of this kind that are not answered yet, oldest first."""
        return [request for request in self.port.open if isinstance(request, kind)]

    def answer(self, request: ExchangeRequest, outcome: Outcome) -> None:
        self.port.open.remove(request)
        self.actor.receive(ExchangeReplied(request=request, outcome=outcome, sent_ms=self.now_ms))

    def ready(self, *symbols: str) -> None:
        """Register these symbols, flat, and let their truth be read."""
        for symbol in symbols:
            self.actor.receive(self.registration(symbol))
        while not self.status().reconciled:
            self.context.advance(100)
            for request in self.waiting(PrepareSymbol):
                self.answer(request, Done(value=SETUP))
            for query in self.waiting(QuerySymbol):
                self.answer(query, Done(value=symbol_state()))
        self.quiet()

    def opened(self) -> OpenTrade:
        """A position is open and guarded; what was told and done for it is forgotten."""
        self.ready(SYMBOL)
        self.opens()
        self.plays(1_000)
        trade = self.monitor.expect(PositionOpened).trade
        self.quiet()
        return trade

    def quiet(self) -> None:
        """Forget what was told and done so far."""
        for probe in (self.account, self.supervisor, self.decision, self.monitor):
            probe.unread()
        self.log.clear()

    def plays(self, duration_ms: int) -> None:
        """Let an honest exchange answer at once while time passes."""
        end_ms = self.now_ms + duration_ms
        while self.now_ms < end_ms:
            self.context.advance(100)
            self.tiny.now_ms = self.now_ms
            self.hears()
            for request in [each for each in self.port.open if not isinstance(each, QueryAccount)]:
                self.answer(request, self.refuses(request) or self.tiny.apply(request))
                self.hears()

    def hears(self) -> None:
        """Bring what the user stream carries."""
        events, self.tiny.events = self.tiny.events, []
        for event in events:
            self.actor.receive(event)

    def opens(self, trade_plan: EntryPlan | None = None) -> None:
        self.actor.receive(OpenPosition(plan=trade_plan or self.plan()))

    def operate(self, action: OperatorAction, symbol: str | None = SYMBOL) -> tuple[str, ...]:
        """Order this; the symbols concerned are the reply."""
        reply = self.actor.receive(Operate(action=action, symbol=symbol, why="a test says so"))
        assert isinstance(reply, tuple)
        return reply

    def operate_close(self, trade_id: str) -> None:
        """The monitor asks for the exit."""
        self.actor.receive(ClosePosition(symbol=SYMBOL, trade_id=trade_id, reason=CloseReason.TIME_EXIT))

    def plan(self, symbol: str = SYMBOL) -> EntryPlan:
        return plan(symbol=symbol, book_ms=self.now_ms, decided_ms=self.now_ms)

    def status(self) -> ExchangeStatus:
        status = self.actor.receive(GetExchange())
        assert isinstance(status, ExchangeStatus)
        return status

    def closed_gates(self) -> dict[Gate, str]:
        """What the supervisor believes, but for the user stream."""
        gates: dict[Gate, str] = {}
        for message in self.supervisor.messages:
            if isinstance(message, GateClosed) and message.gate is not Gate.USER_STREAM:
                gates[message.gate] = message.detail
            elif isinstance(message, GateOpened):
                gates.pop(message.gate, None)
        return gates

    def refused(self, symbol: str = SYMBOL) -> str:
        """Why an entry is refused: those who reserved for it hear of it, nothing leaves, there is no row."""
        self.quiet()
        self.opens(self.plan(symbol))
        failed = self.account.expect(EntryFailed)
        assert self.decision.expect(EntryFailed) == failed
        assert self.monitor.unread() == []
        assert self.waiting(PlaceOrder) == []
        return failed.detail

    def endings(self) -> list[CloseReason]:
        """How every trade ended, each of them once; nothing is open and nothing rests."""
        assert self.tiny.position == 0
        assert self.tiny.resting == []
        assert max(self.tiny.sent.values(), default=0) <= 1
        endings = {
            message.trade.trade_id if isinstance(message, PositionClosed) else message.trade_id: message.reason
            for message in self.account.messages
            if isinstance(message, PositionClosed | EntryFailed)
        }
        return list(endings.values())
