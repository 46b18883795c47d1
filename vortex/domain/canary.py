"""The canary: before the first entry, proof that the exchange takes, shows and cancels the stops we live by.

Conditional orders once moved to another endpoint overnight, and every stop of everybody was refused. So two orders are
tried on a flat symbol. First a stop that closes the position: there is none, and the exchange must say exactly that
(-4509), which it can only say of a type that this route takes. Then the smallest stop with a quantity, so far away that
it cannot trigger: placed, looked up and cancelled within two seconds.

Whatever happens, the canary is over only when there is positive evidence that none of its orders rests. Until then it
goes on cancelling, also after it has failed. What a process leaves behind when it dies, its successor sweeps.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum, auto
from typing import TypeAlias

from msgspec import Struct

from vortex.domain.desk.bracket import MISSES_SPAN_MS, MISSES_TO_GIVE_UP, NOTHING_TO_PROTECT
from vortex.domain.desk.leg import ALGO_STATES, LegState
from vortex.domain.market import SymbolRules
from vortex.domain.money import ceil_to, floor_to
from vortex.domain.order import (
    AlgoReport,
    AlgoStatus,
    CancelOrder,
    Done,
    OrderKind,
    OrderSide,
    Outcome,
    PlaceOrder,
    QueryOrder,
    Refused,
)

DISTANCE = Decimal("0.3")
"""Way from the price down to the trigger, share of the price."""

DEADLINE_MS = 2_000
"""From the sending of an order to the evidence that it is gone; later is a failure."""

PAUSE_MS = 500
"""Between two attempts at an order of which the last answer said nothing."""

UNKNOWN_ORDER = -2013
_ENDED = frozenset(status for status, state in ALGO_STATES.items() if state is LegState.FINAL)


class CanaryIntent(Struct, frozen=True, kw_only=True):
    """What must be on disk before the first order leaves, so that a successor can sweep: our ids of both orders."""

    symbol: str
    close_id: str
    stop_id: str


class Passed(Struct, frozen=True, tag=True):
    """Both orders were answered as they must be, and nothing rests."""


class Failed(Struct, frozen=True, tag=True):
    """Stops cannot be relied on: nothing must be entered. Something may rest until the canary is over."""

    detail: str


class Swept(Struct, frozen=True, tag=True):
    """Nothing rests of what a predecessor may have left."""


Verdict: TypeAlias = Passed | Failed | Swept
CanaryRequest: TypeAlias = PlaceOrder | QueryOrder | CancelOrder


class _Fate(Enum):
    UNSENT = auto()
    OPEN = auto()  # it may rest
    GONE = auto()


class _Trial:
    """One order and what is known of it; `order` is None when a predecessor sent it."""

    def __init__(self, client_id: str, order: PlaceOrder | None) -> None:
        self.client_id = client_id
        self.order = order
        self.fate = _Fate.OPEN if order is None else _Fate.UNSENT
        self.deadline_ms: int | None = None
        self.next_ms = 0  # not asked about before
        self.shown = False  # a query or the stream showed it as it was sent
        self.cancelled = False  # we asked for it
        self.look_next = False
        self.misses = 0
        self.first_miss_ms = 0

    @property
    def presumed(self) -> bool:
        """True when it counts as gone only because the exchange does not know it."""
        return self.fate is _Fate.GONE and self.misses >= MISSES_TO_GIVE_UP

    def miss(self, now_ms: int) -> None:
        """The exchange does not know it: proof only when it says so for long enough."""
        if self.misses == 0:
            self.first_miss_ms = now_ms
        self.misses += 1
        if self.misses >= MISSES_TO_GIVE_UP and now_ms - self.first_miss_ms >= MISSES_SPAN_MS:
            self.fate = _Fate.GONE


class Canary:
    """One run. Ask `plan` for what to send, tell it what became of that with `on_reply`, until `over`.

    Args:
        intent: Ids and symbol; on disk before the first `plan`.
        orders: The two orders to try; None when a predecessor's are only to be removed.
    """

    def __init__(self, intent: CanaryIntent, orders: tuple[PlaceOrder, PlaceOrder] | None) -> None:
        close, stop = orders or (None, None)
        self.symbol = intent.symbol
        self._close = _Trial(intent.close_id, close)
        self._stop = _Trial(intent.stop_id, stop)
        self._failure: str | None = None
        self._in_flight: CanaryRequest | None = None

    @classmethod
    def testing(cls, intent: CanaryIntent, price: Decimal, rules: SymbolRules) -> Canary:
        """One that tries both orders at this price of the symbol, which must be flat."""
        trigger = max(floor_to(price * (1 - DISTANCE), rules.tick_size), rules.tick_size)
        quantity = ceil_to(max(rules.min_quantity, rules.min_notional_usdt / trigger), rules.step_size)
        return cls(intent, _orders(intent, trigger, quantity))

    @classmethod
    def sweeping(cls, intent: CanaryIntent) -> Canary:
        """One that only removes what a predecessor with this intent may have left."""
        return cls(intent, None)

    @property
    def words(self) -> str:
        """What a person is told before it begins."""
        order = self._stop.order
        if order is None:
            return f"{self.symbol}: removes what an earlier test of stops may have left"
        return (
            f"{self.symbol}: tests stops before the first entry: places {order.side} {order.quantity:f} at "
            f"{order.trigger_price:f}, {100 * DISTANCE:.0f} % away, and cancels it within {DEADLINE_MS / 1000:g} s"
        )

    @property
    def over(self) -> bool:
        """True once nothing rests and nothing will: `verdict` stands, no request follows."""
        return self.verdict is not None and not self.resting

    @property
    def resting(self) -> bool:
        """True while an order may rest, or be on its way."""
        return any(trial.fate is _Fate.OPEN for trial in self._trials)

    @property
    def verdict(self) -> Verdict | None:
        """What is known so far; a failure is told at once, also while something rests."""
        if self._failure is not None:
            return Failed(self._failure)
        if any(trial.fate is not _Fate.GONE for trial in self._trials):
            return None
        return Swept() if self._stop.order is None else Passed()

    def plan(self, now_ms: int) -> CanaryRequest | None:
        """What to send now, one at a time; it counts as sent. None when nothing is to be sent yet, or at all."""
        self._watch_deadlines(now_ms)
        if self._in_flight is not None:
            return None
        self._in_flight = self._next(now_ms)
        return self._in_flight

    def on_reply(self, request: CanaryRequest, outcome: Outcome, now_ms: int) -> None:
        """Take the outcome of what `plan` gave; one of anything else is ignored."""
        if request is not self._in_flight:
            return
        self._watch_deadlines(now_ms)
        self._in_flight = None
        trial = self._trial(request.client_id)
        match request:
            case PlaceOrder():
                self._placed(trial, outcome)
            case QueryOrder():
                self._looked_up(trial, outcome, now_ms)
            case _:
                self._cancelled(trial, outcome)
        if not isinstance(outcome, Done):
            trial.next_ms = now_ms + max(PAUSE_MS, outcome.retry_after_ms)
        elif isinstance(request, QueryOrder) and not trial.shown:
            trial.next_ms = now_ms + PAUSE_MS

    def on_report(self, report: AlgoReport) -> None:
        """Take what the user stream says; reports of other orders are ignored."""
        if report.client_id in (self._close.client_id, self._stop.client_id):
            self._take(self._trial(report.client_id), report)

    # ---------------------------------------------------------------------------------------------------------- steps

    def _next(self, now_ms: int) -> CanaryRequest | None:
        ready = [trial for trial in self._trials if trial.fate is _Fate.OPEN and trial.next_ms <= now_ms]
        if ready:
            return self._remove(min(ready, key=lambda trial: trial.next_ms))
        if self.resting or self._failure is not None:
            return None
        for trial in self._trials:
            if trial.fate is _Fate.UNSENT and trial.order is not None:
                trial.fate, trial.deadline_ms = _Fate.OPEN, now_ms + DEADLINE_MS
                return trial.order
        return None

    def _remove(self, trial: _Trial) -> CanaryRequest:
        """Look until the stop was shown, if that counts; cancel and look in turns until either is evidence."""
        must_show = trial is self._stop and trial.order is not None and not trial.shown and self._failure is None
        if trial.look_next or must_show:
            trial.look_next = False
            return QueryOrder(symbol=self.symbol, client_id=trial.client_id, conditional=True)
        trial.look_next = trial.cancelled = True
        return CancelOrder(symbol=self.symbol, client_id=trial.client_id, conditional=True)

    def _placed(self, trial: _Trial, outcome: Outcome) -> None:
        if isinstance(outcome, Refused):
            trial.fate = _Fate.GONE
            if trial is not self._close or outcome.code != NOTHING_TO_PROTECT:
                self._fail(f"{_name(trial)} refused: {outcome.code} {outcome.text}")
        elif isinstance(outcome, Done) and isinstance(outcome.value, AlgoReport):
            self._take(trial, outcome.value)
            trial.shown = False  # that needs a query: a reply may repeat what was sent

    def _looked_up(self, trial: _Trial, outcome: Outcome, now_ms: int) -> None:
        if isinstance(outcome, Done) and isinstance(outcome.value, AlgoReport):
            self._take(trial, outcome.value)
        elif isinstance(outcome, Refused) and outcome.code == UNKNOWN_ORDER:
            trial.miss(now_ms)
            if trial.fate is _Fate.GONE:
                self._fail(f"{_name(trial)} is unknown to the exchange")

    def _cancelled(self, trial: _Trial, outcome: Outcome) -> None:
        if isinstance(outcome, Done):
            trial.fate = _Fate.GONE
            if trial is self._stop and not trial.shown:
                self._fail(f"{_name(trial)} was never shown")

    def _take(self, trial: _Trial, report: AlgoReport) -> None:
        """Take what the exchange says of one of our orders."""
        if trial.presumed and report.status not in _ENDED:
            trial.fate = _Fate.OPEN  # there it is after all
        trial.misses = 0
        if report.status in _ENDED:
            trial.fate = _Fate.GONE
            if report.status is not AlgoStatus.CANCELED or not trial.cancelled:
                self._fail(f"{_name(trial)} ended by itself: {report.status}")
        elif report.status is not AlgoStatus.NEW:
            self._fail(f"{_name(trial)} triggered: {report.status}")
        elif trial.order is None or _as_sent(report, trial.order):
            trial.shown = True
        else:
            self._fail(f"{_name(trial)} is shown otherwise than it was sent")

    def _watch_deadlines(self, now_ms: int) -> None:
        for trial in self._trials:
            late = trial.deadline_ms is not None and now_ms > trial.deadline_ms
            if late and trial.fate is _Fate.OPEN:
                self._fail(f"{_name(trial)} not cancelled within {DEADLINE_MS / 1000:g} s")

    def _fail(self, detail: str) -> None:
        """The first failure is the one to tell; sweeping cannot fail, it only goes on."""
        if self._stop.order is not None and self._failure is None:
            self._failure = detail

    @property
    def _trials(self) -> tuple[_Trial, _Trial]:
        return self._close, self._stop

    def _trial(self, client_id: str) -> _Trial:
        return self._close if client_id == self._close.client_id else self._stop


def _orders(intent: CanaryIntent, trigger: Decimal, quantity: Decimal) -> tuple[PlaceOrder, PlaceOrder]:
    close = PlaceOrder(
        symbol=intent.symbol, client_id=intent.close_id, side=OrderSide.SELL, kind=OrderKind.STOP_MARKET,
        trigger_price=trigger, close_position=True,
    )  # fmt: skip
    stop = PlaceOrder(
        symbol=intent.symbol, client_id=intent.stop_id, side=OrderSide.SELL, kind=OrderKind.STOP_MARKET,
        trigger_price=trigger, quantity=quantity,
    )  # fmt: skip
    return close, stop


def _as_sent(report: AlgoReport, order: PlaceOrder) -> bool:
    wanted = (order.kind, order.side, order.trigger_price, order.close_position)
    shown = (report.kind, report.side, report.trigger_price, report.close_position)
    return shown == wanted and (order.quantity is None or report.quantity == order.quantity)


def _name(trial: _Trial) -> str:
    kind = "closePosition stop" if trial.order is not None and trial.order.close_position else "stop"
    return f"the {kind} {trial.client_id}"
