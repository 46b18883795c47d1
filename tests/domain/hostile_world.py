"""A desk trades on an honest exchange through a world that loses, delays, repeats and reorders, and kills the process.

Everything is drawn from one seed; the number of faults is a budget, after which the world is kind and all must end
well.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from random import Random
from typing import TypeVar

import msgspec

from tests.domain.hostile_hands import BLANK_MS, HANDS, Hand, close_by_hand, go_blank, lose_an_order
from tests.domain.money_builders import NOW, SYMBOL, plan
from tests.kit.tiny_exchange import TinyExchange
from vortex.domain.client_id import OrderIds
from vortex.domain.desk.bracket import Bracket
from vortex.domain.desk.desk import Desk
from vortex.domain.desk.notices import Closed, Failed
from vortex.domain.order import (
    ZERO,
    AlgoReport,
    CancelOrder,
    ExchangeRequest,
    OrderReport,
    OrderRole,
    Outcome,
    PlaceOrder,
    Refused,
    SetLeverage,
    Side,
    Unknown,
)
from vortex.domain.trade import CloseReason

TICK_MS = 100
HOLD_MS = 9_000
LOOK_MS = 500
QUIET_MS = 5_000
"""Nothing rests so long after the last position."""
LAGGED_QUIET_MS = 35_000
"""What an exchange that lags did not show is found at the next look at a symbol without a trade."""
BLIND_MS = 12_000
"""An entry may leave beside what a person opened unheard of while answers lag, or soon after."""
TRADES = 2
TIMEOUT_MS = 2_000
FAULT_SHARE = 0.2
SLOW_MS = 1_500
BOOK_MS = 500
AFTER_MS = 3_000
"""What is not told at once may be found out so much later."""
FATES = ("kind", "lost", "lost answer", "lost and lagging", "slow", "refused", "partial", "bit by bit")
"""Of a request."""
HARMLESS = ("kind", "partial", "bit by bit")
"""These are no reason to be unprotected."""
COST_MS: Mapping[Hand, int] = {go_blank: BLANK_MS + 4_000, lose_an_order: 11_000}
"""What is not told is seen at the next look at the whole truth."""
T = TypeVar("T")


class HostileWorld:
    """One symbol's life under one seed.

    Attributes:
        naked: How long each unprotected stretch lasted, and what the faults around it may have cost, milliseconds.
        ended: How each trade ended, by trade id.
        unsafe: What left that must never leave.

    Args:
        faults: How many there may be.
        hands: What may happen to a position.
    """

    def __init__(self, seed: int, faults: int, hands: Sequence[Hand] = HANDS) -> None:
        self._random = Random(seed)  # chooses faults, keeps no secret
        self._faults, self._hands = faults, hands
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._order = count()
        self._epoch = 0
        self._kept: Bracket | None = None
        self._journal: bytes | None = None
        self._accounted = 0
        self._costs: list[tuple[int, int]] = []
        self._naked_since: int | None = None
        self._lag_from_ms = self._lag_to_ms = 0
        self._lagged: list[tuple[int, int]] = []
        self._plans = 0
        self._leverage_in_doubt = False
        self.now_ms = NOW
        self.exchange = TinyExchange(NOW)
        self.naked: list[tuple[int, int]] = []
        self.ended: dict[str, Closed | Failed] = {}
        self.unsafe: list[str] = []
        self.desk: Desk | None = None
        self._boot()

    # ------------------------------------------------------------------------------------------------------ the run

    def run(self) -> None:
        """Trade until all trades are over and nothing is left to do, or a limit is hit."""
        quiet_ms = 0
        while quiet_ms < QUIET_MS or (self._lag_to_ms and self.exchange.resting and quiet_ms < LAGGED_QUIET_MS):
            assert self.now_ms < NOW + 600_000, "it never comes to rest"
            self._tick()
            done = self._plans >= TRADES and self.exchange.position == 0 and self.desk is not None and self.desk.free
            quiet_ms = quiet_ms + TICK_MS if done else 0

    def _tick(self) -> None:
        self.now_ms += TICK_MS
        while self._due and self._due[0][0] <= self.now_ms:
            due_ms, _, action = heapq.heappop(self._due)
            self.exchange.now_ms = due_ms
            action()
            self._watch(due_ms)
        self.exchange.now_ms = self.now_ms
        self._watch(self.now_ms)
        if self.desk is not None:
            self.desk.on_time(self.now_ms)
            self._trade(self.desk)
            self._take_back(self.desk)
            self._settle()

    def _trade(self, desk: Desk) -> None:
        """What decision and monitor would do."""
        if desk.free and self._plans < TRADES:
            self._plans += 1
            ids = desk.ids.new()
            side, leverage = self._random.choice(list(Side)), self._random.choice((10, 20))
            trade_plan = plan(side=side, leverage=leverage, book_ms=self.now_ms, decided_ms=self.now_ms)
            desk.open(trade_plan, ids[OrderRole.ENTRY], ids, self.now_ms)
            self._later(self._random.randrange(HOLD_MS // 2), self._meddle)
        elif self.now_ms % LOOK_MS < TICK_MS:
            trade = desk.trade
            if trade is not None and self.now_ms - trade.opened_ms > HOLD_MS:
                desk.close(trade.trade_id, CloseReason.TIME_EXIT)

    def _meddle(self) -> None:
        """The market does something to the position, the exchange or a person to it, or a person to us."""
        hand = self._random.choice((*self._hands, None))
        if hand is not None and self.exchange.position:
            hand(self.exchange, self._random)
            self._costs.append((self.now_ms, COST_MS.get(hand, 0)))
        elif hand is None and self.desk is not None:
            self.desk.flatten(self._random.choice((CloseReason.HALT, CloseReason.MANUAL)), self.now_ms)
            self._settle()
        self._tell_events()

    def _take_back(self, desk: Desk) -> None:
        """What a person left open he closes himself once nothing of ours is under way."""
        if desk.bracket is None and desk.vacancy.foreign and self.exchange.position:
            close_by_hand(self.exchange, self._random)
            self._tell_events()

    # -------------------------------------------------------------------------------------------- journal, then send

    def _settle(self) -> None:
        """What the exchange actor does after every message: keep, plan, keep, send. The process may die in between."""
        desk = self.desk
        if desk is None or self._dies():
            return
        self._take_notices(desk)
        self._keep(desk)
        planned = desk.plan(self.now_ms)
        self._take_notices(desk)
        if planned is None:
            return
        _, request = planned
        assert desk.in_flight is None
        desk.sent(request, self.now_ms)
        self._keep(desk)
        if self._dies():
            return
        self._send(request, desk)

    def _take_notices(self, desk: Desk) -> None:
        ends = [notice for notice in desk.take_notices() if isinstance(notice, Closed | Failed)]
        self.ended |= {notice.bracket.trade_id: notice for notice in ends}

    def _keep(self, desk: Desk) -> None:
        self._accounted, bracket = desk.vacancy.last_fill_id, desk.bracket
        if bracket is not self._kept:
            self._kept = bracket
            self._journal = None if bracket is None else msgspec.json.encode(bracket)

    def _dies(self) -> bool:
        if self._fate((False, True), share=0.002) is False:
            return False
        downtime_ms = self._random.choice((100, 1_000, 15_000))
        self._costs.append((self.now_ms, downtime_ms + 3_000))
        self.desk = None
        self._later(downtime_ms, self._boot)
        return True

    def _boot(self) -> None:
        self._epoch += 1
        found = None if self._journal is None else msgspec.json.decode(self._journal, type=Bracket)
        self.desk = Desk(SYMBOL, OrderIds("main", SYMBOL, self._epoch), found, last_fill_id=self._accounted)

    # ------------------------------------------------------------------------------------------------------- the wire

    def _send(self, request: ExchangeRequest, desk: Desk) -> None:
        fate = self._fate(FATES)
        there_ms, back_ms = self._random.randrange(20, 80), self._random.randrange(5, 30)
        answer = self._once(request, desk)
        self._note(request, fate, desk)
        if fate == "slow":
            there_ms = self._random.randrange(100, TIMEOUT_MS)
        elif fate == "lost and lagging":
            self._lag_from_ms, self._lag_to_ms = self.now_ms, self.now_ms + self._random.randrange(9_000)
            self._lagged.append((self._lag_from_ms, self._lag_to_ms + BLIND_MS))

        def arrive() -> None:
            outcome = self._arrive(request, fate)
            if fate not in ("lost answer", "lost and lagging"):
                self._later(back_ms, lambda: answer(outcome))

        if fate == "refused":
            self._later(there_ms + back_ms, lambda: answer(self._refusal(request)))
        elif fate != "lost":
            self._later(there_ms, arrive)
        self._later(TIMEOUT_MS, lambda: answer(Unknown(text="timeout")))

    def _arrive(self, request: ExchangeRequest, fate: str) -> Outcome:
        """The exchange gets it."""
        exchange, slowly = self.exchange, fate == "bit by bit"
        share = self._random.choice(("0", "0.5")) if slowly or fate == "partial" else "1"
        lag_ms = exchange.now_ms - self._lag_from_ms if exchange.now_ms < self._lag_to_ms else 0
        outcome = exchange.apply(request, share=share, slow=slowly, lag_ms=lag_ms)
        naked = exchange.position and exchange.ours and not exchange.protected()
        if naked and isinstance(request, CancelOrder) and request.client_id.endswith(OrderRole.STOP):
            self.unsafe.append(f"{request.client_id} was cancelled while it was needed")
        self._tell_events()
        if slowly and isinstance(request, PlaceOrder):
            self._later(self._random.randrange(SLOW_MS), lambda: self._complete(request.client_id))
        return outcome

    def _note(self, request: ExchangeRequest, fate: str, desk: Desk) -> None:
        """What it may cost, and whether it should leave at all."""
        if fate not in HARMLESS:
            self._costs.append((self.now_ms, 10_000 if fate == "lost and lagging" else TIMEOUT_MS + 1_500))
        if isinstance(request, SetLeverage) and fate != "kind":
            self._leverage_in_doubt = True
        if isinstance(request, PlaceOrder) and request.client_id.endswith(OrderRole.ENTRY):
            self._look_at_entry(desk)

    def _once(self, request: ExchangeRequest, desk: Desk) -> Callable[[Outcome], None]:
        """Take the first answer to a request; one to a dead process reaches nobody."""
        answered = False

        def answer(outcome: Outcome) -> None:
            nonlocal answered
            if not answered and self.desk is desk:
                answered = True
                desk.on_reply(request, outcome, self.now_ms)
                self._settle()

        return answer

    def _look_at_entry(self, desk: Desk) -> None:
        assert desk.bracket is not None
        decided = desk.bracket.plan
        if self.now_ms - decided.book_ms > BOOK_MS:
            self.unsafe.append(f"an entry left on a book of {self.now_ms - decided.book_ms} ms ago")
        if self.exchange.leverage != decided.leverage and not self._leverage_in_doubt:
            self.unsafe.append(f"an entry planned at leverage {decided.leverage} left at {self.exchange.leverage}")

    def blind(self, at_ms: int) -> bool:
        """True when what the exchange answered may have been older than what people did."""
        return any(from_ms <= at_ms <= to_ms for from_ms, to_ms in self._lagged)

    def disturbed(self, since_ms: int, until_ms: int) -> bool:
        """True when a fault or a hand may have had a share in what happened then."""
        return any(at_ms <= until_ms and at_ms + cost_ms + AFTER_MS >= since_ms for at_ms, cost_ms in self._costs)

    def _complete(self, client_id: str) -> None:
        if client_id in self.exchange.orders:
            self.exchange.complete(client_id)
            self._tell_events()

    def _refusal(self, request: ExchangeRequest) -> Outcome:
        """Too little margin; a stop that would trigger at once; a time that is too old."""
        code = -1021 if not isinstance(request, PlaceOrder) else -2021 if request.close_position else -2019
        return Refused(code=code, text="refused")

    def _tell_events(self) -> None:
        events, self.exchange.events = self.exchange.events, []
        for event in events:
            fate = self._fate(("kind", "late", "twice", "lost", "lost and noticed"))
            delay_ms = self._random.randrange(5, 40)
            if fate == "late":
                delay_ms = self._random.randrange(3_000)
                self._costs.append((self.now_ms, delay_ms))
            if fate.startswith("lost"):
                self._costs.append((self.now_ms, 13_000))
            else:
                self._later(delay_ms, self._hear(event))
            if fate == "twice":
                self._later(self._random.randrange(3_000), self._hear(event))
            if fate == "lost and noticed":
                self._later(self._random.randrange(5_000), self._distrust)

    def _hear(self, event: OrderReport | AlgoReport) -> Callable[[], None]:
        def hear() -> None:
            if self.desk is not None:
                self.desk.on_report(event, self.now_ms)
                self._settle()

        return hear

    def _distrust(self) -> None:
        if self.desk is not None:
            self.desk.distrust()

    # ---------------------------------------------------------------------------------------------------- the judge

    def _watch(self, now_ms: int) -> None:
        """Measure how long the position is open without a stop."""
        naked = self.exchange.ours != ZERO and not self.exchange.protected()
        if naked and self._naked_since is None:
            self._naked_since = now_ms
        elif not naked and self._naked_since is not None:
            since = self._naked_since
            allowed = sum(cost for at_ms, cost in self._costs if at_ms <= now_ms and at_ms + cost >= since)
            self.naked.append((now_ms - since, allowed))
            self._naked_since = None

    def _later(self, delay_ms: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.now_ms + delay_ms, next(self._order), action))

    def _fate(self, fates: Sequence[T], share: float = FAULT_SHARE) -> T:
        """The first of them is kind; any other takes one of the budget."""
        if self._faults <= 0 or self._random.random() >= share:
            return fates[0]
        self._faults -= 1
        return self._random.choice(fates[1:])
