"""A desk with the exchange played by the test: what leaves is looked at, answers are given by hand."""

from __future__ import annotations

from typing import TypeVar

from tests.domain.money_builders import NOW, SYMBOL, plan
from tests.kit.builders import SELL, SETUP, algo_report, fill, order_report, symbol_state
from vortex.domain.client_id import OrderIds
from vortex.domain.desk.bracket import Bracket
from vortex.domain.desk.desk import Desk
from vortex.domain.desk.notices import Closed, Notice
from vortex.domain.desk.planning import Lane
from vortex.domain.order import (
    AlgoReport,
    Done,
    ExchangeRequest,
    OrderReport,
    Outcome,
    PlaceOrder,
    PrepareSymbol,
    QuerySymbol,
    Refused,
    SymbolState,
    Unknown,
)
from vortex.domain.trade import CloseReason, EntryPlan

TIMEOUT = Unknown(text="timeout")
NO_SUCH_ORDER = Refused(code=-2013, text="Order does not exist.")
NOTHING_TO_CANCEL = Refused(code=-2011, text="Unknown order sent.")
NOTHING_TO_REDUCE = Refused(code=-2022, text="ReduceOnly Order is rejected.")

T = TypeVar("T")
R = TypeVar("R")


class Rig:
    """One desk and its clock."""

    def __init__(self, bracket: Bracket | None = None) -> None:
        self.now_ms = NOW
        self._lane: Lane | None = None
        self.desk = Desk(SYMBOL, OrderIds("main", SYMBOL, 1), bracket)

    @property
    def bracket(self) -> Bracket:
        assert self.desk.bracket is not None
        return self.desk.bracket

    def wait(self, duration_ms: int) -> None:
        self.now_ms += duration_ms
        self.desk.on_time(self.now_ms)

    def leaves(self, kind: type[R], lane: Lane | None = None) -> R:
        """The one request that leaves now, which must be of this kind, and in this lane if one is given."""
        request = self.any_leaves()
        assert isinstance(request, kind), f"not a {kind.__name__} but {request!r} leaves"
        assert lane in (None, self._lane)
        return request

    def any_leaves(self) -> ExchangeRequest | None:
        """The one request that leaves now, if any."""
        planned = self.desk.plan(self.now_ms)
        if planned is None:
            return None
        self._lane, request = planned
        self.desk.sent(request, self.now_ms)
        assert self.desk.plan(self.now_ms) is None  # one in flight is the most
        return request

    def idle(self) -> bool:
        return self.desk.plan(self.now_ms) is None

    def answered(self, outcome: Outcome, after_ms: int = 50) -> None:
        """The request in flight is answered."""
        request: ExchangeRequest | None = self.desk.in_flight
        assert request is not None
        self.wait(after_ms)
        self.desk.on_reply(request, outcome, self.now_ms)

    def done(self, value: OrderReport | AlgoReport | SymbolState | int | None = None) -> None:
        self.answered(Done(value=value))

    def hears(self, report: OrderReport | AlgoReport) -> None:
        self.desk.on_report(report, self.now_ms)

    def says(self, kind: type[T]) -> T:
        """The one notice since the last look, which must be of this kind."""
        (notice,) = self.desk.take_notices()
        assert isinstance(notice, kind), notice
        return notice

    def notices(self) -> list[Notice]:
        return self.desk.take_notices()

    # ------------------------------------------------------------------------------------------------- ways to a state

    def ready(self, state: SymbolState | None = None) -> Rig:
        """The symbol is prepared and its truth is read."""
        truth = state or symbol_state()
        if self.desk.bracket is None or self.desk.bracket.open_quantity == 0:
            self.prepared()
            self.wait(1_000)
            self.reads(truth)
        else:  # what there is to guard comes first
            self.reads(truth)
        return self

    def prepared(self) -> None:
        """The symbol's rules are read."""
        self.leaves(PrepareSymbol)
        self.answered(Done(value=SETUP))

    def reads(self, state: SymbolState) -> None:
        """The truth is asked for and answered."""
        self.leaves(QuerySymbol)
        self.done(state)

    def opens(self, trade_plan: EntryPlan | None = None) -> str:
        """A trade begins on a book that is new now; returns the entry's client id."""
        made = trade_plan or plan(book_ms=self.now_ms, decided_ms=self.now_ms)
        new = self.desk.ids.new()
        self.desk.open(made, f"trade-{new}", new, self.now_ms)
        return self.bracket.entry.client_id

    def entry_sent(self) -> str:
        """A ready desk has sent its entry."""
        self.ready()
        self.notices()
        self.opens()
        return self.leaves(PlaceOrder).client_id

    def filled(self) -> Rig:
        """The entry is filled and answered; the stop is due."""
        entry = self.entry_sent()
        self.done(order_report(entry, caused_by=fill(client_id=entry, at_ms=self.now_ms)))
        return self

    def guarded(self) -> Rig:
        """The position is open, stop and take-profit rest, the truth was read again."""
        self.filled()
        for _ in range(2):
            self.done(algo_report(self.leaves(PlaceOrder).client_id))
        self.wait(300)
        bracket = self.bracket
        resting = tuple(algo_report(leg.client_id) for leg in (bracket.stop, bracket.take_profit))
        self.reads(symbol_state("0.1", algos=resting, fills=bracket.fills))
        self.notices()
        return self

    def exit_filled(self, client_id: str, quantity: str = "0.1", number: int = 2) -> OrderReport:
        """What the exchange reports of an exit that closed this much."""
        closing = fill(number, quantity, side=SELL, client_id=client_id, order_id=9, at_ms=self.now_ms)
        return order_report(client_id, executed=quantity, side=SELL, order_id=9, caused_by=closing)


def flattened(rig: Rig, reason: CloseReason = CloseReason.HALT) -> Rig:
    """The symbol is ordered flat now."""
    rig.desk.flatten(reason, rig.now_ms)
    assert rig.desk.flattening
    return rig


def closed(notices: list[Notice]) -> Closed:
    """The one end of a trade among these."""
    (found,) = (notice for notice in notices if isinstance(notice, Closed))
    return found
