"""What the canary is tried against: answers by hand, and an exchange that loses, delays and denies what it likes."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from vortex.domain.canary import UNKNOWN_ORDER, CanaryIntent, CanaryRequest
from vortex.domain.desk.bracket import NOTHING_TO_PROTECT
from vortex.domain.market import SymbolRules
from vortex.domain.order import (
    AlgoReport,
    AlgoStatus,
    CancelOrder,
    Done,
    Outcome,
    PlaceOrder,
    QueryOrder,
    Refused,
    Unknown,
)

CLOSE_ID, STOP_ID = "v7-main-BTCUSDT-1-1S", "v7-main-BTCUSDT-1-2S"
INTENT = CanaryIntent(symbol="BTCUSDT", close_id=CLOSE_ID, stop_id=STOP_ID)
RULES = SymbolRules(
    symbol="BTCUSDT", tick_size=Decimal("0.1"), step_size=Decimal("0.001"), min_quantity=Decimal("0.001"),
    max_quantity=Decimal(100), min_notional_usdt=Decimal(100),
)  # fmt: skip
LOST = Unknown(text="no answer")
NO_SUCH = Refused(code=UNKNOWN_ORDER, text="Order does not exist.")
FLAT = Refused(code=NOTHING_TO_PROTECT, text="Time in Force (TIF) GTE can only be used with open positions.")


def shown(order: PlaceOrder, status: AlgoStatus = AlgoStatus.NEW) -> Done:
    assert order.trigger_price is not None
    return Done(
        value=AlgoReport(
            symbol=order.symbol, client_id=order.client_id, algo_id=1, side=order.side, kind=order.kind, status=status,
            trigger_price=order.trigger_price, quantity=order.quantity or Decimal(0),
            close_position=order.close_position, ts_ms=1,
        )
    )  # fmt: skip


class HostileExchange:
    """Holds the truth; loses requests and answers, applies late, denies what it has, refuses for no reason.

    Args:
        faulty_for: So many requests are treated badly; after them it behaves.
    """

    def __init__(self, random: Random, faulty_for: int) -> None:
        self._random = random
        self._faults = faulty_for
        self._late: list[tuple[int, CanaryRequest]] = []
        self.resting: dict[str, PlaceOrder] = {}
        self._ended: dict[str, tuple[PlaceOrder, AlgoStatus]] = {}
        self.placed = 0

    def request(self, request: CanaryRequest, now_ms: int) -> Outcome:
        self._apply_late(now_ms)
        if self._faults > 0:
            self._faults -= 1
            fault = self._random.choice(
                ["lost", "unheard", "late", "denied", "refused", "ends", "none", "none", "none"]
            )
            outcome = self._mistreat(request, fault, now_ms)
            if outcome is not None:
                return outcome
        return self._apply(request)

    def _mistreat(self, request: CanaryRequest, fault: str, now_ms: int) -> Outcome | None:
        match fault:
            case "lost":
                return LOST
            case "unheard":
                self._apply(request)
                return LOST
            case "late":  # within the window in which a signed request is accepted, and then some
                self._late.append((now_ms + self._random.randrange(100, 6_000), request))
                return LOST
            case "denied" if isinstance(request, QueryOrder):
                return NO_SUCH
            case "refused" if not isinstance(request, PlaceOrder):
                return Refused(code=-1003, text="slow down", retry_after_ms=self._random.randrange(3_000))
            case "ends" if self.resting:
                self._end(next(iter(self.resting)), self._random.choice([AlgoStatus.CANCELED, AlgoStatus.FINISHED]))
        return None

    def _apply_late(self, now_ms: int) -> None:
        for due_ms, request in tuple(self._late):
            if due_ms <= now_ms:
                self._late.remove((due_ms, request))
                self._apply(request)

    def _apply(self, request: CanaryRequest) -> Outcome:
        client_id = request.client_id
        match request:
            case PlaceOrder():
                if request.close_position:
                    return FLAT
                self.placed += 1
                self.resting[client_id] = request
                return shown(request)
            case CancelOrder():
                if client_id not in self.resting:
                    return Refused(code=-2011, text="Unknown order sent.")
                self._end(client_id, AlgoStatus.CANCELED)
                return Done()
        if client_id in self.resting:
            return shown(self.resting[client_id])
        return shown(*self._ended[client_id]) if client_id in self._ended else NO_SUCH

    def _end(self, client_id: str, status: AlgoStatus) -> None:
        self._ended[client_id] = (self.resting.pop(client_id), status)

    @property
    def may_rest(self) -> bool:
        return bool(self.resting) or any(isinstance(late, PlaceOrder) and late.quantity for _, late in self._late)
